"""The register of beamformers, from which they are built by name."""

from __future__ import annotations

from typing import Any

from mimolearn.beamformers.base import Beamformer
from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_one_of
from mimolearn.foundation.tensors.modes import in_standard_mode
from mimolearn.link.array import HybridArray

_BEAMFORMERS: dict[str, type[Beamformer]] = {}


def register(*classes: type[Beamformer]) -> None:
    """Add beamformers to the register, in the order of the documentation."""
    _BEAMFORMERS.update({cls.name: cls for cls in classes})


def beamformer_names() -> tuple[str, ...]:
    """Names that ``make_beamformer`` knows, in the order of the documentation."""
    return tuple(_BEAMFORMERS)


def beamformer_class(name: str) -> type[Beamformer]:
    """Return the class of a name; the error for an unknown name suggests the nearest one.

    Args:
        name: of a method.
    """
    return _BEAMFORMERS[check_one_of("beamformer", name, _BEAMFORMERS)]


@in_standard_mode
def make_beamformer(
    name: str,
    array: HybridArray | None = None,
    constellation: Constellation | str = "qpsk",
    **options: Any,
) -> Beamformer:
    """Build a beamformer by name, without trained numbers.

    Args:
        name: one of ``beamformer_names()``.
        array: numbers of antennas, RF chains, users and streams; default ``HybridArray()``.
        constellation: a Constellation or its name; default "qpsk".
        options: of the method, as its class lists them.

    Raises:
        InvalidInputError: for an unknown name or option, or a value that is not allowed.

    >>> make_beamformer("mser-gd", HybridArray(num_streams=2), num_iter=50).array.total_streams
    4
    """
    cls = beamformer_class(name)
    for option in options:
        check_one_of(f"option of beamformer {name!r}", option, cls.option_names())
    return cls(array, constellation, **options)
