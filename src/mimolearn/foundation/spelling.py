"""Names that people write in several ways."""

from __future__ import annotations

import re

_KINDS = "qam|psk|apsk"
_SIZED = re.compile(rf"(?:({_KINDS})[-_ ]?(\d+)|(\d+)[-_ ]?({_KINDS}))([-_ ]gray)?")
_OURS = re.compile(r"bpsk|qpsk(-gray)?|\d+-(qam|psk|apsk)(-gray)?")


def constellation_name(name: str) -> str:
    """Return the library's name of a constellation, however people write it.

    A name that is not understood is returned as it is.

    >>> [constellation_name(name) for name in ("QPSK", "16qam", "QAM16", "8PSK", "4qam")]
    ['qpsk', '16-qam', '16-qam', '8-psk', 'qpsk']
    """
    if not isinstance(name, str):
        return name
    text = name.strip().lower()
    match = _SIZED.fullmatch(text)
    if match:
        text = f"{match[2] or match[3]}-{match[1] or match[4]}{'-gray' if match[5] else ''}"
    text = re.sub(r"^4-(qam|psk)", "qpsk", text)
    return text if _OURS.fullmatch(text) else name
