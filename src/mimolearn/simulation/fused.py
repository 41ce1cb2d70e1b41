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

from torch import Tensor

from mimolearn.channels import Rayleigh, RealGaussian
from mimolearn.detectors import LMMSE, Detector, WidelyLinearLMMSE, ZeroForcing
from mimolearn.kernels import decisions
from mimolearn.kernels.door import LANES, fits_size
from mimolearn.kernels.simulation import GaussianLink, simulate_linear
from mimolearn.scenario import Scenario

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
    """Sent indices (N, T, Nt) of a chunk and each detector's decisions, or None: not served.

    batch: channels that the plain path gives a detector at once. seed: of the chunk's generator.
    """
    methods = tuple(filter(None, (_method(detector, scenario) for detector in detectors)))
    if len(methods) < len(detectors) or not _serves(scenario, num_channels, batch):
        return None
    low, high = _NOISE_RANGE
    noise_var = float(scenario.noise_var(snr_db))
    if not low < noise_var < high:
        return None
    nr, nt = scenario.num_rx_ant, scenario.num_tx_ant
    link = GaussianLink(
        num_channels,
        scenario.channel_reuse,
        nr,
        nt,
        scenario.points(),
        is_real=scenario.channel.is_real,
        reduced=scenario.draws == "reduced",
        entry_var=scenario.channel.entry_var(nr, nt),
        noise_var=noise_var,
    )
    simulated = simulate_linear(link, seed, methods)
    if simulated is None:
        return None
    sent, x_hat = simulated
    return sent, [decisions.nearest(link.constellation, estimate) for estimate in x_hat]


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
    """Which solution decides for a detector, of ``kernels.simulation.SIMULATED_METHODS``."""
    if detector.constellation != scenario.points():
        return None
    if isinstance(detector, LMMSE):
        return detector.kernel_method()
    if isinstance(detector, WidelyLinearLMMSE):
        return "widely-linear" if detector.constellation.is_real else "lmmse"
    if isinstance(detector, ZeroForcing) and scenario.num_rx_ant >= scenario.num_tx_ant:
        return "zf"
    return None
