"""Blocks for the steps of a training: of single channels, or of elements of a resource grid."""

from __future__ import annotations

from typing import Protocol

from torch import Generator, Tensor

from mimolearn.link.any_scenario import AnyScenario
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.scenario import Block, Scenario
from mimolearn.training.data import draw_block, draw_channels, step_generator
from mimolearn.training.elements import ElementSource, chosen_from
from mimolearn.training.recipe import SnrMix


class Draws(Protocol):
    """Where the blocks of one scenario come from."""

    def fresh(self, snr: SnrMix, channels: int, vectors: int, generator: Generator) -> Block:
        """Draw a block that no bank has a part in."""
        ...

    def of_step(self, snr: SnrMix, channels: int, vectors: int, generator: Generator) -> Block:
        """Draw the block of a step, from the bank where there is one."""
        ...


class ChannelDraws:
    """Blocks of single channels; a bank holds channels.

    Args:
        scenario: the link.
        bank: (B, Nr, Nt) channels, or None.
    """

    def __init__(self, scenario: Scenario, bank: Tensor | None) -> None:
        self._scenario, self._bank = scenario, bank

    def fresh(self, snr: SnrMix, channels: int, vectors: int, generator: Generator) -> Block:
        return draw_block(self._scenario, snr, channels, vectors, generator)

    def of_step(self, snr: SnrMix, channels: int, vectors: int, generator: Generator) -> Block:
        return draw_block(self._scenario, snr, channels, vectors, generator, self._bank)


class ElementDraws:
    """Blocks of elements of a resource grid; a bank holds received elements, for each mix of SNRs.

    Args:
        scenario: the link.
        bank: elements of a bank; 0 for none.
        seed: of the banks.
        number: of the scenario among those of the recipe.
    """

    def __init__(self, scenario: GridScenario, bank: int, seed: int, number: int) -> None:
        self._scenario, self._bank, self._seed, self._number = scenario, bank, seed, number
        self._sources: dict[SnrMix, ElementSource] = {}
        self._banks: dict[SnrMix, Block] = {}

    def fresh(self, snr: SnrMix, channels: int, vectors: int, generator: Generator) -> Block:
        if snr not in self._sources:
            self._sources[snr] = ElementSource(self._scenario, snr)
        return self._sources[snr].draw(channels * vectors, generator)

    def of_step(self, snr: SnrMix, channels: int, vectors: int, generator: Generator) -> Block:
        if not self._bank:
            return self.fresh(snr, channels, vectors, generator)
        if snr not in self._banks:
            # The same for a run that goes on, whichever stage it is in.
            purpose = f"bank {snr.model_dump_json()}"
            drawing = step_generator(self._seed, purpose, self._number)
            self._banks[snr] = self.fresh(snr, self._bank, 1, drawing)
        return chosen_from(self._banks[snr], channels * vectors, generator)


def draws_of(scenario: AnyScenario, bank: int, seed: int, number: int) -> Draws:
    """Make what draws the blocks of a scenario.

    Args:
        scenario: the link.
        bank: channels, or elements, that are drawn once; 0 for none.
        seed: of the recipe.
        number: of the scenario among those of the recipe.
    """
    if isinstance(scenario, GridScenario):
        return ElementDraws(scenario, bank, seed, number)
    channels = None
    if bank:
        channels = draw_channels(scenario, bank, step_generator(seed, "bank", number))
    return ChannelDraws(scenario, channels)
