"""The table of every detector, over which all tests of this folder run, and what they share.

A new detector adds one row to CONTRACT; what it does not promise is a False in that row.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import Detection
from mimolearn.detectors import Detector

ALL = ("bpsk", "qpsk", "16-qam")


class Row(NamedTuple):
    """What a detector promises.

    constellations: those it is tried with.
    symmetric: permuting streams permutes outputs.
    differentiable: gradients reach y and h.
    recovers: every symbol is right at high SNR.
    overloaded: accepts Nt > Nr; otherwise refuses it.
    llr_tol: relative error of float32 LLRs against float64.
    tol: tolerance to which permuted streams and a scaled link change nothing in float64.
    """

    name: str
    options: Mapping[str, Any] = MappingProxyType({})
    constellations: tuple[str, ...] = ALL
    symmetric: bool = True
    differentiable: bool = True
    recovers: bool = True
    overloaded: bool = True
    llr_tol: float = 2e-3
    tol: float = 1e-7


CONTRACT = [
    Row("mrc", recovers=False),
    Row("zf", overloaded=False),
    Row("lmmse"),
    Row("lmmse", {"biased": True, "demapping": "max-log"}, ("bpsk", "qpsk")),
    Row("wl-lmmse"),
    Row("cg"),
    Row("wl-cg"),
    Row("neumann"),
    Row("gauss-seidel", symmetric=False),
    Row("gauss-seidel", {"start": "zero"}, ("16-qam",), symmetric=False),
    Row("zf-sic", constellations=("bpsk",), symmetric=False),
    Row("zf-sic", constellations=("qpsk", "16-qam"), symmetric=False, overloaded=False),
    Row("mmse-sic", symmetric=False),
    Row("mmse-sic", {"order": "sorted", "llr_scale": 0.5, "llr_clip": 6.0}),
    Row("mmse-sic", {"model": "published"}, ("bpsk", "16-qam"), symmetric=False),
    Row("ml"),
    Row("ml", {"demapping": "max-log"}, ("bpsk", "qpsk")),
    Row("sphere", differentiable=False),
    Row("soft-sphere", constellations=("bpsk", "qpsk"), differentiable=False),
    Row(
        "soft-sphere",
        {"llr_clip": 8.0},
        ("16-qam",),
        differentiable=False,
        overloaded=False,
    ),
    Row("k-best", {"k": 8}, differentiable=False),
    Row("sdr", constellations=("bpsk", "qpsk"), differentiable=False),
    Row("ep", llr_tol=2e-2),
    Row("oamp", llr_tol=2e-2),
    Row("oamp", {"damping": 0.3}, ("16-qam",), llr_tol=2e-2),
    Row("oamp", {"variances": "shared"}, ("16-qam",), llr_tol=2e-2),
    Row("lama", recovers=False),
    Row("mmse-pic"),
    Row("mmse-pic", {"demapping": "max-log"}, ("16-qam",)),
    Row("tap-net"),
    Row("tap-net", {"form": "scalar", "start": "zero", "num_layers": 5}),
    Row("tap-net", {"adaptive": True}, ("16-qam",)),
    Row("las", {"inner": "lmmse"}, differentiable=False),
    Row("guarded", {"inner": "zf", "doubt": 0.0}, overloaded=False, llr_tol=2e-2),
    Row("guarded", {"inner": "mrc", "fallback": "lmmse"}, ("bpsk", "qpsk"), recovers=False),
    Row("lcgnet-s"),
    Row("lcgnet-v", {"num_tx_ant": 3}),
    Row("lcgnet-v", {"num_tx_ant": 3, "start": "half-imaginary"}, ("bpsk",)),
    Row("lcgnet-m", {"num_tx_ant": 3, "num_layers": 15}),
    Row("qlcgnet-v", {"num_tx_ant": 3}),
    Row("qlcgnet-v", {"num_tx_ant": 3, "tables": 2}, ("16-qam",)),
    Row("qlcgnet-v-soft", {"num_tx_ant": 3, "bits": 5}),
    Row("eq-net", {"num_tx_ant": 3}, ("qpsk", "16-qam")),
    Row("eq-net", {"num_tx_ant": 3, "cues": "ep"}, ("16-qam",), llr_tol=2e-2),
    Row("oamp-net2", llr_tol=2e-2),
    Row("oamp-net2", {"num_layers": 2, "demapping": "max-log"}, ("16-qam",), llr_tol=2e-2),
    Row("oamp-net2", {"variances": "streams"}, llr_tol=2e-2),
    # Its training has nothing to learn where no symbol is in doubt.
    Row("mmnet", {"num_layers": 3, "num_steps": 4}, ("bpsk",), differentiable=False),
    Row(
        "mmnet",
        {"num_layers": 3, "num_steps": 4},
        ("qpsk", "16-qam"),
        symmetric=False,
        differentiable=False,
        recovers=False,
        llr_tol=2e-2,
    ),
    Row("gepnet", {"num_layers": 4, "width": 16}, llr_tol=2e-2),
    Row("nn-det", {"num_tx_ant": 3}, ("qpsk", "16-qam"), symmetric=False, recovers=False),
    Row(
        "eq-net-published",
        {"num_tx_ant": 3},
        ("qpsk",),
        symmetric=False,
        recovers=False,
    ),
    Row(
        "eq-net-published",
        {"num_tx_ant": 3, "inputs": "whitened"},
        ("qpsk",),
        symmetric=False,
        recovers=False,
    ),
    Row("list-net", {"k": 8}, differentiable=False, llr_tol=2e-2),
    Row("list-net", {"beside": "lmmse"}, ("16-qam",), differentiable=False, llr_tol=2e-2),
    Row("cgnr"),
    Row("deep-cg", {"load": 0.5, "num_layers": 60}),
    Row("deep-cg", {"load": 0.5, "learn_rho": True, "num_layers": 60}, ("bpsk",)),
    Row(
        "deep-cg-online",
        {"load": 0.5, "num_layers": 60, "num_steps": 4, "num_symbols": 20},
        symmetric=False,
        differentiable=False,
        llr_tol=2e-2,
    ),
    Row(
        "detnet",
        {"num_tx_ant": 3, "num_layers": 4},
        ("bpsk", "qpsk"),
        symmetric=False,
        recovers=False,
    ),
    Row(
        "detnet",
        {"num_tx_ant": 3, "num_layers": 4, "version": 2},
        symmetric=False,
        recovers=False,
    ),
    Row(
        "detnet",
        {
            "num_tx_ant": 3,
            "num_layers": 4,
            "output": "logits",
            "activation": "gelu",
            "start": "lmmse",
        },
        symmetric=False,
        recovers=False,
    ),
    Row(
        "wesnet",
        {"num_tx_ant": 3, "num_layers": 4, "profile": "linear", "reading": "output"},
        ("bpsk", "qpsk"),
        symmetric=False,
        recovers=False,
    ),
    Row(
        "wesnet",
        {"num_tx_ant": 3, "num_layers": 4, "reading": "input"},
        ("bpsk",),
        symmetric=False,
        recovers=False,
    ),
    Row(
        "r-wesnet",
        {"num_tx_ant": 3, "num_layers": 4},
        ("bpsk",),
        symmetric=False,
        recovers=False,
    ),
    Row(
        "l-wesnet",
        {"num_tx_ant": 3, "num_layers": 4, "output": "logits", "width": 0.8},
        ("bpsk", "16-qam"),
        symmetric=False,
        recovers=False,
    ),
    Row(
        "slim-wesnet",
        {"num_tx_ant": 3, "num_layers": 4},
        ("bpsk", "qpsk"),
        symmetric=False,
        recovers=False,
    ),
    Row("equi-net", {"num_layers": 3}, recovers=False),
    Row("sionna-lmmse", llr_tol=1e-2),
    # Its absolute floor of 1e-12 lets rounding grow.
    Row(
        "sionna-ep",
        constellations=("qpsk", "16-qam"),
        differentiable=False,
        llr_tol=5e-2,
        tol=1e-3,
    ),
    Row("sionna-k-best", {"k": 8}, differentiable=False, overloaded=False, llr_tol=1e-2),
    Row("sionna-mmse-pic", llr_tol=5e-2),
]

CASES = [(row, name) for row in CONTRACT for name in row.constellations]


def case_id(case: tuple[Row, str]) -> str:
    row, constellation = case
    options = "".join(f"-{key}={value}" for key, value in row.options.items())
    return f"{row.name}{options}-{constellation}"


class Draw(NamedTuple):
    y: Tensor
    h: Tensor
    noise_var: Tensor
    indices: Tensor


def draw(
    constellation: Constellation,
    batch: tuple[int, ...] = (3,),
    num_vectors: int = 4,
    size: tuple[int, int] = (6, 3),
    noise_var: float = 0.2,
    dtype: torch.dtype = torch.complex128,
    seed: int = 1,
) -> Draw:
    generator = torch.Generator().manual_seed(seed)
    nr, nt = size
    h = torch.randn((*batch, nr, nt), generator=generator, dtype=torch.complex128)
    indices = torch.randint(
        constellation.num_points, (*batch, num_vectors, nt), generator=generator
    )
    noise = torch.randn((*batch, num_vectors, nr), generator=generator, dtype=torch.complex128)
    y = constellation.map(indices, torch.complex128) @ h.mT + noise * noise_var**0.5
    variance = torch.full(batch, noise_var, dtype=torch.float64)
    return Draw(y.to(dtype), h.to(dtype), variance.to(dtype.to_real()), indices)


def soft(detection: Detection, detector: Detector) -> Tensor:
    """LLRs, or for a hard detector its bits, so that one comparison serves both."""
    return detection.llr() if detector.soft else detection.bits().to(torch.float64)


def assert_same(a: Detection, b: Detection, detector: Detector, tol: float = 1e-9) -> None:
    assert torch.equal(a.indices(), b.indices())
    torch.testing.assert_close(soft(a, detector), soft(b, detector), rtol=tol, atol=tol)
