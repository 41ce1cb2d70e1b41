"""Priors of the bits: exact posteriors by enumeration, limits, and Sionna's MMSE-PIC."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from mimolearn import InvalidInputError, make_detector
from mimolearn.constellation import Constellation
from mimolearn.detectors.base import Compiled, Detector

from .contract.table import Draw, draw

DIFFERENTIABLE = ["mmse-pic", "ep", "oamp", "ml"]
TAKERS = [*DIFFERENTIABLE, "k-best", "soft-sphere", "list-net"]
SIZE = (2, 2)


def priors(c: Constellation, indices: Tensor, strength: float, seed: int = 3) -> Tensor:
    """Consistent Gaussian LLRs: mean strength times the bit's sign, variance twice that."""
    signs = 2 * c.indices_to_bits(indices).double() - 1
    noise = torch.randn(
        signs.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    return strength * signs + (2 * strength) ** 0.5 * noise


def exact_llr(c: Constellation, problem: Draw, prior_llr: Tensor) -> Tensor:
    """ln P(b=1 | y) / P(b=0 | y) over all vectors, by plain sums of logarithms."""
    nt = problem.h.shape[-1]
    tried = torch.tensor(list(itertools.product(range(c.num_points), repeat=nt)))
    bits = c.indices_to_bits(tried).double()
    received = c.map(tried, torch.complex128) @ problem.h.mT
    gaps = (problem.y.unsqueeze(-2) - received.unsqueeze(-3)).abs().square().sum(-1)
    metric = -gaps / problem.noise_var[..., None, None]
    metric = metric + torch.einsum("...nk,vnk->...v", prior_llr, bits)
    metric = metric[..., None, None, :]
    ones = bits.permute(1, 2, 0) == 1
    one = torch.logsumexp(metric.masked_fill(~ones, -torch.inf), -1)
    return one - torch.logsumexp(metric.masked_fill(ones, -torch.inf), -1)


def error(llr: Tensor, truth: Tensor) -> float:
    """Mean gap between posterior means of the bits."""
    return float((torch.tanh(llr / 2) - torch.tanh(truth / 2)).abs().mean())


@pytest.mark.parametrize("name", ["bpsk", "qpsk", "16-qam"])
def test_ml_gives_the_exact_posterior(name: str) -> None:
    c = Constellation(name)
    problem = draw(c, (5,), 3, SIZE, 0.5)
    prior = priors(c, problem.indices, 1.5)
    found = make_detector("ml", name)(*problem[:3], prior)
    expected = exact_llr(c, problem, prior)
    torch.testing.assert_close(found.llr(), expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found.extrinsic_llr(prior), expected - prior, rtol=1e-9, atol=1e-9)
    hard = make_detector("ml", name, demapping="max-log")(*problem[:3], 1e4 * prior.sign())
    assert torch.equal(hard.bits(), (prior > 0).to(torch.uint8))


@pytest.mark.parametrize("name", ["bpsk", "qpsk", "16-qam"])
def test_a_list_of_all_vectors_gives_the_max_log_posterior(name: str) -> None:
    c = Constellation(name)
    problem = draw(c, (5,), 3, SIZE, 0.5)
    prior = priors(c, problem.indices, 1.5)
    found = make_detector("k-best", name, k=256, llr_clip=1e9)(*problem[:3], prior)
    exact = make_detector("ml", name, demapping="max-log")(*problem[:3], prior)
    torch.testing.assert_close(found.llr(), exact.llr(), rtol=1e-9, atol=1e-9)
    assert torch.equal(found.indices(), exact.indices())


@pytest.mark.parametrize("name", ["bpsk", "qpsk", "16-qam"])
def test_a_tree_search_with_priors_gives_the_max_log_posterior(name: str) -> None:
    """Of channels and priors of all strengths, sorted or not."""
    c = Constellation(name)
    for strength, size in ((0.3, SIZE), (4.0, SIZE), (1.5, (3, 2))):
        problem = draw(c, (6, 2), 3, size, 0.5)
        prior = priors(c, problem.indices, strength)
        found = make_detector("soft-sphere", name)(*problem[:3], prior)
        exact = make_detector("ml", name, demapping="max-log")(*problem[:3], prior)
        torch.testing.assert_close(found.llr(), exact.llr(), rtol=1e-9, atol=1e-9)
        assert torch.equal(found.indices(), exact.indices())
    clipped = make_detector("soft-sphere", name, llr_clip=2.0)(*problem[:3], prior)
    torch.testing.assert_close(clipped.llr(), found.llr().clamp(-2, 2), rtol=1e-9, atol=1e-9)


def test_a_short_list_with_priors_comes_near_the_exact_posterior() -> None:
    c = Constellation("16-qam")
    problem = draw(c, (200,), 2, SIZE, 0.2)
    prior = priors(c, problem.indices, 2.0)
    truth = exact_llr(c, problem, prior)
    detector = make_detector("k-best", "16-qam", k=16)
    informed, blind = detector(*problem[:3], prior).llr(), detector(*problem[:3]).llr()
    assert error(informed, truth) < 0.5 * error(blind + prior, truth)


@pytest.mark.parametrize("constellation", ["bpsk", "qpsk", "16-qam"])
@pytest.mark.parametrize("name", ["mmse-pic", "ep"])
def test_priors_lead_towards_the_exact_posterior(name: str, constellation: str) -> None:
    c = Constellation(constellation)
    problem = draw(c, (200,), 2, SIZE, 0.5)
    prior = priors(c, problem.indices, 2.0)
    truth = exact_llr(c, problem, prior)
    detector = make_detector(name, constellation)
    informed, blind = detector(*problem[:3], prior).llr(), detector(*problem[:3]).llr()
    # A detector that only added the priors to what it had said would not cancel interference.
    assert error(informed, truth) < 0.85 * error(blind + prior, truth)
    assert error(informed, truth) < {"mmse-pic": 0.06, "ep": 0.05}[name]


@pytest.mark.parametrize(("name", "noise_var"), [("bpsk", 4.0), ("qpsk", 1.5)])
def test_oamp_with_priors_comes_near_the_exact_posterior(name: str, noise_var: float) -> None:
    """Its variances are those of large systems; here are half as many streams as antennas."""
    c = Constellation(name)
    problem = draw(c, (200,), 2, (8, 4), noise_var)
    prior = priors(c, problem.indices, 2.0)
    truth = exact_llr(c, problem, prior)
    detector = make_detector("oamp", name)
    informed, blind = detector(*problem[:3], prior).llr(), detector(*problem[:3]).llr()
    assert error(informed, truth) < 0.85 * error(blind + prior, truth)


@pytest.mark.parametrize("constellation", ["bpsk", "qpsk", "16-qam", "64-qam"])
@pytest.mark.parametrize("name", TAKERS)
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_priors_of_zero_change_nothing(name: str, constellation: str, dtype: torch.dtype) -> None:
    detector = make_detector(name, constellation)
    c = detector.constellation
    y, h, noise_var, indices = draw(c, (18,), 2, (4, 2), 0.3, dtype)
    zero = torch.zeros(*indices.shape, c.bits_per_symbol)
    plain, informed = detector(y, h, noise_var), detector(y, h, noise_var, zero)
    tol = 2e-2 if name in ("ep", "list-net") and dtype == torch.complex64 else 1e-3
    torch.testing.assert_close(informed.llr(), plain.llr(), rtol=tol, atol=tol)
    assert torch.equal(informed.indices(), plain.indices())
    torch.testing.assert_close(informed.soft_symbols(), plain.soft_symbols(), rtol=tol, atol=tol)


@pytest.mark.parametrize("name", ["bpsk", "qpsk", "16-qam", "64-qam"])
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_mmse_pic_without_priors_is_lmmse(name: str, dtype: torch.dtype) -> None:
    y, h, noise_var, _ = draw(Constellation(name), (18,), 2, (4, 3), 0.3, dtype)
    linear = make_detector("wl-lmmse" if name == "bpsk" else "lmmse", name)(y, h, noise_var)
    found = make_detector("mmse-pic", name)(y, h, noise_var)
    torch.testing.assert_close(found.llr(), linear.llr(), rtol=1e-3, atol=1e-3)
    assert torch.equal(found.indices(), linear.indices())


@pytest.mark.parametrize("name", ["bpsk", "qpsk", "16-qam"])
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_known_symbols_are_cancelled(name: str, dtype: torch.dtype) -> None:
    """Of three streams two are known: the third is left alone with the noise."""
    c = Constellation(name)
    y, h, noise_var, indices = draw(c, (18,), 2, (4, 3), 0.3, dtype)
    prior = 200.0 * (2 * c.indices_to_bits(indices).to(dtype.to_real()) - 1)
    prior[..., 1, :] = 0
    known = c.map(indices, dtype)
    known[..., 1] = 0
    alone = make_detector("mrc", name)(y - known @ h.mT, h[..., 1:2], noise_var)
    found = make_detector("mmse-pic", name)(y, h, noise_var, prior)
    # In single precision a known symbol keeps a variance of 1e-4.
    tol = 5e-2 if dtype == torch.complex64 else 1e-5
    torch.testing.assert_close(found.llr()[..., 1:2, :], alone.llr(), rtol=tol, atol=tol)


@pytest.mark.parametrize("constellation", ["bpsk", "qpsk", "16-qam", "64-qam", "256-qam"])
@pytest.mark.parametrize("demapping", ["exact", "max-log"])
@pytest.mark.parametrize(("batch", "vectors"), [((), 3), ((17,), 2), ((3,), 9)])
def test_kernels_agree_with_torch(
    constellation: str, demapping: str, batch: tuple[int, ...], vectors: int
) -> None:
    # Few iterations: rounding grows from one to the next.
    for name, options in (("mmse-pic", {}), ("ep", {"num_iter": 2})):
        detector = make_detector(name, constellation, demapping=demapping, **options)
        c = detector.constellation
        single = draw(c, batch, vectors, (5, 3), 0.1, torch.complex64)
        prior = priors(c, single.indices, 1.0).float()
        prepared = detector.prepare(single.h, single.noise_var)
        assert isinstance(prepared, Compiled)
        found = detector.detect(prepared, single.y, prior)
        whole = detector(*single[:3], prior)
        assert torch.equal(found.llr(), whole.llr())
        assert torch.equal(found.indices(), whole.indices())
        y = single.y.clone().requires_grad_()
        expected = detector.detect(prepared, y, prior)
        assert expected.llr().requires_grad
        torch.testing.assert_close(found.llr(), expected.llr().detach(), rtol=5e-3, atol=5e-3)
        symbols = found.soft_symbols(), expected.soft_symbols().detach()
        torch.testing.assert_close(*symbols, rtol=5e-3, atol=5e-3)
        assert found.finite().all()


def test_gradients_reach_priors() -> None:
    for name in DIFFERENTIABLE:
        detector = make_detector(name, "qpsk")
        problem = draw(detector.constellation, (2,), 2, SIZE)
        prior = priors(detector.constellation, problem.indices, 1.0).requires_grad_()
        detector(*problem[:3], prior).llr().tanh().sum().backward()
        assert prior.grad is not None
        assert torch.isfinite(prior.grad).all()


def test_the_caller_may_edit_priors_afterwards() -> None:
    for name in TAKERS:
        detector = make_detector(name, "16-qam")
        problem = draw(detector.constellation, (3,), 2, SIZE, dtype=torch.complex64)
        prior = priors(detector.constellation, problem.indices, 1.0).float()
        found = detector(*problem[:3], prior)
        expected = found.llr()
        prior.zero_()
        assert torch.equal(found.llr(), expected)


def refusals(detector: Detector, problem: Draw, prior: Tensor) -> list[str]:
    """What ``forward`` and ``detect`` say of a prior that they refuse."""
    y, h, noise_var, _ = problem
    messages = []
    with pytest.raises(InvalidInputError) as refusal:
        detector(y, h, noise_var, prior)
    messages.append(str(refusal.value))
    prepared = detector.prepare(h, noise_var)
    with pytest.raises(InvalidInputError) as refusal:
        detector.detect(prepared, y, prior)
    return [*messages, str(refusal.value)]


@pytest.mark.parametrize("name", ["lmmse", "sphere", "mmse-sic", "lama"])
def test_who_takes_no_priors_says_so(name: str) -> None:
    detector = make_detector(name, "qpsk")
    if detector.takes_prior:
        return
    problem = draw(detector.constellation, (3,), 2, (4, 2))
    for message in refusals(detector, problem, torch.zeros(3, 2, 2, 2)):
        assert message.startswith("prior_llr: got")
        assert f"None: '{name}' takes no priors" in message
        assert "\n" not in message


@pytest.mark.parametrize("name", TAKERS)
def test_bad_priors_are_refused(name: str) -> None:
    detector = make_detector(name, "qpsk")
    problem = draw(detector.constellation, (3,), 2, (4, 2))
    good = torch.zeros(3, 2, 2, 2)
    for bad in (good[:, :1], good[..., :1], good[0], good.long(), good / 0, good[:, :, :1]):
        for message in refusals(detector, problem, bad):
            assert message.startswith("prior_llr: got")
            assert "\n" not in message


@pytest.mark.parametrize(("constellation", "bits"), [("qpsk", 2), ("16-qam", 4)])
def test_against_sionna(constellation: str, bits: int) -> None:
    """Equal where both axes of a symbol are known equally well, which Sionna takes for granted."""
    from sionna.phy.mimo import MMSEPICDetector

    c = Constellation(constellation)
    y, h, noise_var, indices = draw(c, (40,), 1, (4, 4), 0.5)
    magnitude = torch.rand(
        *indices.shape, bits // 2, generator=torch.Generator().manual_seed(4), dtype=torch.float64
    )
    signs = 2 * c.indices_to_bits(indices).double() - 1
    # Both axes of a symbol alike: their variances depend on the bits' LLRs up to the first's sign.
    prior = 3 * magnitude.repeat_interleave(2, -1) * signs
    if bits == 4:
        prior[..., 2:] = prior[..., 2:].abs()
    peer = MMSEPICDetector(
        "bit", "app", num_iter=1, constellation_type="qam", num_bits_per_symbol=bits,
        hard_out=False, precision="double",
    )  # fmt: skip
    covariance = noise_var[:, None, None] * torch.eye(4, dtype=h.dtype)
    expected = peer(y[:, 0], h, covariance, prior[:, 0])
    found = make_detector("mmse-pic", constellation)(y, h, noise_var, prior)
    torch.testing.assert_close(found.extrinsic_llr(prior)[:, 0], expected, rtol=1e-4, atol=1e-4)
