"""Detectors by name."""

from __future__ import annotations

from mimolearn.detectors.base import Cost, Detector
from mimolearn.detectors.cancellation.mmse_sic import MMSESIC
from mimolearn.detectors.cancellation.zf_sic import ZFSIC
from mimolearn.detectors.function import DetectorFunction, FunctionDetector
from mimolearn.detectors.iterative import IterativeDetector
from mimolearn.detectors.learned import UnfoldedDetector
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
from mimolearn.detectors.message_passing.lama import LAMA
from mimolearn.detectors.message_passing.mmse_pic import MMSEPIC
from mimolearn.detectors.message_passing.oamp import OAMP
from mimolearn.detectors.networks.equi_net import EquiNet
from mimolearn.detectors.networks.fully_connected.detnet import DetNet
from mimolearn.detectors.networks.fully_connected.l_wesnet import LWeSNet
from mimolearn.detectors.networks.fully_connected.r_wesnet import RWeSNet
from mimolearn.detectors.networks.fully_connected.slim_wesnet import SlimWeSNet
from mimolearn.detectors.networks.fully_connected.wesnet import WeSNet
from mimolearn.detectors.networks.gepnet import GEPNet
from mimolearn.detectors.networks.nn_det import NNDet
from mimolearn.detectors.networks.soft_bits.eq_net import EQNetEstimator
from mimolearn.detectors.networks.soft_bits.eq_net_published import EQNetPublishedEstimator
from mimolearn.detectors.networks.soft_bits.list_net import ListNet
from mimolearn.detectors.registry import (
    detector_class,
    detector_name,
    detector_names,
    make_detector,
    peer_names,
    register,
    register_peer,
)
from mimolearn.detectors.search.k_best import KBest
from mimolearn.detectors.search.ml import ML
from mimolearn.detectors.search.sdr import SDR
from mimolearn.detectors.search.soft_sphere import SoftSphere
from mimolearn.detectors.search.sphere import Sphere
from mimolearn.detectors.unfolded.deep_cg import DeepCG
from mimolearn.detectors.unfolded.deep_cg_online import DeepCGOnline
from mimolearn.detectors.unfolded.lcgnet_m import LcgNetM
from mimolearn.detectors.unfolded.lcgnet_s import LcgNetS
from mimolearn.detectors.unfolded.lcgnet_v import LcgNetV
from mimolearn.detectors.unfolded.mmnet import MMNet
from mimolearn.detectors.unfolded.oamp_net2 import OAMPNet2
from mimolearn.detectors.unfolded.qlcgnet_v import QLcgNetV, quantize_lcgnet
from mimolearn.detectors.unfolded.qlcgnet_v_soft import SoftQLcgNetV
from mimolearn.detectors.unfolded.tap_net import TapNet
from mimolearn.detectors.wrappers.guarded import Guarded
from mimolearn.detectors.wrappers.las import Las

register(
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
    LAMA,
    MMSEPIC,
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
    MMNet,
    GEPNet,
    NNDet,
    EQNetEstimator,
    EQNetPublishedEstimator,
    ListNet,
)


__all__ = [
    "CGNR",
    "LAMA",
    "LMMSE",
    "ML",
    "MMSEPIC",
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
    "DetectorFunction",
    "EQNetEstimator",
    "EQNetPublishedEstimator",
    "EquiNet",
    "ExpectationPropagation",
    "FunctionDetector",
    "GEPNet",
    "GaussSeidel",
    "Guarded",
    "IterativeDetector",
    "KBest",
    "LWeSNet",
    "Las",
    "LcgNetM",
    "LcgNetS",
    "LcgNetV",
    "ListNet",
    "MMNet",
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
    "detector_name",
    "detector_names",
    "make_detector",
    "peer_names",
    "quantize_lcgnet",
    "register_peer",
]
