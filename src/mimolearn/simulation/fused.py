"""The fused pass of linear detectors: draw, send, detect and decide a piece of a chunk in cache.

A chunk of fresh channels is larger than a processor's cache, so drawing all of it, then sending,
then detecting moves it through memory several times; that and not arithmetic was half of the
time of a simulation of ``lmmse`` at 32 x 64. Here 16 channels or a few times that many are drawn,
used by all contenders and forgotten before the next are drawn.

The integers that come out are those of the plain path, because nothing depends on how a chunk is
cut: draws are by counter, ``kernels.send`` rounds each vector alone, and the kernels' lanes are
independent. Whatever is out of the ordinary, in the scenario, the contenders or an output that is
not finite, is left to the plain path.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.channels import Rayleigh, RealGaussian
from mimolearn.detectors import LMMSE, Detector, WidelyLinearLMMSE, ZeroForcing
from mimolearn.kernels import decisions
from mimolearn.kernels.door import LANES, fits_size
from mimolearn.kernels.linear_pass import LinearPass, LinearShape
from mimolearn.randomness import CounterGenerator
from mimolearn.scenario import Scenario

# Half of a second-level cache of 1 MB; measured at 32 x 64: 256 kB to 512 kB are alike.
_PIECE_BYTES = 2**19
# Far from where single precision could give an infinite error variance beside finite estimates.
_NOISE_RANGE = 1e-12, 1e12


class FusedAnswers(NamedTuple):
    """Sent indices (N, T, Nt) of a chunk, and each contender's decisions of the same shape."""

    sent: Tensor
    decided: list[Tensor]


def answer_in_pieces(
    scenario: Scenario,
    snr_db: float,
    num_channels: int,
    batch: int,
    generator: CounterGenerator,
    detectors: Sequence[Detector],
) -> FusedAnswers | None:
    """Decisions on all channels of a chunk, or None where only the plain path will do.

    batch: channels that the plain path gives a detector at once. generator: the chunk's, unused.
    """
    methods = [_method(detector, scenario) for detector in detectors]
    noise_var = _noise_var(scenario, snr_db)
    piece = piece_channels(scenario, batch)
    if noise_var is None or piece is None or None in methods:
        return None
    rows = scenario.num_tx_ant if scenario.draws == "reduced" else scenario.num_rx_ant
    shape = LinearShape(piece, scenario.channel_reuse, rows, scenario.num_tx_ant)
    passes = [LinearPass(str(method), shape) for method in methods]
    size = (num_channels, scenario.channel_reuse, scenario.num_tx_ant)
    sent, *decided = (torch.empty(size, dtype=torch.int64) for _ in range(1 + len(passes)))
    points = scenario.points()
    for part in range(num_channels // piece):
        source = generator.part(part)
        h = scenario.draw_channels(piece, source)
        block = scenario.transmit(h, noise_var, scenario.channel_reuse, source)
        place = slice(part * piece, (part + 1) * piece)
        sent[place] = block.indices
        for detect, out in zip(passes, decided, strict=True):
            x_hat = detect(block.h_hat, block.y, block.noise_var)
            if x_hat is None:
                return None
            out[place] = decisions.nearest(points, x_hat)
    return FusedAnswers(sent, decided)


def piece_channels(scenario: Scenario, batch: int) -> int | None:
    """Channels in a piece, a power of two from 16 to ``batch``; None where there is none."""
    nr, nt = scenario.num_rx_ant, scenario.num_tx_ant
    if batch < LANES or not fits_size(nr, nt):
        return None
    channel_bytes = 8 * (nr * nt + scenario.channel_reuse * (nr + nt))
    fitting = max(_PIECE_BYTES // channel_bytes, LANES)
    return min(1 << (fitting.bit_length() - 1), batch)


def _noise_var(scenario: Scenario, snr_db: float) -> Tensor | None:
    """The one noise variance of a draw that can be cut, if there is one."""
    cuttable = isinstance(scenario.channel, Rayleigh | RealGaussian)
    if not cuttable or scenario.snr_definition == "per_realisation":
        return None
    noise_var = scenario.noise_var(snr_db)
    low, high = _NOISE_RANGE
    return noise_var if low < float(noise_var) < high else None


def _method(detector: Detector, scenario: Scenario) -> str | None:
    """Which solution decides for a detector, as ``LinearPass`` names them."""
    if detector.constellation != scenario.points():
        return None
    if isinstance(detector, LMMSE):
        return detector.kernel_method()
    if isinstance(detector, WidelyLinearLMMSE):
        return "widely-linear" if detector.constellation.is_real else "lmmse"
    if isinstance(detector, ZeroForcing) and scenario.num_rx_ant >= scenario.num_tx_ant:
        return "zf"
    return None
