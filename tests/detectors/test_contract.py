"""One contract, run over a table of every detector.

A new detector adds one row to CONTRACT; what it does not promise is a False in that row.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import safetensors.torch
import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import Detection
from mimolearn.detectors import (
    Detector,
    IterativeDetector,
    detector_names,
    make_detector,
    peer_names,
)
from mimolearn.foundation.errors import InvalidInputError, NotSoftError

ALL = ("bpsk", "qpsk", "16-qam")


class Row(NamedTuple):
    """What a detector promises.

    constellations: those it is tried with. symmetric: permuting streams permutes outputs.
    differentiable: gradients reach y and h. recovers: finds every symbol at high SNR.
    overloaded: accepts Nt > Nr; otherwise refuses it. llr_tol: relative, float32 to float64.
    tol: to what permuted streams and a scaled link change nothing in float64.
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
    Row("sphere", constellations=("bpsk", "qpsk"), differentiable=False),
    Row("sphere", constellations=("16-qam",), differentiable=False, overloaded=False),
    Row("soft-sphere", constellations=("bpsk", "qpsk"), differentiable=False),
    Row(
        "soft-sphere",
        {"llr_clip": 8.0},
        ("16-qam",),
        differentiable=False,
        overloaded=False,
    ),
    Row("k-best", {"k": 8}, ("bpsk", "qpsk"), differentiable=False),
    Row("k-best", {"k": 8}, ("16-qam",), differentiable=False, overloaded=False),
    Row("sdr", constellations=("bpsk", "qpsk"), differentiable=False),
    Row("ep", llr_tol=2e-2),
    Row("oamp", llr_tol=2e-2),
    Row("oamp", {"damping": 0.3}, ("16-qam",), llr_tol=2e-2),
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


@pytest.fixture(params=CASES, ids=case_id)
def case(request: pytest.FixtureRequest) -> tuple[Row, str]:
    return request.param


@pytest.fixture
def row(case: tuple[Row, str]) -> Row:
    return case[0]


@pytest.fixture
def detector(case: tuple[Row, str]) -> Detector:
    return make_detector(case[0].name, case[1], **case[0].options)


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


def test_table_covers_every_detector() -> None:
    assert {row.name for row in CONTRACT} == {*detector_names(), *peer_names()}


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
@pytest.mark.parametrize("num_vectors", [1, 4])
def test_shapes(detector: Detector, batch: tuple[int, ...], num_vectors: int) -> None:
    c = detector.constellation
    y, h, noise_var, indices = draw(c, batch, num_vectors, dtype=torch.complex64)
    detection = detector(y, h, noise_var)
    symbols = (*batch, num_vectors, 3)
    assert detection.indices().shape == indices.shape == symbols
    assert detection.indices().dtype == torch.int64
    assert detection.bits().shape == (*symbols, c.bits_per_symbol)
    assert detection.bits().dtype == torch.uint8
    assert detection.finite().shape == (*batch, num_vectors)
    assert detection.finite().all()
    assert detection.soft_symbols().shape == symbols
    assert detection.soft_symbols().dtype == torch.complex64
    if detector.soft:
        assert detection.llr().shape == (*symbols, c.bits_per_symbol)
        assert detection.llr().dtype == torch.float32
    else:
        with pytest.raises(NotSoftError):
            detection.llr()


def test_batch_equals_loop(detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation, (2, 3))
    whole = detector(y, h, noise_var)
    for i in range(2):
        for j in range(3):
            one = detector(y[i, j], h[i, j], noise_var[i, j])
            assert torch.equal(one.indices(), whole.indices()[i, j])
            torch.testing.assert_close(
                soft(one, detector), soft(whole, detector)[i, j], rtol=1e-8, atol=1e-8
            )


def test_vectors_of_a_block_are_independent(detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation)
    whole = detector(y, h, noise_var)
    one = detector(y[:, 2:3], h, noise_var)
    torch.testing.assert_close(
        soft(one, detector), soft(whole, detector)[:, 2:3], rtol=1e-8, atol=1e-8
    )


def test_forward_is_prepare_then_detect(detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation)
    split = detector.detect(detector.prepare(h, noise_var), y)
    assert_same(detector(y, h, noise_var), split, detector)


def test_number_as_noise_var(detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation)
    assert_same(detector(y, h, noise_var), detector(y, h, 0.2), detector)


def test_permuting_streams_permutes_outputs(row: Row, detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation)
    order = torch.tensor([2, 0, 1])
    plain, permuted = detector(y, h, noise_var), detector(y, h[..., order], noise_var)
    same = torch.allclose(
        soft(permuted, detector), soft(plain, detector)[..., order, :], rtol=row.tol, atol=row.tol
    )
    # A row that says False has to mean it.
    assert same == row.symmetric


def test_joint_scaling_changes_nothing(row: Row, detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation)
    plain = detector(y, h, noise_var)
    for a in (0.03, 17.0):
        assert_same(detector(a * y, a * h, a * a * noise_var), plain, detector, row.tol)


@pytest.mark.parametrize("num_rx_ant", [3, 6])
def test_rotated_antennas_change_nothing_where_promised(
    row: Row, detector: Detector, num_rx_ant: int
) -> None:
    y, h, noise_var, _ = draw(detector.constellation, size=(num_rx_ant, 3))
    q, r = torch.linalg.qr(h)
    plain, rotated = detector(y, h, noise_var), detector(y @ q.conj(), r, noise_var)
    if detector.rotation_invariant:
        tol = 1e-5 if row.name == "ep" else 1e-8
        assert_same(rotated, plain, detector, tol)


@pytest.mark.parametrize("name", ["oamp", "deep-cg-online"])
def test_who_looks_at_all_antennas_does_not_promise_that_they_may_be_rotated(name: str) -> None:
    detector = make_detector(name, "qpsk")
    y, h, noise_var, _ = draw(detector.constellation, size=(16, 3))
    q, r = torch.linalg.qr(h)
    plain, rotated = detector(y, h, noise_var).llr(), detector(y @ q.conj(), r, noise_var).llr()
    assert not torch.allclose(plain, rotated, rtol=1e-6, atol=1e-6)
    assert not detector.rotation_invariant


@pytest.mark.parametrize("a", [1e-10, 1e10])
def test_tiny_and_huge_inputs_in_single_precision(row: Row, detector: Detector, a: float) -> None:
    y, h, noise_var, _ = draw(detector.constellation, dtype=torch.complex64)
    plain, scaled = detector(y, h, noise_var), detector(a * y, a * h, a * a * noise_var)
    assert scaled.finite().all()
    tol = row.llr_tol
    torch.testing.assert_close(
        soft(scaled, detector), soft(plain, detector), rtol=tol, atol=10 * tol
    )


def test_single_precision_agrees_with_double(row: Row, detector: Detector) -> None:
    double = draw(detector.constellation)
    single = draw(detector.constellation, dtype=torch.complex64)
    expected = soft(detector(*double[:3]), detector)
    got = soft(detector(*single[:3]), detector).to(expected.dtype)
    torch.testing.assert_close(got, expected, rtol=row.llr_tol, atol=10 * row.llr_tol)


def test_gradients(row: Row, detector: Detector) -> None:
    if not row.differentiable:
        return
    y, h, noise_var, _ = draw(detector.constellation, (2,), 2)
    y.requires_grad_()
    h.requires_grad_()

    def loss(y: Tensor, h: Tensor) -> Tensor:
        return torch.tanh(detector(y, h, noise_var).llr() / 8).square().sum()

    gradients = torch.autograd.grad(loss(y, h), (y, h))
    generator = torch.Generator().manual_seed(5)
    for i, gradient in enumerate(gradients):
        assert torch.isfinite(torch.view_as_real(gradient)).all()
        direction = torch.randn(gradient.shape, generator=generator, dtype=gradient.dtype)
        step = 1e-6 * direction
        with torch.no_grad():
            plus = loss(y + step, h) if i == 0 else loss(y, h + step)
            minus = loss(y - step, h) if i == 0 else loss(y, h - step)
        slope = (gradient.conj() * direction).real.sum()
        torch.testing.assert_close(slope, (plus - minus) / 2e-6, rtol=1e-4, atol=1e-6)


def test_state_survives_safetensors(case: tuple[Row, str], detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation)
    stored = safetensors.torch.save(detector.state_dict())
    other = make_detector(case[0].name, case[1], **case[0].options)
    other.load_state_dict(safetensors.torch.load(stored))
    assert_same(detector(y, h, noise_var), other(y, h, noise_var), detector)


def test_recovers_all_symbols_at_high_snr(row: Row, detector: Detector) -> None:
    c = detector.constellation
    generator = torch.Generator().manual_seed(3)
    h = torch.linalg.qr(torch.randn(8, 6, 3, generator=generator, dtype=torch.complex128))[0]
    h = h + 0.05 * torch.randn(h.shape, generator=generator, dtype=h.dtype)
    indices = torch.randint(c.num_points, (8, 16, 3), generator=generator)
    noise = torch.randn((8, 16, 6), generator=generator, dtype=h.dtype)
    y = c.map(indices, torch.complex128) @ h.mT + 1e-2 * noise
    if row.recovers:
        assert torch.equal(detector(y, h, 1e-4).indices(), indices)


@pytest.mark.parametrize("noise_var", [1e-9, 0.2, 1e6])
@pytest.mark.parametrize("deficiency", ["equal-columns", "zero-column", "zero-channel"])
def test_rank_deficient_channel_is_finite_or_flagged(
    detector: Detector, deficiency: str, noise_var: float
) -> None:
    y, h, variance, _ = draw(detector.constellation, dtype=torch.complex64, noise_var=noise_var)
    h = h.clone()
    if deficiency == "equal-columns":
        h[1, :, 2] = h[1, :, 0]
    elif deficiency == "zero-column":
        h[1, :, 1] = 0
    else:
        h[1] = 0
    detection = detector(y, h, variance)
    assert detection.indices().shape == (3, 4, 3)
    finite = detection.finite()
    assert finite[0].all()
    assert finite[2].all()
    if detector.soft:
        assert not torch.isnan(detection.llr()[finite]).any()


def test_more_streams_than_antennas(row: Row, detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation, size=(2, 3))
    if row.overloaded:
        assert detector(y, h, noise_var).indices().shape == (3, 4, 3)
    else:
        with pytest.raises(InvalidInputError, match=r"^h: .*Nt <= Nr"):
            detector(y, h, noise_var)


def test_non_finite_input_raises_one_line(detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation)
    for field in ("h", "y"):
        inputs = {"y": y.clone(), "h": h.clone()}
        inputs[field][0, 0, 0] = float("nan")
        message = rf"^{field}: got <1 of \d+ entries NaN or infinite>, expected finite entries$"
        with pytest.raises(InvalidInputError, match=message):
            detector(inputs["y"], inputs["h"], noise_var)


def test_wrong_inputs_name_the_field(detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation)
    wrong: list[tuple[str, Any, Any, Any]] = [
        ("h", y, h[0, 0], noise_var),
        ("h", y, h.real, noise_var),
        ("y", y[..., :-1], h, noise_var),
        ("y", y[:2], h, noise_var),
        ("y", y[:, 0], h, noise_var),
        ("y", y.to(torch.complex64), h, noise_var),
        ("noise_var", y, h, 0.0),
        ("noise_var", y, h, -1.0),
        ("noise_var", y, h, float("nan")),
        ("noise_var", y, h, noise_var[:2]),
    ]
    for field, y_, h_, noise_ in wrong:
        with pytest.raises(InvalidInputError, match=f"^{field}: "):
            detector(y_, h_, noise_)


def test_iterates_end_in_the_detector_s_estimate(detector: Detector) -> None:
    if not isinstance(detector, IterativeDetector):
        return
    y, h, noise_var, _ = draw(detector.constellation)
    iterates = detector.iterates(detector.prepare(h, noise_var), y)
    assert len(iterates) == detector.num_iter
    assert all(x.shape == (3, 4, 3) and x.is_complex() for x in iterates)
    assert all(torch.isfinite(torch.view_as_real(x)).all() for x in iterates)


def test_cost_grows_with_size(detector: Detector) -> None:
    small, large = detector.cost(8, 4), detector.cost(16, 8)
    assert 0 < small.per_channel < large.per_channel
    if small.per_vector is not None and large.per_vector is not None:
        assert 0 < small.per_vector < large.per_vector


def test_unknown_option_is_refused(case: tuple[Row, str]) -> None:
    with pytest.raises(InvalidInputError, match="no_such_option"):
        make_detector(case[0].name, case[1], no_such_option=1)
