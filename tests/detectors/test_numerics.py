"""Numbers that no detector may trip over: scales, silent streams, extreme noise."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from mimolearn import InvalidInputError, detector_names, make_detector
from mimolearn.constellation import Constellation
from mimolearn.detection import Detection
from mimolearn.detectors import Detector, detector_class

SINGLE, DOUBLE = torch.complex64, torch.complex128
NUM_RX, NUM_TX = 6, 3
# Of the contract's table: how far float32 may be from float64.
LLR_TOL = {"ep": 2e-2, "oamp": 2e-2, "oamp-net2": 2e-2, "guarded": 2e-2, "deep-cg-online": 2e-2}


def make(name: str, constellation: str) -> Detector:
    wanted = {"num_tx_ant": NUM_TX, "inner": "lmmse", "num_symbols": 20, "num_steps": 2}
    known = detector_class(name).option_names()
    options = {key: value for key, value in wanted.items() if key in known}
    return make_detector(name, constellation, **options).eval()


def _accepted(name: str) -> list[tuple[str, str]]:
    cases = []
    for constellation in ("bpsk", "qpsk", "16-qam"):
        try:
            make(name, constellation)
        except InvalidInputError:
            continue
        cases.append((name, constellation))
    return cases


CASES = [case for name in detector_names() for case in _accepted(name)]
# One row a detector, the constellation with most levels.
ONE_EACH = list(dict(CASES).items())
# What solves for all streams together, or for each alone, keeps a silent one to itself.
SILENT = ["mrc", "zf", "lmmse", "wl-lmmse", "zf-sic", "mmse-sic", "eq-net", "ep", "cg", "neumann"]


class Draw(NamedTuple):
    y: Tensor
    h: Tensor
    noise_var: Tensor


def draw(
    c: Constellation, num_channels: int, dtype: torch.dtype = SINGLE, noise_var: float = 0.2
) -> Draw:
    generator = torch.Generator().manual_seed(1)
    h = torch.randn((num_channels, NUM_RX, NUM_TX), generator=generator, dtype=DOUBLE)
    sent = torch.randint(c.num_points, (num_channels, 2, NUM_TX), generator=generator)
    noise = torch.randn((num_channels, 2, NUM_RX), generator=generator, dtype=DOUBLE)
    y = c.map(sent, DOUBLE) @ h.mT + noise * noise_var**0.5
    variance = torch.full((num_channels,), noise_var, dtype=dtype.to_real())
    return Draw(y.to(dtype), h.to(dtype), variance)


def answers(detector: Detector, y: Tensor, h: Tensor, noise_var: Tensor) -> list[Detection]:
    with torch.no_grad():
        split = detector.detect(detector.prepare(h, noise_var), y)
        return [detector(y, h, noise_var), split]


def check_sound(detector: Detector, detection: Detection) -> None:
    """Where ``finite`` says so, nothing is a NaN."""
    finite, indices = detection.finite(), detection.indices()
    assert indices.min() >= 0
    assert indices.max() < detector.constellation.num_points
    if detector.soft:
        assert not torch.isnan(detection.llr()[finite]).any()
    soft = torch.view_as_real(detection.soft_symbols()[finite])
    assert torch.isfinite(soft).all()


# lmmse and mrc have kernels of whole groups, which more channels reach.
@pytest.mark.parametrize("num_channels", [2, 17])
@pytest.mark.parametrize(("name", "constellation"), CASES)
@pytest.mark.soak(only=True)
def test_scale_changes_no_decision(name: str, constellation: str, num_channels: int) -> None:
    check_scales(name, constellation, num_channels, (-15, -12, -6, 6, 12, 15))


LINEAR = [(name, points) for name in ("lmmse", "mrc", "zf") for points in ("bpsk", "qpsk")]


@pytest.mark.parametrize(("name", "constellation"), [*ONE_EACH, *LINEAR])
def test_large_and_small_amplitudes_change_no_decision(name: str, constellation: str) -> None:
    check_scales(name, constellation, 17, (-15, 15))


def check_scales(
    name: str, constellation: str, num_channels: int, exponents: tuple[int, ...]
) -> None:
    detector = make(name, constellation)
    inputs = draw(detector.constellation, num_channels)
    y, h, noise_var = inputs
    plain = answers(detector, *inputs)
    for exponent in exponents:
        # A power of two, so that rounding does not depend on it.
        s = 2.0 ** round(3.3219 * exponent)
        for found, expected in zip(
            answers(detector, s * y, s * h, s * s * noise_var), plain, strict=True
        ):
            assert found.finite().all()
            assert torch.equal(found.indices(), expected.indices())
            if detector.soft:
                tol = LLR_TOL.get(name, 2e-3)
                torch.testing.assert_close(found.llr(), expected.llr(), rtol=tol, atol=10 * tol)


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
@pytest.mark.parametrize("name", SILENT)
@pytest.mark.parametrize("num_channels", [2, 17])
def test_silent_stream_leaves_the_others_their_decisions(
    name: str, dtype: torch.dtype, num_channels: int
) -> None:
    detector = make(name, "qpsk")
    y, h, noise_var = draw(detector.constellation, num_channels, dtype)
    h = h.clone()
    h[1, :, 1] = 0
    others = [0, 2]
    without = h[..., others].contiguous()
    fewer = make_detector(name, "qpsk", **({"num_tx_ant": 2} if name == "eq-net" else {}))
    alone = fewer.eval()(y, without, noise_var)
    for detection in answers(detector, y, h, noise_var):
        assert detection.finite().all()
        assert detection.llr()[1, :, 1].abs().max() < 1e-3
        assert torch.equal(detection.indices()[1][:, others], alone.indices()[1])


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
@pytest.mark.parametrize("kind", ["zero row", "zero channel", "equal columns", "huge column"])
@pytest.mark.parametrize("name", ["mrc", "zf", "lmmse", "mmse-sic", "zf-sic", "k-best", "tap-net"])
def test_bad_channel_is_its_own_business(name: str, kind: str, dtype: torch.dtype) -> None:
    detector = make_detector(name, "16-qam").eval()
    y, h, noise_var = draw(detector.constellation, 3, dtype, 1e-6)
    h = h.clone()
    if kind == "zero row":
        h[1, 2] = 0
    elif kind == "zero channel":
        h[1] = 0
    elif kind == "equal columns":
        h[1, :, 2] = h[1, :, 0]
    else:
        h[1, :, 0] *= 1e12
    good = [0, 2]
    alone = detector(y[good], h[good], noise_var[good])
    for detection in answers(detector, y, h, noise_var):
        check_sound(detector, detection)
        assert detection.finite()[good].all()
        assert torch.equal(detection.indices()[good], alone.indices())


@pytest.mark.parametrize(("name", "constellation"), CASES)
@pytest.mark.soak(only=True)
def test_any_noise_is_finite_or_flagged(name: str, constellation: str) -> None:
    check_noise(name, constellation, (-60, -30, 0, 40, 80, 120, 160, 200))


@pytest.mark.parametrize(("name", "constellation"), ONE_EACH)
def test_extreme_noise_is_finite_or_flagged(name: str, constellation: str) -> None:
    check_noise(name, constellation, (-60, 200))


def check_noise(name: str, constellation: str, snrs: tuple[int, ...]) -> None:
    detector = make(name, constellation)
    for snr in snrs:
        for dtype in (SINGLE, DOUBLE):
            inputs = draw(detector.constellation, 2, dtype, 10 ** (-snr / 10))
            for detection in answers(detector, *inputs):
                check_sound(detector, detection)


@pytest.mark.parametrize("constellation", ["bpsk", "qpsk", "16-qam", "64-qam"])
@pytest.mark.parametrize("noise_var", [1e-37, 1e37])
@pytest.mark.parametrize(
    ("name", "options"),
    [("mmse-sic", {"model": "published"}), ("zf-sic", {}), ("zf", {}), ("lmmse", {}), ("mrc", {})],
)
def test_noise_at_the_ends_of_single_precision_gives_numbers(
    name: str, options: dict, constellation: str, noise_var: float
) -> None:
    detector = make_detector(name, constellation, **options)
    y, h, _ = draw(detector.constellation, 17)
    h = h.clone()
    h[3] *= 1e17
    for detection in answers(detector, y, h, torch.full((17,), noise_var)):
        check_sound(detector, detection)
