"""Printed equations against what they stand for."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mimolearn.beamformers import HybridArray, UnfoldedMser, symbol_error_rate
from mimolearn.beamformers.classical.start import aligned_start
from mimolearn.beamformers.gains import stream_gains
from mimolearn.beamformers.objective.error_bound import mean_bound
from mimolearn.beamformers.objective.samples import samples_for
from mimolearn.foundation.tensors.state import clean_torch
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.papers.mser.objective import (
    derivatives,
    draw_symbols,
    printed_by_p,
    printed_by_w,
    random_beams,
)
from mimolearn.papers.panels import Table, TableRun
from mimolearn.papers.python_panel import python_panel

_LINK = BeamScenario.shipped("mser-qpsk")
_SNR_DB = 5.0
# Width at which random beams have errors to learn from.
_WIDTH = 0.5


def _table(values: dict[str, float], note: str = "") -> Table:
    rows = tuple((name, f"{value:.4g}") for name, value in values.items())
    return Table(("number", "value"), rows, values, note)


def _channels(count: int, seed: int) -> Tensor:
    return _LINK.draw(count, torch.Generator().manual_seed(seed), torch.complex128).h


@python_panel("(9) off", "sigma^2 ||U^H w||^2 off")
def noise(_: TableRun) -> Table:
    """Variance of drawn noise at the receivers' outputs against what stands in (9)."""
    with clean_torch():
        a, draws = _LINK.array, 4096
        h, beams = _channels(4, 21), random_beams(_LINK.array, 4, seed=22)
        drawn = torch.randn(
            (4, a.num_users, draws, a.num_rx_ant),
            dtype=torch.complex128,
            generator=torch.Generator().manual_seed(23),
        )
        noise_var = _LINK.noise_var(_SNR_DB)
        q = beams.receive()
        variance = ((drawn @ q.conj()) * math.sqrt(noise_var)).real.square().mean(-2)
        signal = (q.mH @ h @ beams.transmit().unsqueeze(1)).abs().square().sum(-1)
        plain = q.abs().square().sum(-2)
        off = [
            float((variance / (power * noise_var / 2)).log().square().mean().sqrt())
            for power in (signal, plain)
        ]
    values = {"(9) off": off[0], "sigma^2 ||U^H w||^2 off": off[1]}
    note = f"{draws} noise vectors, 24 streams of random beams; root mean square of ln."
    return _table(values, note)


def _cosine(a: Tensor, b: Tensor) -> float:
    return float((a.conj() * b).real.sum() / (a.norm() * b.norm()))


@python_panel("cosine of (16)", "cosine with leakage", "size of (17)", "cosine of (17)")
def slopes(_: TableRun) -> Table:
    """(16) and (17) against automatic derivatives of (15)."""
    with clean_torch():
        h, symbols = _channels(8, 24), draw_symbols(256, _LINK.array.total_streams, 25)
        beams = random_beams(_LINK.array, 8, seed=26)
        by_p, by_w = derivatives(h, beams, symbols, _WIDTH)
        own = printed_by_p(h, beams, symbols, _WIDTH, leakage=False)
        whole = printed_by_p(h, beams, symbols, _WIDTH, leakage=True)
        of_17 = printed_by_w(h, beams, symbols, _WIDTH)
    values = {
        "cosine of (16)": _cosine(own, by_p),
        "cosine with leakage": _cosine(whole, by_p),
        "size of (17)": float(of_17.norm() / by_w.norm()),
        "cosine of (17)": _cosine(of_17, by_w),
    }
    return _table(values, "Random beams on 8 channels, 256 symbol vectors.")


@python_panel("(55) off", "corrected off")
def width_slope(_: TableRun) -> Table:
    """The bracket of (55) against the derivative of exp(-x^2 / 2 rho^2) / rho by rho."""
    x = torch.linspace(0, 3, 61, dtype=torch.float64)
    rho = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    with torch.enable_grad():
        kernel = (-(x**2) / (2 * rho**2)).exp() / rho
        true = torch.stack(
            [torch.autograd.grad(k, rho, retain_graph=True)[0] for k in kernel.unbind()]
        )
    ratio = x**2 / float(rho.detach()) ** 2
    # The minus is that of (16), which (55) has taken in.
    front = -(-ratio / 2).exp() / float(rho.detach()) ** 2
    printed, corrected = front * (1 - ratio / 2), front * (1 - ratio)
    values = {
        "(55) off": float((printed - true).norm() / true.norm()),
        "corrected off": float((corrected - true).norm() / true.norm()),
    }
    return _table(values, "Root mean square error over x from 0 to 3, rho = 0.7.")


@python_panel("(46)", "w alone")
def rotation(_: TableRun) -> Table:
    """Mean over streams of Re c / |c|, after the rotations of (46) and after that of w alone."""
    with clean_torch():
        h = _channels(16, 27)
        beams = random_beams(_LINK.array, 16, seed=28)
        gains, _noise = stream_gains(h, beams, torch.ones(16, dtype=torch.float64))
        c = gains.diagonal(dim1=-2, dim2=-1)
        turn = c / c.abs()
        # c = w^H U H F p: of w the conjugate enters, of p, U and F the turn itself.
        of_w, all_four = turn.conj() * c, turn.conj() * turn**3 * c
    values = {
        "(46)": float((all_four.real / c.abs()).mean()),
        "w alone": float((of_w.real / c.abs()).mean()),
    }
    return _table(values, "U and F turned for each stream as if they were its own; they are not.")


def _tail(z: float) -> float:
    return math.erfc(z / math.sqrt(2)) / 2


@python_panel("(47)", "other sign over counted")
def qam_rate(_: TableRun) -> Table:
    """(47) for a stream without interference, c = 3 rho, against the sum over levels."""
    levels, size = (-3, -1, 1, 3), 3.0
    counted = 0.0
    for level in levels:
        below = _tail(size) if level > levels[0] else 0.0
        above = _tail(size) if level < levels[-1] else 0.0
        counted += (below + above) / len(levels)
    factor = (2 * math.sqrt(16) - 2) / math.sqrt(16)
    printed = sum(factor * _tail(size * (b - 1) - size * b) for b in levels) / len(levels)
    other = sum(factor * _tail(size * b - size * (b - 1)) for b in levels) / len(levels)
    values = {"(47)": printed, "other sign over counted": other / counted}
    return _table(values, f"c / rho = {size:g}; 16-QAM, one axis.")


@python_panel("least", "below 1e-2")
def bound(_: TableRun) -> Table:
    """P_R + P_I over the exact error rate: the least ratio, and the mean one below 1e-2."""
    with clean_torch():
        h = _channels(64, 29)
        ratios, rates = [], []
        for snr_db in (5.0, 10.0):
            noise_var = torch.full((64,), _LINK.noise_var(snr_db), dtype=torch.float64)
            beams = aligned_start(h, noise_var, _LINK.array)
            exact = symbol_error_rate(h, beams, noise_var, "qpsk").mean((-1, -2))
            samples = samples_for(_LINK.points(), _LINK.array.total_streams, 2048, torch.float64)
            ratios.append(mean_bound(h, beams, noise_var, samples) / exact)
            rates.append(exact)
        ratio, rate = torch.cat(ratios), torch.cat(rates)
        # Below this the ratio is of rounding errors.
        counted = ratio[rate > 1e-10]
        small = ratio[(rate > 1e-10) & (rate < 1e-2)]
    values = {"least": float(counted.min()), "below 1e-2": float(small.mean())}
    return _table(values, f"Aligned starts at 5 and 10 dB; {len(small)} channels below 1e-2.")


@python_panel("formula", "shapes", "rows lacking, larger", "rows lacking, smaller")
def sizes(_: TableRun) -> Table:
    """Parameters by the formula of V-C and by the shapes of (27) to (30); rows for V-E."""
    a, layers = HybridArray(), 15
    k, nt, nr, d = a.num_users, a.num_tx_ant, a.num_rx_ant, a.total_streams
    rt, rr = a.num_tx_chains, a.num_rx_chains
    formula = 2 * k * layers * (3 + nt * d + nr * d + rr * nr) + 2 * (layers - 1) * rt * nt
    network = UnfoldedMser(a, num_layers=layers, steps="matrix", offsets=True)
    entries = sum(matrix.numel() for matrix in network.scales.values())
    # alpha and O of each entry; the last layer has none for F.
    shapes = 2 * entries - 2 * rt * nt
    rows = network.scales["f_phase"].shape[1]
    values = {
        "formula": float(formula),
        "shapes": float(shapes),
        "rows lacking, larger": float(max(2 * nt - rows, 0)),
        "rows lacking, smaller": float(max(nt // 2 - rows, 0)),
    }
    return _table(values, "Main setting; larger: 128 antennas, smaller: 32, network of 64.")
