"""Detectors by name."""

from __future__ import annotations

from typing import Any

from mimolearn.constellation import Constellation
from mimolearn.detectors.base import Cost, Detector, IterativeDetector
from mimolearn.detectors.cancellation.mmse_sic import MMSESIC
from mimolearn.detectors.cancellation.zf_sic import ZFSIC
from mimolearn.detectors.linear.cg import ConjugateGradient
from mimolearn.detectors.linear.cgnr import CGNR
from mimolearn.detectors.linear.gauss_seidel import GaussSeidel
from mimolearn.detectors.linear.lmmse import LMMSE
from mimolearn.detectors.linear.mrc import MRC
from mimolearn.detectors.linear.neumann import Neumann
from mimolearn.detectors.linear.wl_cg import WidelyLinearCG
from mimolearn.detectors.linear.wl_lmmse import WidelyLinearLMMSE
from mimolearn.detectors.linear.zf import ZeroForcing
from mimolearn.detectors.message_passing.ep import ExpectationPropagation
from mimolearn.detectors.message_passing.oamp import OAMP
from mimolearn.detectors.networks.detnet import DetNet
from mimolearn.detectors.networks.eq_net import EQNetEstimator
from mimolearn.detectors.networks.eq_net_published import EQNetPublishedEstimator
from mimolearn.detectors.networks.equi_net import EquiNet
from mimolearn.detectors.networks.l_wesnet import LWeSNet
from mimolearn.detectors.networks.nn_det import NNDet
from mimolearn.detectors.networks.r_wesnet import RWeSNet
from mimolearn.detectors.networks.slim_wesnet import SlimWeSNet
from mimolearn.detectors.networks.wesnet import WeSNet
from mimolearn.detectors.search.k_best import KBest
from mimolearn.detectors.search.ml import ML
from mimolearn.detectors.search.sdr import SDR
from mimolearn.detectors.search.soft_sphere import SoftSphere
from mimolearn.detectors.search.sphere import Sphere
from mimolearn.detectors.unfolded.base import UnfoldedDetector
from mimolearn.detectors.unfolded.deep_cg import DeepCG
from mimolearn.detectors.unfolded.deep_cg_online import DeepCGOnline
from mimolearn.detectors.unfolded.lcgnet_m import LcgNetM
from mimolearn.detectors.unfolded.lcgnet_s import LcgNetS
from mimolearn.detectors.unfolded.lcgnet_v import LcgNetV
from mimolearn.detectors.unfolded.oamp_net2 import OAMPNet2
from mimolearn.detectors.unfolded.qlcgnet_v import QLcgNetV, quantize_lcgnet
from mimolearn.detectors.unfolded.qlcgnet_v_soft import SoftQLcgNetV
from mimolearn.detectors.unfolded.tap_net import TapNet
from mimolearn.detectors.wrappers.guarded import Guarded
from mimolearn.detectors.wrappers.las import Las
from mimolearn.foundation.errors import check_one_of
from mimolearn.foundation.tensors.modes import in_standard_mode

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
