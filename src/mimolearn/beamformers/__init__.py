"""Hybrid beamformers by name."""

from __future__ import annotations

from typing import Any

from mimolearn.beamformers.base import Beamformer, Beams, LearnedBeamformer
from mimolearn.beamformers.classical.fd_mmse import FullyDigitalMMSE
from mimolearn.beamformers.classical.fd_mser import FullyDigitalMser
from mimolearn.beamformers.classical.manifold import ManifoldOptimisation
from mimolearn.beamformers.classical.mmse_gd import MmseGd
from mimolearn.beamformers.classical.mser_gd import MserGd
from mimolearn.beamformers.classical.omp import Omp, OmpMmse
from mimolearn.beamformers.classical.svd_phase import SvdPhase
from mimolearn.beamformers.gains import stream_gains
from mimolearn.beamformers.objective.error_rate import drawn_symbol_errors, symbol_error_rate
from mimolearn.beamformers.unfolded.cnn import Cnn
from mimolearn.beamformers.unfolded.unfolded_mser import UnfoldedMser
from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_one_of
from mimolearn.foundation.tensors.modes import in_standard_mode
from mimolearn.link.array import HybridArray

_BEAMFORMERS: dict[str, type[Beamformer]] = {
    cls.name: cls
    for cls in (
        FullyDigitalMMSE,
        FullyDigitalMser,
        SvdPhase,
        Omp,
        OmpMmse,
        ManifoldOptimisation,
        MmseGd,
        MserGd,
        UnfoldedMser,
        Cnn,
    )
}


def beamformer_names() -> tuple[str, ...]:
    """Names that ``make_beamformer`` knows."""
    return tuple(_BEAMFORMERS)


def beamformer_class(name: str) -> type[Beamformer]:
    """The class behind a name; InvalidInputError names the nearest known one."""
    return _BEAMFORMERS[check_one_of("beamformer", name, _BEAMFORMERS)]


@in_standard_mode
def make_beamformer(
    name: str,
    array: HybridArray | None = None,
    constellation: Constellation | str = "qpsk",
    **options: Any,
) -> Beamformer:
    """Build a beamformer by name, for an array of RF chains, users and streams.

    >>> make_beamformer("mser-gd", HybridArray(num_streams=2), num_iter=50).array.total_streams
    4
    """
    cls = beamformer_class(name)
    for option in options:
        check_one_of(f"option of beamformer {name!r}", option, cls.option_names())
    return cls(array, constellation, **options)


__all__ = [
    "Beamformer",
    "Beams",
    "Cnn",
    "FullyDigitalMMSE",
    "FullyDigitalMser",
    "HybridArray",
    "LearnedBeamformer",
    "ManifoldOptimisation",
    "MmseGd",
    "MserGd",
    "Omp",
    "OmpMmse",
    "SvdPhase",
    "UnfoldedMser",
    "beamformer_class",
    "beamformer_names",
    "drawn_symbol_errors",
    "make_beamformer",
    "stream_gains",
    "symbol_error_rate",
]
