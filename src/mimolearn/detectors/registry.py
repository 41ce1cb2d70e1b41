"""Detectors by name: registration, look-up and construction."""

from __future__ import annotations

from typing import Any

from mimolearn.constellation import Constellation
from mimolearn.detectors.base import Detector
from mimolearn.foundation.errors import check_one_of
from mimolearn.foundation.tensors.modes import in_standard_mode

_DETECTORS: dict[str, type[Detector]] = {}


def register(*classes: type[Detector]) -> None:
    """Register the library's detectors by name, in the order of the documentation."""
    _DETECTORS.update({cls.name: cls for cls in classes})


# Other libraries' detectors, see ``interop``.
_PEERS: dict[str, type[Detector]] = {}


def register_peer(cls: type[Detector]) -> type[Detector]:
    """Register a detector of another library, wrapped to the contract, by its name."""
    _PEERS[cls.name] = cls
    return cls


def peer_names() -> tuple[str, ...]:
    """Return the names of other libraries' detectors that ``make_detector`` knows too."""
    return tuple(_PEERS)


def detector_names() -> tuple[str, ...]:
    """Return the names that ``make_detector`` knows, in the order of the documentation."""
    return tuple(_DETECTORS)


def detector_class(name: str) -> type[Detector]:
    """Return the class of a name.

    Raises:
        InvalidInputError: for an unknown name; the message has the nearest known one.
    """
    known = _DETECTORS | _PEERS
    return known[check_one_of("detector", name, known)]


@in_standard_mode
def make_detector(name: str, constellation: Constellation | str, /, **options: Any) -> Detector:
    """Build a detector by name.

    Args:
        name: of the detector, see ``detector_names``.
        constellation: of the symbols, or its name.
        options: options of the detector.

    Raises:
        InvalidInputError: for an unknown name or option, and for a value that is not allowed.

    >>> make_detector("lmmse", "qpsk").constellation
    Constellation('qpsk')
    """
    cls = detector_class(name)
    for option in options:
        check_one_of(f"option of detector {name!r}", option, cls.option_names())
    return cls(constellation, **options)
