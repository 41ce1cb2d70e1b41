"""Detectors that are files of other formats, by the end of their name: ``receiver.onnx``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from mimolearn.detectors.base import Detector
from mimolearn.foundation.errors import InvalidInputError, user_path
from mimolearn.foundation.plugins import import_modules

GROUP = "mimolearn.detector_files"
"""Group of the modules that register readers when they are imported."""

SUFFIXES = (".onnx",)
"""Ends of names that a reader is registered for."""

_READERS: dict[str, Callable[[str], Detector]] = {}


def register_reader(suffix: str, read: Callable[[str], Detector]) -> None:
    """Let a function read the files of a format.

    Args:
        suffix: one of SUFFIXES.
        read: from the path of a file to its detector; it raises one-line errors.
    """
    _READERS[suffix] = read


def is_detector_file(name: str) -> bool:
    """Return True for the name of a file that ``read_detector`` reads.

    >>> is_detector_file("receiver.onnx"), is_detector_file("net.safetensors")
    (True, False)
    """
    return name.endswith(SUFFIXES)


def read_detector(name: str) -> Detector:
    """Read the detector of a file.

    Args:
        name: path of the file, with one of SUFFIXES.

    Raises:
        InvalidInputError: for a file that is missing or no detector.
        MimolearnError: if a package that reads it is not installed.
    """
    import_modules(GROUP)
    return next(read for suffix, read in _READERS.items() if name.endswith(suffix))(name)


def file_digest(name: str) -> str:
    """Return 64 hex digits of SHA-256 over a file.

    Raises:
        InvalidInputError: for a file that cannot be read.
    """
    try:
        with user_path(name).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInputError(f"{name}: cannot be read: {error.strerror}") from None
