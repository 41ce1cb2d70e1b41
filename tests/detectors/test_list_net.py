"""Soft bits from a list: exact where the list is whole, one network for all links, priors."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mimolearn import InvalidInputError, Scenario, load, make_detector
from mimolearn.constellation import Constellation
from mimolearn.detectors import KBest, ListNet
from mimolearn.detectors.message_passing.cavity import real_model
from mimolearn.detectors.networks.soft_bits.list_masses import informed
from mimolearn.link.channels import Rayleigh
from mimolearn.training.data import step_generator

from .contract.table import draw
from .test_priors import error, exact_llr, priors


def trained(constellation: str, k: int) -> ListNet:
    net = load("list-net-any", constellation)
    assert isinstance(net, ListNet)
    return net.at(k=k)


@pytest.mark.parametrize(
    ("constellation", "size", "k"),
    [("bpsk", (3, 3), 8), ("qpsk", (3, 2), 16), ("16-qam", (3, 2), 256)],
)
def test_a_whole_list_gives_exact_bits(constellation: str, size: tuple[int, int], k: int) -> None:
    net = trained(constellation, k)
    problem = draw(net.constellation, (18,), 2, size, 0.5)
    y, h, noise_var, indices = problem
    prior = priors(net.constellation, indices, 2.0)
    expected = exact_llr(net.constellation, problem, torch.zeros_like(prior))
    # Masses end at e^-60.
    clear = expected.abs() < 50
    assert clear.sum() > 0.7 * clear.numel()
    found = net(y, h, noise_var).llr()
    torch.testing.assert_close(found[clear], expected[clear], rtol=1e-6, atol=1e-6)
    single = net(y.to(torch.complex64), h.to(torch.complex64), noise_var.float()).llr()
    torch.testing.assert_close(single.double()[clear], expected[clear], rtol=2e-3, atol=2e-3)
    truth = exact_llr(net.constellation, problem, prior)
    clear = (truth.abs() < 50) & ((truth - prior).abs() < 50)
    informed_llr = net(y, h, noise_var, prior).llr()
    torch.testing.assert_close(informed_llr[clear], truth[clear], rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("beside", ["ep", "lmmse"])
@pytest.mark.parametrize("constellation", ["bpsk", "qpsk", "16-qam", "256-qam"])
@pytest.mark.parametrize(("batch", "vectors"), [((), 1), ((15,), 2), ((17,), 1)])
def test_the_kernel_agrees_with_torch(
    constellation: str, beside: str, batch: tuple[int, ...], vectors: int
) -> None:
    net = ListNet(constellation, 8, beside, hidden=10)
    generator = torch.Generator().manual_seed(1)
    for parameter in net.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) / 4
    net.eval().requires_grad_(False)
    single = draw(net.constellation, batch, vectors, (5, 3), 0.3, torch.complex64)
    found = net(*single[:3])
    expected = net._detect(net._prepare(*single[1:3]), single.y)
    torch.testing.assert_close(found.llr(), expected.llr(), rtol=1e-3, atol=1e-3)
    assert torch.equal(found.indices(), expected.indices())


def test_decisions_are_those_of_the_list() -> None:
    net = trained("16-qam", 8)
    y, h, noise_var, _ = draw(net.constellation, (200,), 1, (4, 4), 0.1, torch.complex64)
    tree = make_detector("k-best", "16-qam", k=8)
    assert torch.equal(net(y, h, noise_var).indices(), tree(y, h, noise_var).indices())


@pytest.mark.parametrize("constellation", ["bpsk", "qpsk", "16-qam"])
def test_priors_of_zero_leave_the_list_as_it_is(constellation: str) -> None:
    c = Constellation(constellation)
    y, h, noise_var, indices = draw(c, (3,), 2, (4, 3), 0.3)
    survivors = KBest(constellation, k=8).survivors(y, h, noise_var)
    zero = torch.zeros(*indices.shape, c.bits_per_symbol, dtype=torch.float64)
    same = informed(c, survivors, real_model(h, noise_var, c), y, zero)
    torch.testing.assert_close(same.metrics, survivors.metrics)
    torch.testing.assert_close(same.log_evidence, survivors.log_evidence)


def test_the_evidence_with_priors_is_an_integral() -> None:
    c = Constellation("bpsk")
    y, h, noise_var, _ = draw(c, (4,), 1, (2, 1), 0.5)
    prior = torch.tensor([0.7, -1.5, 0.0, 3.0], dtype=torch.float64).reshape(4, 1, 1, 1)
    tree = KBest("bpsk", k=2)
    survivors = tree.survivors(y, h, noise_var)
    found = informed(c, survivors, real_model(h, noise_var, c), y, prior).log_evidence
    x = torch.linspace(-20, 20, 200_001, dtype=torch.float64)
    # The metric of any real x in the unit of the list's: that of its level +1 less the same gap.
    gap = (y - h.mT).abs().square().sum(-1) / noise_var.unsqueeze(-1)
    plus = survivors.metrics.gather(-1, survivors.levels[..., 0, 0].long().argmax(-1, True))
    metric = (y - x[:, None] * h.mT).abs().square().sum(-1) / noise_var.unsqueeze(-1)
    metric = metric - gap + plus.squeeze(-1)
    mean, p = torch.tanh(prior[:, 0, 0] / -2), torch.sigmoid(prior[:, 0, 0])
    var = 4 * p * (1 - p)
    density = torch.exp(-((x - mean) ** 2) / (2 * var)) / (2 * math.pi * var).sqrt()
    expected = torch.log((density * torch.exp(-metric)).sum(-1) * (x[1] - x[0])) + math.log(2)
    torch.testing.assert_close(found.squeeze(-1), expected, rtol=1e-6, atol=1e-6)


def test_priors_lead_towards_the_exact_posterior() -> None:
    net = trained("16-qam", 8)
    problem = draw(net.constellation, (200,), 2, (2, 2), 0.5)
    prior = priors(net.constellation, problem.indices, 2.0)
    truth = exact_llr(net.constellation, problem, prior)
    informed_llr, blind = net(*problem[:3], prior).llr(), net(*problem[:3]).llr()
    assert error(informed_llr, truth) < 0.6 * error(blind + prior, truth)
    picked = make_detector("mmse-pic", "16-qam")(*problem[:3], prior).llr()
    assert error(informed_llr, truth) < 0.8 * error(picked, truth)


def test_strong_priors_are_taken_out_again() -> None:
    """Two of three streams are known: the third hears y without them, whatever the priors' size."""
    net = trained("qpsk", 8)
    problem = draw(net.constellation, (18,), 2, (4, 3), 0.3)
    prior = 1e3 * (2 * net.constellation.indices_to_bits(problem.indices).double() - 1)
    prior[..., 1, :] = 0
    found = net(*problem[:3], prior)
    truth = exact_llr(net.constellation, problem, prior)[..., 1, :]
    certain = truth.abs() > 0.5
    assert torch.equal((found.llr()[..., 1, :] > 0)[certain], (truth > 0)[certain])
    assert (found.extrinsic_llr(prior).abs() <= 20.001).all()


def gmi(llr: Tensor, sent: Tensor) -> float:
    signs = 2.0 * sent.double() - 1
    return 1 - float(functional.softplus(-signs * llr.double()).mean()) / math.log(2)


@pytest.mark.parametrize(
    ("size", "constellation", "snr_db", "gain"),
    [
        ((4, 4), "16-qam", 7.0, 0.008),
        ((8, 8), "16-qam", 5.0, 0.02),
        ((4, 16), "16-qam", -3.0, 0.0),
        ((6, 4), "qpsk", 2.0, 0.003),
    ],
)
def test_the_trained_network_knows_more_than_its_parts(
    size: tuple[int, int], constellation: Literal["qpsk", "16-qam"], snr_db: float, gain: float
) -> None:
    scenario = Scenario(
        num_tx_ant=size[0],
        num_rx_ant=size[1],
        constellation=constellation,
        channel=Rayleigh(),
        snr_definition="per_stream",
    )
    block = scenario.draw(snr_db, 1500, step_generator(3, "list-net", 1))
    sent = scenario.points().indices_to_bits(block.indices)
    rivals = [make_detector(name, constellation) for name in ("lmmse", "ep", "k-best")]
    best = max(gmi(rival(block.y, block.h, block.noise_var).llr(), sent) for rival in rivals)
    assert (
        gmi(trained(constellation, 16)(block.y, block.h, block.noise_var).llr(), sent) > best + gain
    )


def test_one_set_of_weights() -> None:
    net = load("list-net-any")
    assert isinstance(net, ListNet)
    assert sum(parameter.numel() for parameter in net.parameters()) == 920
    other = net.serving("64-qam")
    assert other.w1 is net.w1
    assert other.at(k=64).k == 64
    assert net.k == 16
    assert net.serving("qpsk").at(k=8)._parts.tree.constellation == Constellation("qpsk")
    with pytest.raises(InvalidInputError, match=r"^k: got 0"):
        net.at(k=0)
    with pytest.raises(InvalidInputError, match=r"^beside: got 'zf'"):
        ListNet("qpsk", beside="zf")
