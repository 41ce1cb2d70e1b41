"""Gradients, Gauss-Newton directions and descents against independent references."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from mimolearn.beamformers import Beams, symbol_error_rate
from mimolearn.beamformers.classical.descent import normalised
from mimolearn.beamformers.classical.start import aligned_start
from mimolearn.beamformers.digital import scaled_to_power
from mimolearn.beamformers.gains import stream_gains
from mimolearn.beamformers.objective.error_bound import (
    as_samples,
    bound_and_curvature,
    error_bound,
    gradient,
    log_bound,
    log_bound_gradient,
    mean_bound,
    observe,
    power_price,
    pull_back,
    unscaled_gains,
)
from mimolearn.beamformers.objective.gauss_newton import Knobs, factored, push_forward
from mimolearn.beamformers.objective.newton import (
    antenna_rows,
    curvature_product,
    derivatives_at,
    flat_product,
    flattened,
    serves,
    truncated_newton,
    unflattened,
    with_pairs,
)
from mimolearn.beamformers.objective.samples import samples_for
from mimolearn.beamformers.unfolded import unfolded_mser
from mimolearn.constellation import Constellation
from mimolearn.kernels.beams.sign_sums import sign_sums

from .conftest import SMALL, clustered, small

QPSK = Constellation("qpsk")


def start(num: int = 2) -> tuple[Tensor, Tensor, Beams]:
    h, noise = clustered(num), torch.linspace(0.2, 1.5, num, dtype=torch.float64)
    return h, noise, normalised(aligned_start(h, noise, SMALL))


def parts_of(beams: Beams) -> list[Tensor]:
    """Real leaves: V and W as pairs, phases of F, chain by chain, and U."""
    v, w = (torch.view_as_real(m.resolve_conj()) for m in (beams.f_bb, beams.w_bb))
    return [v.clone(), w.clone(), beams.f_rf.angle().mT.clone(), beams.w_rf.angle()]


def assembled(v: Tensor, w: Tensor, f: Tensor, u: Tensor) -> Beams:
    f_rf, w_rf = (torch.polar(torch.ones_like(p), p) for p in (f.mT, u))
    return Beams(f_rf, torch.view_as_complex(v), w_rf, torch.view_as_complex(w))


@pytest.mark.parametrize(("name", "most"), [("qpsk", 2048), ("16-qam", 64)])
def test_closed_form_gradient_is_that_of_autograd(name: str, most: int) -> None:
    h, noise, beams = start()
    samples = samples_for(Constellation(name), 4, most, torch.float64)
    leaves = [part.requires_grad_() for part in parts_of(beams)]
    made = assembled(*leaves)
    made = made._replace(f_bb=scaled_to_power(made.f_rf, made.f_bb))
    mean_bound(h, made, noise, samples).log().sum().backward()
    observed = observe(h, beams, noise)
    found = gradient(beams, noise, observed, *log_bound_gradient(observed.x, samples))
    mine = [torch.view_as_real(found.f_bb), torch.view_as_real(found.w_bb)]
    mine += [found.f_phase.mT, found.w_phase]
    for leaf, value in zip(leaves, mine, strict=True):
        assert leaf.grad is not None
        assert torch.allclose(leaf.grad, value, atol=1e-9)


def test_kernel_and_torch_agree() -> None:
    h, noise, beams = start(5)
    x = observe(h, beams, noise).x
    double = samples_for(QPSK, 4, 2048, torch.float64)
    single = samples_for(QPSK, 4, 2048, torch.float32)
    for wide, narrow in zip(
        bound_and_curvature(x, double), bound_and_curvature(x.float(), single), strict=True
    ):
        assert torch.allclose(wide.float(), narrow, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("streams", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("rows", [1, 17])
def test_sums_over_sign_vectors_agree_with_sums_one_by_one(streams: int, rows: int) -> None:
    x = torch.randn(rows, 2 * streams, generator=torch.Generator().manual_seed(7))
    levels = samples_for(QPSK, streams, 2048, torch.float64).levels.clone()
    # Another margin than the level, which QPSK does not have.
    levels[:, 0] = 1.1
    samples = as_samples(levels, 1.0)
    z = x.double() @ levels.mT
    density = torch.exp(z * z * -0.5)
    wanted = (
        torch.erfc(z / math.sqrt(2)).sum(-1) / 2,
        density @ levels,
        (density * z.clamp(min=0)) @ samples.products,
    )
    for order in range(3):
        found = sign_sums(x, 1.1, math.sqrt(0.5), order)
        for a, b in zip(found[: order + 1], wanted, strict=False):
            assert torch.allclose(a.double(), b, rtol=3e-6, atol=1e-5 * float(b.abs().max()))


def test_compiled_curvature_products_agree_with_torch() -> None:
    h, noise = clustered(5).to(torch.complex64), torch.linspace(0.2, 1.5, 5)
    beams = normalised(aligned_start(h, noise, SMALL))
    observed = observe(h, beams, noise)
    samples = samples_for(QPSK, 4, 2048, torch.float32)
    weight = torch.linspace(0.4, 1.0, 5)
    found = bound_and_curvature(observed.x, samples)
    _, place = derivatives_at(h, h.mH.resolve_conj(), beams, observed, found, weight)
    size = sum(part[0].numel() for part in parts_of(beams))
    flat = torch.randn(5, size, generator=torch.Generator().manual_seed(3))
    assert serves(place)
    bent, gains = flat_product(place, antenna_rows(h))(flat)
    plain, plain_gains = curvature_product(place, unflattened(flat, beams))
    for a, b in ((bent, flattened(plain)), (gains, plain_gains)):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-5 * float(b.abs().max()))


def test_full_samples_give_the_exact_union_bound() -> None:
    h, noise, beams = start()
    gains = observe(h, beams, noise).x
    bound = error_bound(gains, samples_for(QPSK, 4, 128, torch.float64))
    exact = symbol_error_rate(h, beams, noise, "qpsk").flatten(1)
    # P(re) + P(im) - P(both) is at least half of the bound, and at most all of it.
    assert bool((exact <= bound + 1e-12).all())
    assert bool((exact >= bound / 2 - 1e-12).all())


def diagonal_first(blocks: Tensor) -> Tensor:
    """Blocks in natural order as derivatives by x, whose rows begin with the own gain."""
    half = blocks.shape[1]
    turned = []
    for i in range(half):
        order = [(i + k) % half for k in range(half)]
        order += [half + k for k in order]
        turned.append(blocks[:, i][:, order][:, :, order])
    return torch.stack(turned, 1)


def test_curvature_is_the_hessian_where_all_decisions_are_right() -> None:
    samples = samples_for(QPSK, 2, 2048, torch.float64)
    x = torch.tensor([[[9.0, 0.3, 1.0, -0.5], [8.0, -0.2, 0.4, 0.7]]], dtype=torch.float64)

    def mean(flat: Tensor) -> Tensor:
        return error_bound(flat.reshape(1, 2, 4), samples).mean()

    value, _, curvature = bound_and_curvature(x, samples)
    wanted = torch.autograd.functional.hessian(mean, x.flatten()) / value.exp()
    blocks = torch.block_diag(*diagonal_first(curvature)[0])
    assert torch.allclose(blocks, torch.as_tensor(wanted), rtol=1e-6, atol=1e-6)


NUMBERS = [0.3, 0.4, 1.3, 1.2, 0.7, 0.8, 0.9]
KNOBS = Knobs(*(torch.tensor([k], dtype=torch.float64) for k in NUMBERS))


def decisions(noise: Tensor, *parts: Tensor) -> Tensor:
    """x of real leaves, without the power's constraint."""
    made = Beams(*(m[None] for m in assembled(*parts)))
    gains, sigma = stream_gains(clustered(1), made, noise)
    scaled = gains / sigma.unsqueeze(-1)
    order = [[(i + j) % 4 for j in range(4)] for i in range(4)]
    rows = scaled[0].gather(-1, torch.tensor(order))
    return torch.cat([rows.real, -rows.imag], -1).flatten()


def test_gauss_newton_solves_the_dense_system() -> None:
    h, noise, beams = start(1)
    samples = samples_for(QPSK, 4, 2048, torch.float64)
    observed = observe(h, beams, noise)
    value, by_x, curvature = bound_and_curvature(observed.x, samples)
    price = power_price(observed, by_x).clamp(min=1.0)
    right = pull_back(beams, noise, observed, value, by_x, price)
    found = factored(beams, noise, observed, by_x, curvature, KNOBS).solve(right)
    metric = _dense_metric(beams, float(price), *NUMBERS[:-1])
    leaves = [part[0] for part in parts_of(beams)]
    by_part = torch.autograd.functional.jacobian(lambda *p: decisions(noise, *p), tuple(leaves))
    jacobian = torch.cat([part.flatten(1) for part in by_part], 1)
    hessian = torch.block_diag(*diagonal_first(curvature)[0]) * NUMBERS[-1]
    system = metric + jacobian.T @ hessian @ jacobian
    wanted = torch.linalg.solve(system, flattened(right)[0])
    assert torch.allclose(flattened(found)[0], wanted, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("weight", [1.0, 0.6])
def test_curvature_products_are_those_of_autograd(weight: float) -> None:
    h, noise, beams = start(1)
    samples = samples_for(QPSK, 4, 2048, torch.float64)
    observed = observe(h, beams, noise)
    value, by_x, curvature = bound_and_curvature(observed.x, samples)
    sizes = [part[0].numel() for part in parts_of(beams)]
    shapes = [part[0].shape for part in parts_of(beams)]
    price = power_price(observed, by_x)
    blocks = torch.block_diag(*diagonal_first(curvature)[0])

    def leaves(flat: Tensor) -> list[Tensor]:
        return [p.reshape(s) for p, s in zip(flat.split(sizes), shapes, strict=True)]

    def lagrangian(flat: Tensor) -> Tensor:
        v, _, f, _ = leaves(flat)
        sent = torch.polar(torch.ones_like(f), f).mT @ torch.view_as_complex(v)
        power = (sent.abs().square().sum() - 1) / 2
        return (decisions(noise, *leaves(flat)) * by_x.flatten()).sum() + price[0] * power

    at = torch.cat([part[0].flatten() for part in parts_of(beams)])
    jacobian = torch.autograd.functional.jacobian(lambda p: decisions(noise, *leaves(p)), at)
    own = torch.autograd.functional.hessian(lagrangian, at)
    wanted = torch.as_tensor(jacobian).T @ blocks @ jacobian + weight * torch.as_tensor(own)
    weights = torch.tensor([weight], dtype=torch.float64)
    derived = value, by_x, curvature
    found, place = derivatives_at(h, h.mH.resolve_conj(), beams, observed, derived, weights)
    plain = pull_back(beams, noise, observed, price, by_x, price)
    assert torch.allclose(flattened(found), flattened(plain), rtol=1e-9, atol=1e-9)
    generator = torch.Generator().manual_seed(3)
    for _ in range(3):
        flat = torch.randn(1, len(at), generator=generator, dtype=torch.float64)
        product, gains = curvature_product(place, unflattened(flat, beams))
        assert torch.allclose(flattened(product)[0], wanted @ flat[0], rtol=1e-7, atol=1e-8)
        moved = push_forward(beams, observed, unflattened(flat, beams))
        assert torch.allclose(gains, moved, rtol=1e-9, atol=1e-9)


def spread_out(size: int) -> tuple[Tensor, Tensor]:
    """A positive matrix with six directions out of a multiple of the identity, and a vector."""
    generator = torch.Generator().manual_seed(4)
    root = torch.randn(size, 6, generator=generator, dtype=torch.float64)
    matrix = torch.eye(size, dtype=torch.float64) + root @ root.T / size
    return matrix, torch.randn(2, size, generator=generator, dtype=torch.float64)


def test_conjugate_gradients_solve_what_is_convex_and_stop_where_it_is_not() -> None:
    matrix, right = spread_out(40)
    signs = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)

    def solved(num_iter: int) -> Tensor:
        def product(move: Tensor) -> tuple[Tensor, Tensor]:
            return signs * move @ matrix, move.unsqueeze(-1)

        found = truncated_newton(right, product, lambda g: g, num_iter)
        assert torch.allclose(found.gains.squeeze(-1), found.direction)
        return found.direction

    wanted = torch.linalg.solve(matrix, right[0])
    assert torch.allclose(solved(7)[0], wanted, rtol=1e-6, atol=1e-6)
    assert not torch.allclose(solved(2)[0], wanted, rtol=1e-2, atol=1e-2)
    assert torch.equal(solved(7)[1], right[1])


def test_pairs_make_their_moves_exact() -> None:
    matrix, right = spread_out(40)

    def product(move: Tensor) -> tuple[Tensor, Tensor]:
        return move @ matrix, move.unsqueeze(-1)

    pairs = truncated_newton(right, product, lambda g: g, 5).pairs
    inverse = with_pairs(pairs, lambda g: g / 3)
    # Directions of conjugate gradients are conjugate: all of them are corrected, not the last only.
    for pair in pairs:
        assert torch.allclose(inverse(pair.bent), pair.move, rtol=1e-8, atol=1e-8)
    again = truncated_newton(right, product, inverse, 3)
    residual = (again.direction @ matrix - right).norm()
    plain = truncated_newton(right, product, lambda g: g / 3, 3).direction @ matrix - right
    assert residual < plain.norm() / 10


def _dense_metric(
    beams: Beams, price: float, cv: float, cf: float, av: float, af: float, aw: float, au: float
) -> Tensor:
    """The metric over (V, W, phases of F, phases of U), entry by entry."""
    f, v = beams.f_rf[0], beams.f_bb[0]
    nt, rt = f.shape
    streams = v.shape[1]
    m_v = price * (cv * f.mH @ f + av * nt * torch.eye(rt))
    by_pairs = torch.einsum("ab,st->asbt", m_v, torch.eye(streams, dtype=m_v.dtype))
    m_v = by_pairs.reshape(rt * streams, rt * streams)
    real = torch.stack([torch.stack([m_v.real, -m_v.imag]), torch.stack([m_v.imag, m_v.real])])
    part_v = real.permute(2, 0, 3, 1).reshape(2 * rt * streams, -1)
    outer = v @ v.mH
    q = torch.linalg.inv(
        price * (cf * outer.mT + af * outer.diagonal().real.mean() * torch.eye(rt))
    )
    rows = [torch.linalg.inv((d[:, None] * q * d.conj()).real) for d in f]
    nr = beams.w_rf.shape[-2]
    w_size = 2 * beams.w_bb[0].numel()
    part_w = torch.eye(w_size, dtype=torch.float64) * price * aw * nr / streams
    power = beams.w_bb[0].abs().square().sum(-1)
    part_u = torch.diag(
        (price * au * power / streams)[:, None, :].expand(beams.w_rf.shape[1:]).flatten()
    )
    by_antenna = torch.block_diag(*rows).unflatten(0, (nt, rt)).unflatten(2, (nt, rt))
    part_f = by_antenna.permute(1, 0, 3, 2).reshape(nt * rt, -1)
    return torch.block_diag(part_v, part_w, part_f, part_u)


def test_mser_is_below_mmse_and_fully_digital_below_hybrid() -> None:
    h = clustered(12, clusters=2)
    noise = torch.full((12,), 0.5).double()
    rates = {
        name: symbol_error_rate(h, small(name, **options)(h, noise), noise, "qpsk").mean((-1, -2))
        for name, options in {
            "fd-mmse": {},
            "mmse-gd": {"num_iter": 40},
            "mser-gd": {"num_iter": 40},
            "fd-mser": {"num_iter": 40},
        }.items()
    }
    assert float(rates["mser-gd"].mean()) < float(rates["fd-mmse"].mean())
    assert float(rates["mser-gd"].mean()) < float(rates["mmse-gd"].mean())
    assert bool((rates["fd-mser"] <= rates["mser-gd"] * 1.001 + 1e-12).all())


def test_the_papers_recipe_lowers_its_own_objective_of_constant_width() -> None:
    h, noise = clustered(6), torch.full((6,), 1.0).double()
    samples = samples_for(QPSK, 4, 2048, torch.float64)

    def objective(num_iter: int, rate: float) -> float:
        beams = small("mser-gd", recipe="paper", num_iter=num_iter, rate=rate, rho=0.3)(h, noise)
        observed = observe(h, beams, noise)
        return float(error_bound(unscaled_gains(observed) / 0.3, samples).mean())

    assert objective(20, 0.02) < 0.9 * objective(1, 1e-9)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mser-gd", {"num_iter": 40}),
        ("unfolded-mser", {"steps": "gauss-newton", "num_layers": 6}),
        ("unfolded-mser", {"steps": "newton-cg", "num_layers": 10}),
    ],
)
def test_16_qam_is_designed_for_itself(name: str, options: dict[str, Any]) -> None:
    h = clustered(6)
    noise = torch.full((6,), 0.15).double()
    designs = [
        small(name, constellation, most_samples=512, **options)(h, noise)
        for constellation in ("16-qam", "qpsk")
    ]
    designs.append(small("mo")(h, noise))
    own, other, mmse = (float(symbol_error_rate(h, b, noise, "16-qam").mean()) for b in designs)
    assert own < mmse
    assert own < other


def test_channels_far_from_done_go_on_each_on_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    h, noise = clustered(24, clusters=1), torch.full((24,), 0.002).double()
    network = small("unfolded-mser", steps="gauss-newton", num_layers=6)
    beams = network(h, noise)
    rates = symbol_error_rate(h, beams, noise, "qpsk").mean((-1, -2))
    alone = [network(one, 0.002) for one in h[:4]]
    for whole, parts in zip(beams, zip(*alone, strict=True), strict=True):
        assert torch.allclose(whole[:4], torch.stack(parts), atol=1e-6)
    monkeypatch.setattr(unfolded_mser, "_SUSPECT", math.inf)
    once = network(h, noise)
    samples = samples_for(QPSK, 4, 2048, torch.float64)
    bounds = [log_bound(observe(h, b, noise).x, samples) for b in (beams, once)]
    assert bool((bounds[0] <= bounds[1] + 1e-6).all())
    before = symbol_error_rate(h, once, noise, "qpsk").mean((-1, -2))
    assert float(rates.mean()) < 0.99 * float(before.mean())
