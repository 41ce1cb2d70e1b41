"""Names that people write in several ways."""

from __future__ import annotations

import re

_QAM = re.compile(r"(?:qam[-_ ]?(\d+)|(\d+)[-_ ]?qam)")
_OURS = re.compile(r"bpsk|qpsk|\d+-qam")


def constellation_name(name: str) -> str:
    """Return the library's name of a constellation, however people write it.

    A name that is not understood is returned as it is.

    >>> [constellation_name(name) for name in ("QPSK", "16qam", "QAM16", "64-QAM", "4qam")]
    ['qpsk', '16-qam', '16-qam', '64-qam', 'qpsk']
    """
    if not isinstance(name, str):
        return name
    text = name.strip().lower()
    match = _QAM.fullmatch(text)
    if match:
        text = f"{match[1] or match[2]}-qam"
    text = "qpsk" if text == "4-qam" else text
    return text if _OURS.fullmatch(text) else name
