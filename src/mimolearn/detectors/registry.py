"""Detectors by name: registration, look-up and construction."""

from __future__ import annotations

import functools
from typing import Any

from mimolearn.constellation import Constellation
from mimolearn.detectors.base import Detector
from mimolearn.foundation.errors import check_one_of, invalid
from mimolearn.foundation.plugins import entry_points, import_modules, load_entry_point
from mimolearn.foundation.tensors.modes import in_standard_mode
from mimolearn.weights import is_weights_name

_DETECTORS: dict[str, type[Detector]] = {}


def register(*classes: type[Detector]) -> None:
    """Register the library's detectors by name, in the order of the documentation."""
    _DETECTORS.update({cls.name: cls for cls in classes})


GROUP = "mimolearn.detectors"
"""Entry points of installed packages in this group are detectors too."""

# Other libraries' detectors, see ``interop``, and those of other packages.
_PEERS: dict[str, type[Detector]] = {}


def register_peer(cls: type[Detector]) -> type[Detector]:
    """Register a detector of another library, wrapped to the contract, by its name."""
    _PEERS[cls.name] = cls
    return cls


def peer_names() -> tuple[str, ...]:
    """Return the names of other libraries' detectors that ``make_detector`` knows too."""
    return tuple(_peers())


@functools.cache
def _add_peers() -> None:
    """Register what other modules and packages offer."""
    import_modules(GROUP)
    for name, point in entry_points(GROUP).items():
        cls = load_entry_point(point)
        if not (isinstance(cls, type) and issubclass(cls, Detector) and cls.name == name):
            expected = f"a subclass of mimolearn.Detector whose name is {name!r}"
            raise invalid(f"entry point {name!r}", f"<{point.value}>", expected)
        if name not in _DETECTORS:
            register_peer(cls)


def _peers() -> dict[str, type[Detector]]:
    _add_peers()
    return _PEERS


def detector_names() -> tuple[str, ...]:
    """Return the names that ``make_detector`` knows, in the order of the documentation."""
    return tuple(_DETECTORS)


def detector_class(name: str) -> type[Detector]:
    """Return the class of a name.

    Args:
        name: of a detector, however written.

    Raises:
        InvalidInputError: for an unknown name; the message has the nearest known one.
    """
    name = detector_name(name)
    known = _DETECTORS if name in _DETECTORS else _DETECTORS | _peers()
    if name not in known and is_weights_name(name):
        raise invalid(
            "detector", name, f"an algorithm; these are trained weights: mimolearn.load({name!r})"
        )
    return known[check_one_of("detector", name, known)]


def detector_name(name: str) -> str:
    """Return the library's name of a detector, however people write it.

    A name that is not understood is returned as it is.

    Args:
        name: as people write it.

    >>> detector_name("LMMSE"), detector_name("K_Best"), detector_name("mine")
    ('lmmse', 'k-best', 'mine')
    """
    if not isinstance(name, str) or name in _DETECTORS:
        return name
    text = name.strip().lower().replace("_", "-")
    return text if text in _DETECTORS else name


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
