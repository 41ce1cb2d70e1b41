"""The fused path of linear detectors: one compiled pass that draws, sends and detects a chunk.

``zf``, ``lmmse`` and ``wl-lmmse`` on independent Gaussian channels, full or reduced, known
perfectly, are simulated 16 channels at a time without leaving the cache (see
``kernels.linear_simulation``). The integers that come out are those of the plain path: draws are by
counter, and every step rounds alike however a chunk is cut. Whatever is out of the ordinary, in
the scenario, the contenders, or an output that is not finite, is left to the plain path.

A field of Scenario that changes what is drawn has to be looked at in ``_serves``. What it gains is
measured by benchmarks/bench_simulation.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mimolearn.detectors import Detector
from mimolearn.kernels.link import symbol_errors
from mimolearn.kernels.link.gaussian_link import GaussianLink, simulate_linear
from mimolearn.kernels.machine.launch import LANES, fits_size
from mimolearn.link.channels import Rayleigh, RealGaussian
from mimolearn.link.channels.reduced import TriangleLaw
from mimolearn.link.randomness import part_deviation
from mimolearn.link.scenario import Scenario

# Far from where single precision could give an infinite error variance beside finite estimates.
_NOISE_RANGE = 1e-12, 1e12


def answer_fused(
    scenario: Scenario,
    snr_db: float,
    num_channels: int,
    batch: int,
    seed: int,
    detectors: Sequence[Detector],
) -> tuple[Tensor, list[Tensor]] | None:
    """What the fused kernel gives on a chunk.

    Args:
        scenario: the link.
        snr_db: in dB.
        num_channels: in the chunk.
        batch: channels that the plain path gives a detector at once.
        seed: of the chunk's generator.
        detectors: of the contenders.

    Returns:
        transmitted indices (N, T, Nt) and those of each detector, or None: it does not serve them.
    """
    methods = tuple(filter(None, (_method(detector, scenario) for detector in detectors)))
    if len(methods) < len(detectors) or not _serves(scenario, num_channels, batch):
        return None
    low, high = _NOISE_RANGE
    noise_var = float(scenario.noise_var(snr_db))
    if not low < noise_var < high:
        return None
    link = _link(scenario, num_channels, torch.tensor([noise_var], dtype=torch.float32))
    simulated = simulate_linear(link, seed, methods)
    if simulated is None:
        return None
    sent, x_hat = simulated
    return sent, [symbol_errors.nearest(link.constellation, estimate) for estimate in x_hat]


def _link(scenario: Scenario, num_channels: int, noise_var: Tensor) -> GaussianLink:
    """The link with the numbers that ``Scenario.draw`` takes, from the same functions."""
    nr, nt = scenario.num_rx_ant, scenario.num_tx_ant
    is_real, entry_var = scenario.channel.is_real, scenario.channel.entry_var(nr, nt)
    reduced = scenario.draws == "reduced"
    law = TriangleLaw.of(nr, nt, is_real, entry_var)
    return GaussianLink(
        num_channels,
        scenario.channel_reuse,
        nt if reduced else nr,
        nt,
        scenario.points(),
        is_real=is_real,
        entry_scale=law.above if reduced else part_deviation(entry_var, is_real),
        diagonal_scale=law.scale,
        shapes=law.shapes if reduced else np.empty(0, np.float32),
        noise_var=noise_var,
        noise_scale=part_deviation(1.0, is_real=False),
    )


def _serves(scenario: Scenario, num_channels: int, batch: int) -> bool:
    """Whether the kernel draws this scenario, in groups that the plain path detects as groups."""
    return (
        isinstance(scenario.channel, Rayleigh | RealGaussian)
        and scenario.csi.error_var == 0
        and scenario.snr_definition != "per_realisation"
        and fits_size(scenario.num_rx_ant, scenario.num_tx_ant)
        and batch >= LANES
        and num_channels % LANES == 0
    )


def _method(detector: Detector, scenario: Scenario) -> str | None:
    """The solution of a detector, one of ``kernels.link.gaussian_link.SIMULATED_METHODS``."""
    if not detector.constellation.is_separable:
        # The kernel draws and decides axis by axis.
        return None
    if detector.constellation != scenario.points() or not _is_as_declared(detector):
        return None
    method = detector.simulated_method()
    if method == "zf" and scenario.num_rx_ant < scenario.num_tx_ant:
        # The detector itself refuses it.
        return None
    return method


def _is_as_declared(detector: Detector) -> bool:
    """Whether the class's own declaration holds for this object.

    A subclass, a hook, or a method put on the object may decide in another way.
    """
    cls, own = type(detector), vars(detector)
    hooked = any(own.get(hooks) for hooks in ("_forward_hooks", "_forward_pre_hooks"))
    replaced = any(callable(getattr(cls, name, None)) for name in own)
    return "simulated_method" in vars(cls) and not hooked and not replaced
