"""The kinds of detection answer the same questions consistently."""

from __future__ import annotations

import math

import pytest
import torch

from mimolearn import (
    AxisGaussianDetection,
    AxisLogitDetection,
    Constellation,
    Detection,
    GaussianDetection,
    HardDetection,
    InvalidInputError,
    LLRDetection,
    LogitDetection,
    NotSoftError,
    llr_from_soft_bits,
)

NAMES = ["bpsk", "qpsk", "16-qam", "256-qam"]
SHAPE = (2, 3, 4, 5)


def gaussian(name: str, demapping: str = "exact") -> GaussianDetection:
    generator = torch.Generator().manual_seed(3)
    x_hat = torch.randn(SHAPE, generator=generator, dtype=torch.complex128)
    error_var = 0.05 + torch.rand(2, 3, 1, 5, generator=generator, dtype=torch.float64)
    return GaussianDetection(Constellation(name), x_hat, error_var, demapping)


def axis_gaussian(name: str) -> AxisGaussianDetection:
    c = Constellation(name)
    generator = torch.Generator().manual_seed(3)
    values = torch.randn(*SHAPE, 1 if c.is_real else 2, generator=generator, dtype=torch.float64)
    return AxisGaussianDetection(c, values, values.abs() / 3 + 0.02)


def logits(name: str) -> LogitDetection:
    c = Constellation(name)
    generator = torch.Generator().manual_seed(4)
    return LogitDetection(c, 3 * torch.randn(*SHAPE, c.num_points, generator=generator))


def axis_logits(name: str) -> AxisLogitDetection:
    whole = logits(name)
    c = whole.constellation
    marginals = c.logits_to_axis_logits(whole.logits)
    return AxisLogitDetection(c, marginals, whole.indices())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["exact", "max-log"])
def test_axis_logits_keep_the_bits(name: str, method: str) -> None:
    whole = logits(name)
    c = whole.constellation
    apart = c.axis_logits_to_llr(c.logits_to_axis_logits(whole.logits, method), method)
    torch.testing.assert_close(apart, c.logits_to_llr(whole.logits, method), rtol=1e-4, atol=1e-4)


def test_axis_logits_keep_the_means() -> None:
    for name in NAMES:
        means = logits(name).soft_symbols()
        torch.testing.assert_close(axis_logits(name).soft_symbols(), means, rtol=0, atol=1e-5)


def llrs(name: str) -> LLRDetection:
    c = Constellation(name)
    generator = torch.Generator().manual_seed(5)
    return LLRDetection(c, 4 * torch.randn(*SHAPE, c.bits_per_symbol, generator=generator))


def hard(name: str) -> HardDetection:
    c = Constellation(name)
    generator = torch.Generator().manual_seed(6)
    return HardDetection(c, torch.randint(c.num_points, SHAPE, generator=generator))


KINDS = [gaussian, axis_gaussian, logits, llrs, hard]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_shapes_dtypes_and_agreement(kind, name: str) -> None:
    detection: Detection = kind(name)
    c = detection.constellation
    assert detection.indices().shape == SHAPE
    assert detection.indices().dtype == torch.int64
    assert detection.bits().shape == (*SHAPE, c.bits_per_symbol)
    assert detection.bits().dtype == torch.uint8
    assert torch.equal(c.bits_to_indices(detection.bits()), detection.indices())
    assert detection.soft_symbols().shape == SHAPE
    assert detection.soft_symbols().is_complex()
    assert detection.finite().shape == SHAPE[:-1]
    assert bool(detection.finite().all())


@pytest.mark.parametrize("name", NAMES)
def test_gaussian_equals_its_own_logits(name: str) -> None:
    detection = gaussian(name)
    c = detection.constellation
    points = c.points_as(torch.complex128)
    metric = -((detection.x_hat[..., None] - points).abs() ** 2) / detection.error_var[..., None]
    exhaustive = LogitDetection(c, metric)
    assert torch.equal(detection.indices(), exhaustive.indices())
    torch.testing.assert_close(detection.llr(), exhaustive.llr())
    torch.testing.assert_close(detection.soft_symbols(), exhaustive.soft_symbols())


@pytest.mark.parametrize("name", NAMES)
def test_axis_gaussian_equals_the_sum_over_all_points(name: str) -> None:
    """Logits of every point from the two axes, each with its own variance."""
    detection = axis_gaussian(name)
    c = detection.constellation
    points = torch.view_as_real(c.points_as(torch.complex128))[:, : detection.values.shape[-1]]
    distance = (detection.values[..., None, :] - points).square()
    metric = -(distance / (2 * detection.error_var[..., None, :])).sum(-1)
    exhaustive = LogitDetection(c, metric)
    assert torch.equal(detection.indices(), exhaustive.indices())
    torch.testing.assert_close(detection.llr(), exhaustive.llr())
    torch.testing.assert_close(detection.soft_symbols(), exhaustive.soft_symbols())


@pytest.mark.parametrize("name", NAMES)
def test_axes_of_equal_variance_are_the_complex_gaussian(name: str) -> None:
    whole = gaussian(name)
    c = whole.constellation
    values = torch.view_as_real(whole.x_hat)[..., : 1 if c.is_real else 2]
    split = AxisGaussianDetection(c, values, whole.error_var[..., None] / 2)
    torch.testing.assert_close(split.llr(), whole.llr())
    torch.testing.assert_close(split.soft_symbols(), whole.soft_symbols())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [gaussian, axis_gaussian, logits])
def test_max_log_signs_are_the_decided_bits(kind, name: str) -> None:
    """The best point's bits are the signs of max-log LLRs, whatever gave the metrics."""
    detection = kind(name)
    detection.demapping = "max-log"
    assert torch.equal((detection.llr() > 0).to(torch.uint8), detection.bits())


@pytest.mark.parametrize("name", NAMES)
def test_llr_decides_by_sign_and_averages_over_bits(name: str) -> None:
    detection = llrs(name)
    c = detection.constellation
    assert torch.equal(detection.bits(), (detection.llr() > 0).to(torch.uint8))
    probability = torch.sigmoid(detection.llr().double())[..., None, :]
    per_point = torch.where(c.labels == 1, probability, 1 - probability).prod(-1)
    expected = (per_point * c.points_as(torch.complex128)).sum(-1)
    torch.testing.assert_close(detection.soft_symbols(), expected.to(torch.complex64))


def test_logit_offset_does_not_matter() -> None:
    one = logits("16-qam")
    other = LogitDetection(one.constellation, one.logits - 300)
    torch.testing.assert_close(one.llr(), other.llr(), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(one.soft_symbols(), other.soft_symbols(), rtol=1e-3, atol=1e-3)


def test_hard_has_no_llr_and_marks_invalid_decisions() -> None:
    c = Constellation("qpsk")
    index = torch.tensor([[0, 3], [-1, 2]])
    detection = HardDetection(c, index)
    assert detection.finite().tolist() == [True, False]
    assert detection.indices().tolist() == [[0, 3], [0, 2]]
    assert torch.equal(detection.soft_symbols(), c.map(torch.tensor([[0, 3], [0, 2]])))
    with pytest.raises(NotSoftError, match="hard decisions only"):
        detection.llr()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_output_is_flagged_where_it_is(bad: float) -> None:
    one = gaussian("qpsk")
    one.x_hat[1, 2, 3, 4] = bad
    expected = torch.ones(SHAPE[:-1], dtype=torch.bool)
    expected[1, 2, 3] = False
    assert torch.equal(one.finite(), expected)

    one = gaussian("qpsk")
    one.error_var[1, 2, 0, 4] = bad
    assert not bool(one.finite()[1, 2].any())
    assert int((~one.finite()).sum()) == SHAPE[2]

    axes = axis_gaussian("qpsk")
    axes.values[1, 2, 3, 4, 1] = bad
    assert torch.equal(axes.finite(), expected)

    other = logits("qpsk")
    other.logits[1, 2, 3, 4, 0] = bad
    assert torch.equal(other.finite(), expected)


def test_infinite_llr_is_certain_but_nan_is_not_a_decision() -> None:
    c = Constellation("qpsk")
    llr = torch.tensor([[[math.inf, -math.inf]], [[math.nan, 1.0]]])
    detection = LLRDetection(c, llr)
    assert detection.finite().tolist() == [True, False]
    assert detection.bits()[0, 0].tolist() == [1, 0]


@pytest.mark.parametrize("kind", [LLRDetection, HardDetection])
def test_a_search_reports_incomplete_answers_and_work(kind) -> None:
    c = Constellation("bpsk")
    content = torch.zeros(2, 3, 1) if kind is LLRDetection else torch.zeros(2, 3, dtype=torch.int64)
    incomplete, work = torch.tensor([True, False]), torch.tensor([7, 9])
    detection = kind(c, content, incomplete, work)
    assert detection.incomplete is incomplete
    assert detection.work is work
    assert gaussian("bpsk").incomplete is None


def test_soft_bits_become_llrs_or_are_refused_in_one_line() -> None:
    llr = torch.tensor([[-3.0, 0.25], [12.0, -0.5]], dtype=torch.float64)
    torch.testing.assert_close(llr_from_soft_bits(torch.tanh(llr / 2)), llr, rtol=1e-6, atol=1e-6)
    certain = llr_from_soft_bits(torch.tensor([-1.0, 1.0]))
    assert certain.abs().min() > 14
    assert torch.isfinite(certain).all()
    for bad, message in [
        (torch.tensor([0.5, 1.01]), "soft_bits: got <1 of 2, as 1.01>, expected numbers from -1"),
        (torch.tensor([math.nan, -2.0]), "soft_bits: got <2 of 2, as nan>"),
        (torch.tensor([1, 0]), "soft_bits: got <torch.int64>, expected a tensor of real"),
        ([0.5], "soft_bits: got <list>"),
    ]:
        with pytest.raises(InvalidInputError, match=message) as caught:
            llr_from_soft_bits(bad)  # pyright: ignore[reportArgumentType] (what users may pass)
        assert "\n" not in str(caught.value)


def test_one_real_axis_is_decided_as_its_nearest_point():
    c = Constellation("bpsk")
    values = torch.tensor([-2.0, -0.0, 0.0, 1e-30, 3.0]).reshape(1, 5, 1)
    found = AxisGaussianDetection(c, values, torch.ones(1)).indices()
    assert torch.equal(found, c.nearest(values[..., 0].to(torch.complex64)))
