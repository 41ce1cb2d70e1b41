"""Detectors by name."""

from __future__ import annotations

from typing import Any

from mimolearn.constellation import Constellation
from mimolearn.detectors.base import Cost, Detector, IterativeDetector
from mimolearn.detectors.cg import ConjugateGradient
from mimolearn.detectors.cgnr import CGNR
from mimolearn.detectors.deep_cg import DeepCG
from mimolearn.detectors.deep_cg_online import DeepCGOnline
from mimolearn.detectors.detnet import DetNet
from mimolearn.detectors.ep import ExpectationPropagation
from mimolearn.detectors.eq_net import EQNetEstimator
from mimolearn.detectors.eq_net_published import EQNetPublishedEstimator
from mimolearn.detectors.equi_net import EquiNet
from mimolearn.detectors.gauss_seidel import GaussSeidel
from mimolearn.detectors.guarded import Guarded
from mimolearn.detectors.k_best import KBest
from mimolearn.detectors.l_wesnet import LWeSNet
from mimolearn.detectors.las import Las
from mimolearn.detectors.lcgnet_m import LcgNetM
from mimolearn.detectors.lcgnet_s import LcgNetS
from mimolearn.detectors.lcgnet_v import LcgNetV
from mimolearn.detectors.lmmse import LMMSE
from mimolearn.detectors.ml import ML
from mimolearn.detectors.mmse_sic import MMSESIC
from mimolearn.detectors.mrc import MRC
from mimolearn.detectors.neumann import Neumann
from mimolearn.detectors.nn_det import NNDet
from mimolearn.detectors.oamp import OAMP
from mimolearn.detectors.oamp_net2 import OAMPNet2
from mimolearn.detectors.qlcgnet_v import QLcgNetV, quantize_lcgnet
from mimolearn.detectors.qlcgnet_v_soft import SoftQLcgNetV
from mimolearn.detectors.r_wesnet import RWeSNet
from mimolearn.detectors.sdr import SDR
from mimolearn.detectors.slim_wesnet import SlimWeSNet
from mimolearn.detectors.soft_sphere import SoftSphere
from mimolearn.detectors.sphere import Sphere
from mimolearn.detectors.tap_net import TapNet
from mimolearn.detectors.unfolded import UnfoldedDetector
from mimolearn.detectors.wesnet import WeSNet
from mimolearn.detectors.wl_cg import WidelyLinearCG
from mimolearn.detectors.wl_lmmse import WidelyLinearLMMSE
from mimolearn.detectors.zf import ZeroForcing
from mimolearn.detectors.zf_sic import ZFSIC
from mimolearn.errors import check_one_of
from mimolearn.modes import in_standard_mode

_DETECTORS: dict[str, type[Detector]] = {
    cls.name: cls
    for cls in (
        MRC,
        ZeroForcing,
        LMMSE,
        WidelyLinearLMMSE,
        ConjugateGradient,
        WidelyLinearCG,
        Neumann,
        GaussSeidel,
        ZFSIC,
        MMSESIC,
        ML,
        Sphere,
        SoftSphere,
        KBest,
        SDR,
        ExpectationPropagation,
        OAMP,
        Las,
        Guarded,
        LcgNetS,
        LcgNetV,
        LcgNetM,
        TapNet,
        QLcgNetV,
        SoftQLcgNetV,
        CGNR,
        DeepCG,
        DeepCGOnline,
        DetNet,
        WeSNet,
        RWeSNet,
        LWeSNet,
        SlimWeSNet,
        EquiNet,
        OAMPNet2,
        NNDet,
        EQNetEstimator,
        EQNetPublishedEstimator,
    )
}


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


__all__ = [
    "CGNR",
    "LMMSE",
    "ML",
    "MMSESIC",
    "MRC",
    "OAMP",
    "SDR",
    "ZFSIC",
    "ConjugateGradient",
    "Cost",
    "DeepCG",
    "DeepCGOnline",
    "DetNet",
    "Detector",
    "EQNetEstimator",
    "EQNetPublishedEstimator",
    "EquiNet",
    "ExpectationPropagation",
    "GaussSeidel",
    "Guarded",
    "IterativeDetector",
    "KBest",
    "LWeSNet",
    "Las",
    "LcgNetM",
    "LcgNetS",
    "LcgNetV",
    "NNDet",
    "Neumann",
    "OAMPNet2",
    "QLcgNetV",
    "RWeSNet",
    "SlimWeSNet",
    "SoftQLcgNetV",
    "SoftSphere",
    "Sphere",
    "TapNet",
    "UnfoldedDetector",
    "WeSNet",
    "WidelyLinearCG",
    "WidelyLinearLMMSE",
    "ZeroForcing",
    "detector_class",
    "detector_names",
    "make_detector",
    "peer_names",
    "quantize_lcgnet",
    "register_peer",
]
