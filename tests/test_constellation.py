"""Constellations against the standard's formula, Sionna's points, and sums over all points."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mimolearn import Constellation, InvalidInputError

ALL = [Constellation(name) for name in Constellation.names(separable=True)]
SQUARE = [c for c in ALL if not c.is_real]

by_name = pytest.mark.parametrize("c", ALL, ids=lambda c: c.name)
square_by_name = pytest.mark.parametrize("c", SQUARE, ids=lambda c: c.name)


def ts38211_point(bits: list[int]) -> complex:
    """TS 38.211 sections 5.1.3 to 5.1.7 written out, one line a modulation."""
    s = [1 - 2 * b for b in bits]
    match len(bits):
        case 2:
            return complex(s[0], s[1]) / math.sqrt(2)
        case 4:
            return complex(s[0] * (2 - s[2]), s[1] * (2 - s[3])) / math.sqrt(10)
        case 6:
            real, imag = s[0] * (4 - s[2] * (2 - s[4])), s[1] * (4 - s[3] * (2 - s[5]))
            return complex(real, imag) / math.sqrt(42)
        case 8:
            real = s[0] * (8 - s[2] * (4 - s[4] * (2 - s[6])))
            imag = s[1] * (8 - s[3] * (4 - s[5] * (2 - s[7])))
            return complex(real, imag) / math.sqrt(170)
        case 10:
            real = s[0] * (16 - s[2] * (8 - s[4] * (4 - s[6] * (2 - s[8]))))
            imag = s[1] * (16 - s[3] * (8 - s[5] * (4 - s[7] * (2 - s[9]))))
            return complex(real, imag) / math.sqrt(682)
    raise AssertionError(len(bits))


def noisy_points(c: Constellation, spread: float = 0.5, num: int = 400) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    index = torch.randint(c.num_points, (num,), generator=generator)
    noise = torch.randn(num, generator=generator, dtype=torch.complex128)
    return c.map(index, torch.complex128) + spread * noise


def brute_force_metric(c: Constellation, r: torch.Tensor, error_var: torch.Tensor) -> torch.Tensor:
    """(n, M) log-likelihoods, over every point and in both dimensions."""
    return -((r[:, None] - c.points_as(torch.complex128)).abs() ** 2) / error_var[:, None]


@square_by_name
def test_points_are_those_of_ts_38_211(c: Constellation) -> None:
    expected = torch.tensor([ts38211_point(bits) for bits in c.labels.tolist()])
    torch.testing.assert_close(c.points, expected.to(torch.complex64))


@square_by_name
def test_points_are_those_of_sionna(c: Constellation) -> None:
    from sionna.phy.mapping import qam

    expected = torch.from_numpy(qam(c.bits_per_symbol, normalize=True, precision="double"))
    torch.testing.assert_close(c.points_as(torch.complex128), expected)


@by_name
def test_unit_energy_and_zero_mean(c: Constellation) -> None:
    points = c.points_as(torch.complex128)
    assert points.abs().square().mean().item() == pytest.approx(1, abs=1e-14)
    assert abs(points.mean().item()) < 1e-14


@by_name
def test_neighbours_differ_in_one_bit(c: Constellation) -> None:
    points = torch.view_as_real(c.points_as(torch.complex128))
    gaps = torch.cdist(points, points).fill_diagonal_(9)
    neighbours = gaps < 1.01 * c.min_distance()
    differing = (c.labels.int().unsqueeze(1) != c.labels.int()).sum(-1)
    assert (differing[neighbours] == 1).all()
    levels = c.num_levels
    assert neighbours.sum().item() // 2 == (1 if c.is_real else 2 * levels * (levels - 1))


@by_name
def test_labels_are_indices_in_binary(c: Constellation) -> None:
    index = torch.arange(c.num_points)
    assert torch.equal(c.bits_to_indices(c.labels), index)
    assert ["".join(map(str, row)) for row in c.labels.tolist()] == [
        format(i, f"0{c.bits_per_symbol}b") for i in range(c.num_points)
    ]


def test_bpsk_is_real() -> None:
    c = Constellation("bpsk")
    assert c.is_real
    assert c.points.tolist() == [1, -1]
    r = torch.tensor([0.2 + 9j, -0.2 - 9j])
    assert c.nearest(r).tolist() == [0, 1]
    mean, _ = c.posterior(r, torch.tensor(0.5))
    assert torch.equal(mean.imag, torch.zeros(2))


@by_name
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_nearest_is_the_brute_force_argmin(c: Constellation, dtype: torch.dtype) -> None:
    r = torch.cat([noisy_points(c), 50 * noisy_points(c), 1e6 * noisy_points(c, num=20)]).to(dtype)
    distance = (r.to(torch.complex128)[:, None] - c.points_as(torch.complex128)).abs()
    chosen = distance.gather(1, c.nearest(r)[:, None]).squeeze(1)
    torch.testing.assert_close(chosen, distance.amin(1), rtol=1e-6, atol=1e-6)
    assert torch.equal(c.nearest(c.points_as(dtype)), torch.arange(c.num_points))


@by_name
def test_nearest_of_infinite_and_nan_is_some_index(c: Constellation) -> None:
    inf, nan = math.inf, math.nan
    r = torch.tensor([complex(inf, -inf), complex(-inf, inf), complex(nan, nan)])
    index = c.nearest(r)
    assert bool(((index >= 0) & (index < c.num_points)).all())
    assert int(index[0]) == int(c.nearest(torch.tensor([1e6 - 1e6j])))


@by_name
@pytest.mark.parametrize("method", ["exact", "max-log"])
@pytest.mark.parametrize("spread", [0.05, 0.5, 3.0])
def test_llr_equals_the_sum_over_all_points(c: Constellation, method: str, spread: float) -> None:
    r = noisy_points(c, spread)
    error_var = torch.linspace(0.5, 2, len(r), dtype=torch.float64) * spread**2
    metric = brute_force_metric(c, r, error_var)
    reduce = torch.logsumexp if method == "exact" else torch.amax
    expected = torch.stack(
        [
            reduce(metric[:, c.labels[:, b] == 1], 1) - reduce(metric[:, c.labels[:, b] == 0], 1)
            for b in range(c.bits_per_symbol)
        ],
        1,
    )
    torch.testing.assert_close(c.llr(r, error_var, method), expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(c.logits_to_llr(metric, method), expected, rtol=1e-9, atol=1e-9)


@by_name
def test_llr_signs_are_the_labels(c: Constellation) -> None:
    llr = c.llr(c.points, torch.tensor(0.01))
    assert torch.equal((llr > 0).to(torch.uint8), c.labels)


@by_name
@pytest.mark.parametrize("spread", [0.05, 0.5, 3.0])
def test_posterior_equals_the_sum_over_all_points(c: Constellation, spread: float) -> None:
    r = noisy_points(c, spread)
    error_var = torch.linspace(0.5, 2, len(r), dtype=torch.float64) * spread**2
    weights = torch.softmax(brute_force_metric(c, r, error_var), 1)
    points = c.points_as(torch.complex128)
    mean = (weights * points).sum(1)
    var = (weights * (points - mean[:, None]).abs() ** 2).sum(1)
    got_mean, got_var = c.posterior(r, error_var)
    torch.testing.assert_close(got_mean, mean, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(got_var, var, rtol=1e-8, atol=1e-12)


@by_name
@pytest.mark.parametrize("error_var", [1e-12, 1e-6, 1e6])
def test_extreme_noise_stays_finite(c: Constellation, error_var: float) -> None:
    var = torch.tensor(error_var)
    mean, posterior_var = c.posterior(c.points * 1.001, var)
    assert bool(torch.isfinite(c.llr(c.points * 1.001, var)).all())
    assert bool(torch.isfinite(torch.view_as_real(mean)).all())
    assert bool((posterior_var >= 0).all())
    if error_var < 1:
        torch.testing.assert_close(mean, c.points)
    else:
        assert float(mean.abs().max()) < 1e-2
        torch.testing.assert_close(posterior_var, torch.ones(c.num_points), rtol=1e-2, atol=0)


def test_small_posterior_variance_does_not_cancel() -> None:
    # Two levels: 4 e^(-2z) to first order, which 1 - tanh(z)^2 would round to 0 in float32.
    _, var = Constellation("bpsk").posterior(torch.tensor([1 + 0j]), torch.tensor(0.2))
    assert var.item() == pytest.approx(4 * math.exp(-20), rel=1e-5)


@by_name
def test_logits_of_independent_bits(c: Constellation) -> None:
    llr = torch.randn(50, c.bits_per_symbol, generator=torch.Generator().manual_seed(2)) * 5
    logits = c.llr_to_logits(llr.to(torch.float64))
    torch.testing.assert_close(logits.exp().sum(-1), torch.ones(50, dtype=torch.float64))
    torch.testing.assert_close(c.logits_to_llr(logits), llr.to(torch.float64))


@given(st.sampled_from(ALL), st.data())
def test_bits_indices_points_round_trip(c: Constellation, data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from([(), (1,), (2, 3)]))
    num = math.prod(shape) * c.bits_per_symbol
    flat = data.draw(st.lists(st.integers(0, 1), min_size=num, max_size=num))
    bits = torch.tensor(flat, dtype=torch.uint8).reshape(*shape, c.bits_per_symbol)
    index = c.bits_to_indices(bits)
    assert index.shape == shape
    assert torch.equal(c.indices_to_bits(index), bits)
    assert torch.equal(c.nearest(c.map(index)), index)


def test_names_compare_and_misspelt_names_are_refused() -> None:
    assert Constellation("qpsk") == Constellation("qpsk")
    assert Constellation("qpsk") != Constellation("bpsk")
    assert len({Constellation("qpsk"), Constellation("qpsk")}) == 1
    with pytest.raises(InvalidInputError, match=r"constellation: got '16pam'.*mean '16-qam'"):
        Constellation("16pam")
    with pytest.raises(InvalidInputError, match=r"bits: got <shape \(3,\)>"):
        Constellation("qpsk").bits_to_indices(torch.zeros(3))
    with pytest.raises(InvalidInputError, match=r"method: got 'maxlog'"):
        Constellation("qpsk").llr(torch.zeros(1, dtype=torch.complex64), torch.ones(1), "maxlog")
