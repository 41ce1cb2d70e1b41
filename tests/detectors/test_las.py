"""las: never worse than its start, and at a local optimum."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detectors import Las, make_detector
from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.channels import Rayleigh
from mimolearn.link.scenario import Block, Scenario


def draw(constellation: str, nt: int = 8, nr: int = 8, snr_db: float = 8.0) -> Block:
    scenario = Scenario(
        num_tx_ant=nt,
        num_rx_ant=nr,
        constellation=constellation,  # pyright: ignore[reportArgumentType]  # parametrised
        channel=Rayleigh(entry_variance="1/Nr"),
        channel_reuse=4,
    )
    return scenario.draw(snr_db, 40, torch.Generator().manual_seed(5), torch.complex128)


def distance(block: Block, x: Tensor) -> Tensor:
    """||y - H x||^2, (C, T)."""
    return (block.y - x @ block.h.mT).abs().square().sum(-1)


def neighbours(x: Tensor, constellation: Constellation) -> list[Tensor]:
    """x with each real axis of each symbol moved to each level, (C, T, Nt) each."""
    levels = constellation.axis(torch.float64).levels
    found = []
    for stream in range(x.shape[-1]):
        for level in levels:
            moved = x.clone()
            moved[..., stream] = torch.complex(level.expand(x.shape[:-1]), x[..., stream].imag)
            found.append(moved)
            if not constellation.is_real:
                moved = x.clone()
                moved[..., stream] = torch.complex(x[..., stream].real, level.expand(x.shape[:-1]))
                found.append(moved)
    return found


@pytest.mark.parametrize("constellation", ["bpsk", "qpsk", "16-qam"])
@pytest.mark.parametrize("inner", ["mrc", "lmmse"])
def test_ends_at_a_local_optimum_no_farther_than_it_began(constellation: str, inner: str) -> None:
    block = draw(constellation)
    detector = Las(constellation, inner=inner)
    detection = detector(block.y, block.h, block.noise_var)
    start = detector.inner(block.y, block.h, block.noise_var)
    c = detector.constellation
    x = c.map(detection.indices(), torch.complex128)
    found = distance(block, x)
    before = distance(block, c.map(start.indices(), torch.complex128))
    assert (found <= before + 1e-9).all()
    assert (found < before - 1e-9).any()
    for moved in neighbours(x, c):
        assert (distance(block, moved) >= found - 1e-9).all()
    assert detection.incomplete is not None
    assert not detection.incomplete.any()


def test_work_counts_the_inner_detector_the_products_and_the_steps() -> None:
    block = draw("bpsk", snr_db=30.0)
    detector = Las("bpsk", inner="zf")
    work = detector(block.y, block.h, block.noise_var).work
    assert work is not None
    inner = detector.inner.cost(8, 8).per_vector
    assert inner is not None
    # Matched filter 2 Nr Nt, b - G x and one look at the gains: the least that a vector takes.
    least = inner + 2 * 8 * 8 + 8 * 8 + 8
    assert int(work.min()) == least
    steps = (work - least) / (2 * 8)
    assert torch.equal(steps, steps.round())
    assert detector.cost(8, 8).per_vector is None


def test_step_limit_is_reported() -> None:
    block = draw("16-qam", snr_db=12.0)
    detection = Las("16-qam", inner="mrc", max_steps=1)(block.y, block.h, block.noise_var)
    assert detection.incomplete is not None
    assert detection.incomplete.any()


def test_leaves_the_maximum_likelihood_vector_alone() -> None:
    block = draw("qpsk")
    inner = make_detector("sphere", "qpsk")
    exact = inner(block.y, block.h, block.noise_var)
    found = Las("qpsk", inner=inner)(block.y, block.h, block.noise_var)
    assert torch.equal(found.indices(), exact.indices())


def test_inner_detector_of_another_constellation_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"^inner: "):
        Las("bpsk", inner=make_detector("lmmse", "qpsk"))
