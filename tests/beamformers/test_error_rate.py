"""Exact error rates: enumeration, series and drawn symbols agree; known closed forms hold."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mimolearn.beamformers import Beams, drawn_symbol_errors, symbol_error_rate
from mimolearn.beamformers.gains import align_phases
from mimolearn.foundation.errors import InvalidInputError


def drawn_beams(num: int, users: int, streams: int, turn: float) -> tuple[Tensor, Beams]:
    """Random channels and beams, with a phase left in the own gains."""
    generator = torch.Generator().manual_seed(users + 10 * streams)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.complex128)

    h, f_bb = draw(num, users, 4, 8), draw(num, 5, users * streams)
    f_rf, w_rf = (draw(*s).sgn() for s in ((num, 8, 5), (num, users, 4, 3)))
    f_bb = f_bb / torch.linalg.matrix_norm(f_rf @ f_bb)[:, None, None]
    beams = align_phases(h, Beams(f_rf, f_bb, w_rf, draw(num, users, 3, streams)))
    return h, beams._replace(w_bb=beams.w_bb * complex(math.cos(turn), math.sin(turn)))


CASES = [
    ("qpsk", 2, 2, 2.0),
    ("qpsk", 2, 2, 0.02),
    ("qpsk", 1, 3, 0.1),
    ("16-qam", 1, 2, 0.2),
    ("16-qam", 2, 1, 0.02),
    ("64-qam", 1, 2, 0.01),
]


@pytest.mark.parametrize(("constellation", "users", "streams", "noise"), CASES)
@pytest.mark.parametrize("turn", [0.0, 0.3])
def test_series_and_enumeration_agree(
    constellation: str, users: int, streams: int, noise: float, turn: float
) -> None:
    h, beams = drawn_beams(4, users, streams, turn)
    exact, series = (
        symbol_error_rate(h, beams, noise, constellation, method)
        for method in ("enumerate", "series")
    )
    assert exact.shape == (4, users, streams)
    assert torch.allclose(exact, series, atol=2e-13, rtol=0)


@pytest.mark.parametrize(("constellation", "users", "streams", "noise"), CASES[::2])
def test_drawn_symbols_with_noise_agree(
    constellation: str, users: int, streams: int, noise: float
) -> None:
    h, beams = drawn_beams(3, users, streams, 0.2)
    variance = torch.full((3,), noise, dtype=torch.float64)
    num, generator = 100_000, torch.Generator().manual_seed(4)
    wrong = drawn_symbol_errors(h, beams, variance, constellation, num, generator)
    exact = symbol_error_rate(h, beams, variance, constellation)
    deviation = (exact * (1 - exact) / num).sqrt() + 1 / num
    assert float(((wrong / num - exact) / deviation).abs().max()) < 4.5


def test_a_single_stream_has_the_closed_form_of_its_constellation() -> None:
    h = torch.ones(1, 1, 1, 1, dtype=torch.complex128)
    one = torch.ones(1, 1, 1, dtype=torch.complex128)
    beams = Beams(one, one, one[:, None], one[:, None])
    for name, levels in (("qpsk", 2), ("16-qam", 4), ("64-qam", 8)):
        noise = 0.05
        distance = math.sqrt(3 / (2 * (levels**2 - 1)))
        tail = math.erfc(distance / math.sqrt(noise)) / 2
        axis = 2 * (1 - 1 / levels) * tail
        for method in ("enumerate", "series"):
            rate = float(symbol_error_rate(h, beams, noise, name, method))
            assert rate == pytest.approx(1 - (1 - axis) ** 2, abs=1e-13)


def test_the_scale_of_receivers_and_their_sign_do_not_matter() -> None:
    h, beams = drawn_beams(2, 2, 2, 0.1)
    for name in ("qpsk", "16-qam"):
        plain = symbol_error_rate(h, beams, 0.1, name, "series")
        turned = beams._replace(w_bb=-3.0 * beams.w_bb)
        assert torch.allclose(plain, symbol_error_rate(h, turned, 0.1, name, "series"), atol=1e-12)


def test_bad_arguments_are_one_line() -> None:
    h, beams = drawn_beams(2, 2, 2, 0.0)
    with pytest.raises(InvalidInputError, match="method: got 'sum', expected one of auto"):
        symbol_error_rate(h, beams, 0.1, "qpsk", "sum")
    with pytest.raises(InvalidInputError, match="constellation: got 'bpsk'"):
        symbol_error_rate(h, beams, 0.1, "bpsk")
    with pytest.raises(InvalidInputError, match="the batch and users of the beams"):
        symbol_error_rate(h[:, :1], beams, 0.1, "qpsk")
