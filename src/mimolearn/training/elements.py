"""Training over a resource grid: data elements with the channels that a receiver estimates."""

from __future__ import annotations

import math

import torch
from torch import Generator

from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.randomness import RandomSource, integers
from mimolearn.link.scenario import Block
from mimolearn.link.slots import SlotReceiver
from mimolearn.training.recipe import SnrMix

# Of a slot so many elements are taken: they share its channel, which varies little.
_OF_A_SLOT = 32
# Filters are made for one SNR, and kept.
_STEP_DB = 1.0


class ElementSource:
    """Received vectors of a link over a grid, each with the channel that the receiver estimates.

    The scenario's estimator is in front of the network, with its covariance and its reuse of
    channels. The noise variance of an element is what a detector is given: noise, estimation errors
    of all layers, mismatch.

    Args:
        scenario: the link.
        snr: levels, or ends between which levels lie at most 1 dB apart, equally likely.
    """

    def __init__(self, scenario: GridScenario, snr: SnrMix) -> None:
        self._scenario = scenario
        self._levels = torch.tensor(snr_levels(snr), dtype=torch.float64)
        self._fronts: dict[float, SlotReceiver] = {}

    def draw(self, num_elements: int, generator: RandomSource) -> Block:
        """Draw data elements of slots at random SNRs.

        Args:
            num_elements: N, of which up to 32 are of one slot.
            generator: the only source of randomness.

        Returns:
            A block of N channels with one vector each.
        """
        slots, rest = divmod(num_elements, _OF_A_SLOT)
        sizes = [_OF_A_SLOT] * slots + [rest] * (rest > 0)
        chosen = integers((len(sizes),), len(self._levels), generator)
        parts = [
            self._of_slot(level, size, generator)
            for level, size in zip(self._levels[chosen].tolist(), sizes, strict=True)
        ]
        return Block(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))

    def _of_slot(self, snr_db: float, size: int, generator: RandomSource) -> Block:
        scenario = self._scenario
        link, points = scenario.link, scenario.points()
        grid, noise_var = link.grid, scenario.noise_var(snr_db)
        h = link.draw_channels(1, generator)
        indices = integers((1, grid.num_data, grid.num_layers), points.num_points, generator)
        received = link.receive(h, points.map(indices), noise_var, generator)
        front = self._front(snr_db, noise_var)
        observed = front.observe(received)
        shared = observed.y.shape[:2]
        h_hat = observed.h_hat.unsqueeze(1).expand(*shared, -1, -1)
        noise = observed.noise_var.unsqueeze(1).expand(shared)
        taken = integers((size,), grid.num_data, generator)
        return Block(
            indices[0, taken].unsqueeze(1),
            grid.at_data(received.h)[0, taken],
            front.to_data(h_hat)[0, taken],
            front.to_data(observed.y)[0, taken].unsqueeze(1),
            front.to_data(noise)[0, taken],
        )

    def _front(self, snr_db: float, noise_var: float) -> SlotReceiver:
        if snr_db not in self._fronts:
            scenario = self._scenario
            self._fronts[snr_db] = SlotReceiver(scenario.link, scenario.estimator, noise_var)
        return self._fronts[snr_db]


def snr_levels(snr: SnrMix) -> list[float]:
    """SNRs of a mix in dB: its levels, or some between its ends at most 1 dB apart.

    >>> snr_levels(SnrMix(low_db=4.0, high_db=6.5))
    [4.0, 4.833333333333333, 5.666666666666667, 6.5]
    """
    if snr.levels_db:
        return list(snr.levels_db)
    steps = math.ceil((snr.high_db - snr.low_db) / _STEP_DB)
    span = snr.high_db - snr.low_db
    return [snr.low_db + span * i / max(steps, 1) for i in range(steps + 1)]


def chosen_from(bank: Block, num_elements: int, generator: Generator) -> Block:
    """Choose elements of a bank at random.

    Args:
        bank: a block that was drawn once.
        num_elements: N.
        generator: chooses them.
    """
    rows = torch.randint(len(bank.y), (num_elements,), generator=generator)
    return Block(*(tensor[rows] for tensor in bank))
