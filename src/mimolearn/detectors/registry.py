"""Detectors by name: how they are registered, found and made."""

from __future__ import annotations

from typing import Any

from mimolearn.constellation import Constellation
from mimolearn.detectors.base import Detector
from mimolearn.foundation.errors import check_one_of
from mimolearn.foundation.tensors.modes import in_standard_mode

_DETECTORS: dict[str, type[Detector]] = {}


def register(*classes: type[Detector]) -> None:
    """Let the library's own detectors be made by name; their order is that of the documentation."""
    _DETECTORS.update({cls.name: cls for cls in classes})


# Other libraries' detectors, see ``interop``.
_PEERS: dict[str, type[Detector]] = {}


def register_peer(cls: type[Detector]) -> type[Detector]:
    """Let another library's detector, wrapped to the contract, be made by its name."""
    _PEERS[cls.name] = cls
    return cls


def peer_names() -> tuple[str, ...]:
    """Names of other libraries' detectors that ``make_detector`` knows too."""
    return tuple(_PEERS)


def detector_names() -> tuple[str, ...]:
    """Names that ``make_detector`` knows, in the order of the documentation."""
    return tuple(_DETECTORS)


def detector_class(name: str) -> type[Detector]:
    """The class behind a name; InvalidInputError names the nearest known one."""
    known = _DETECTORS | _PEERS
    return known[check_one_of("detector", name, known)]


@in_standard_mode
def make_detector(name: str, constellation: Constellation | str, /, **options: Any) -> Detector:
    """Build a detector by name.

    >>> make_detector("lmmse", "qpsk").constellation
    Constellation('qpsk')
    """
    cls = detector_class(name)
    for option in options:
        check_one_of(f"option of detector {name!r}", option, cls.option_names())
    return cls(constellation, **options)
