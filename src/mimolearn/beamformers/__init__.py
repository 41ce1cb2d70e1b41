"""Hybrid beamformers by name."""

from __future__ import annotations

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
from mimolearn.beamformers.registry import (
    beamformer_class,
    beamformer_names,
    make_beamformer,
    register,
)
from mimolearn.beamformers.unfolded.cnn import Cnn
from mimolearn.beamformers.unfolded.unfolded_mser import UnfoldedMser
from mimolearn.link.array import HybridArray

register(
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
