"""Writing files whole: a reader sees the old content or the new, never a part of either."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

# A file system takes 255 bytes a name; the temporary one is longer than that of the file.
_MOST_NAME_BYTES = 200


def write_atomically(path: str | Path, data: bytes | str) -> None:
    """Write a file at once or not at all; text is written as UTF-8.

    The content goes to a temporary file beside it, with a name that no other writer has, reaches
    the disk, and then takes the place of the file. A symbolic link goes on pointing to its file. A
    pipe or a device is written to as it is.
    Raises OSError, which names ``path``; nothing is left behind then.
    """
    content = data.encode() if isinstance(data, str) else data
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            with Path(path).open("wb") as stream:
                stream.write(content)
        else:
            _replace(target, content)
    except OSError as error:
        # The temporary name says nothing to a user.
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None


def _replace(target: Path, content: bytes) -> None:
    stem = os.fsencode(target.name)[:_MOST_NAME_BYTES].decode("utf-8", "ignore")
    partial = target.with_name(f".{stem}.{secrets.token_hex(8)}.partial")
    try:
        # Mode "x" refuses a file that is there, and leaves permissions to the process.
        with partial.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            with contextlib.suppress(OSError):
                partial.chmod(target.stat().st_mode & 0o7777)
        partial.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
