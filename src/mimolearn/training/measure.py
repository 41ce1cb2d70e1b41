"""What a network reaches, in the numbers that its card carries."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mimolearn.detectors import Detector, UnfoldedDetector
from mimolearn.foundation.tensors.state import clean_torch, evaluating
from mimolearn.link.any_scenario import AnyScenario
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.scenario import Block, Scenario
from mimolearn.training.data import step_generator
from mimolearn.training.elements import ElementSource
from mimolearn.training.recipe import Measurement, SnrMix
from mimolearn.weights import Measured

_CHANNELS_A_CALL = 256
_ELEMENTS_A_CALL = 2048
_LEAST_ERROR = 1e-30


def measure(
    detector: Detector, scenario: AnyScenario, plan: Measurement, seed: int
) -> tuple[Measured, ...]:
    """NMSE and error rates at each SNR, on channels of the scenario itself, never reduced ones.

    Args:
        detector: a finished one.
        scenario: the link.
        plan: the SNRs, in dB, and how many channels and vectors.
        seed: of channels that nothing was trained on.
    """
    with clean_torch(), evaluating(detector):
        return tuple(_measure_at(detector, scenario, plan, snr_db, seed) for snr_db in plan.snr_db)


def _blocks(scenario: AnyScenario, plan: Measurement, snr_db: float, seed: int) -> Iterator[Block]:
    """What is measured at one SNR, in parts."""
    if isinstance(scenario, GridScenario):
        source = ElementSource(scenario, SnrMix(levels_db=(snr_db,)))
        count, most = plan.channels * plan.vectors, _ELEMENTS_A_CALL
    else:
        source, count, most = None, plan.channels, _CHANNELS_A_CALL
    for start in range(0, count, most):
        size = min(most, count - start)
        generator = step_generator(seed, f"measure {snr_db:.6f}", start)
        if source is not None:
            yield source.draw(size, generator)
        elif isinstance(scenario, Scenario):
            antennas = scenario.num_rx_ant, scenario.num_tx_ant
            h = scenario.channel.draw(size, *antennas, generator)
            noise_var = scenario.noise_var(snr_db, h)
            yield scenario.transmit(h, noise_var, plan.vectors, generator)


def _measure_at(
    detector: Detector, scenario: AnyScenario, plan: Measurement, snr_db: float, seed: int
) -> Measured:
    points = scenario.points()
    error = energy = 0.0
    bit_errors = symbol_errors = symbols = 0
    for block in _blocks(scenario, plan, snr_db, seed):
        prepared = detector.prepare(block.h_hat, block.noise_var)
        detection = detector.detect(prepared, block.y)
        x = points.map(block.indices)
        if isinstance(detector, UnfoldedDetector):
            x_hat = detector.iterates(prepared, block.y)[-1]
        else:
            x_hat = detection.soft_symbols()
        error += float((x_hat - x).abs().square().sum())
        energy += float(x.abs().square().sum())
        wrong = detection.indices() != block.indices
        symbol_errors += int(wrong.sum())
        bit_errors += int((detection.bits() != points.indices_to_bits(block.indices)).sum())
        symbols += block.indices.numel()
    return Measured(
        snr_db=snr_db,
        # Means of certain symbols are the points themselves.
        nmse_db=round(10 * math.log10(max(error / energy, _LEAST_ERROR)), 3),
        ber=bit_errors / (symbols * points.bits_per_symbol),
        ser=symbol_errors / symbols,
        vectors=symbols // scenario.num_tx_ant,
    )
