"""Descent from many random starts against an aligned one, and two iterations in one layer."""

from __future__ import annotations

import math

import torch

from mimolearn.beamformers import Beams
from mimolearn.beamformers.classical.descent import normalised
from mimolearn.beamformers.classical.mser_gd import mser_descent
from mimolearn.beamformers.classical.start import aligned_start
from mimolearn.beamformers.objective.samples import samples_for
from mimolearn.foundation.tensors.state import clean_torch
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.papers.mser.objective import (
    derivatives,
    draw_symbols,
    printed_by_p,
    random_beams,
)
from mimolearn.papers.panels import Table, TableRun
from mimolearn.papers.python_panel import python_panel
from mimolearn.papers.verdict import Measured

_LINK = BeamScenario.shipped("mser-qpsk")
_SNR_DB = 5.0
_STARTS, _ITERATIONS, _RATE = 50, 100, 0.02
# Of Algorithm 1, as ``mser-gd:recipe=paper`` has them.
_STEP, _WIDTH = 0.02, 0.1


@python_panel("best of 50 over aligned")
def starts(run: TableRun) -> Table:
    """Error bounds after descent: the best of 50 random starts over that of the aligned one."""
    count = max(run.draws, 2)
    with clean_torch():
        h = _LINK.draw(count, torch.Generator().manual_seed(11)).h
        noise_var = torch.full((count,), _LINK.noise_var(_SNR_DB), dtype=torch.float32)
        samples = samples_for(_LINK.points(), _LINK.array.total_streams, 512, torch.float32)
        aligned = aligned_start(h, noise_var, _LINK.array)
        one = mser_descent(h, noise_var, aligned, samples, _ITERATIONS, _RATE).value
        every = h.repeat_interleave(_STARTS, 0), noise_var.repeat_interleave(_STARTS)
        drawn = random_beams(_LINK.array, count * _STARTS, seed=12)
        begun = Beams(*(part.to(h.dtype) for part in drawn))
        many = mser_descent(*every, begun, samples, _ITERATIONS, _RATE).value
    best = many.unflatten(0, (count, _STARTS)).amin(-1)
    mean = Measured.mean_of((best - one).tolist())
    value, low, high = (math.exp(min(x, 700.0)) for x in mean[:3])
    ratio = Measured(value, low, high)
    rows = (
        ("one aligned start", f"{float(one.mean().exp()):.3g}"),
        (f"best of {_STARTS} random starts", f"{float(best.mean().exp()):.3g}"),
    )
    note = (
        f"Geometric means of the error bound over {count} channels at {_SNR_DB:g} dB, "
        f"{_ITERATIONS} iterations of Adam from each start."
    )
    return Table(("start", "error bound"), rows, {"best of 50 over aligned": ratio}, note)


@python_panel("left of the second step")
def two_iterations(run: TableRun) -> Table:
    """How much of a second iteration's step in P the best constant offset leaves.

    Eqs. 38 to 42: alpha = mu makes one layer the first iteration, so that O has to be the second.
    """
    count = max(run.draws, 2)
    with clean_torch():
        generator = torch.Generator().manual_seed(13)
        h = _LINK.draw(count, generator, torch.complex128).h
        noise_var = torch.full((count,), _LINK.noise_var(_SNR_DB), dtype=torch.float64)
        symbols = draw_symbols(256, _LINK.array.total_streams, 14)
        beams = normalised(aligned_start(h, noise_var, _LINK.array))
        by_p, by_w = derivatives(h, beams, symbols, _WIDTH)
        moved = beams._replace(f_bb=beams.f_bb - _STEP * by_p, w_bb=beams.w_bb - _STEP * by_w)
        second = printed_by_p(h, moved, symbols, _WIDTH, leakage=False)
    power = float(second.abs().square().sum())
    spread = float((second - second.mean(0)).abs().square().sum()) * count / (count - 1)
    left = spread / power
    rows = ((f"{count} channels, O the mean second step", f"{left:.3f}"),)
    note = (
        "Share of the squared second step in P, (16) at P and W moved once, that stays. For one "
        "fixed channel O may be that step itself (40b), and nothing stays."
    )
    return Table(("channels", "left"), rows, {"left of the second step": left}, note)
