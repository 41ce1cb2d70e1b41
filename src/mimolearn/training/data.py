"""What networks are trained on: fresh blocks of a scenario, each channel at an SNR of its own."""

from __future__ import annotations

import hashlib

import torch
from torch import Generator, Tensor

from mimolearn.link.channels.reduced import draw_reduced
from mimolearn.link.scenario import Block, Scenario
from mimolearn.training.recipe import SnrMix


def step_generator(seed: int, purpose: str, step: int) -> Generator:
    """The random stream of one training step, or of a fixed set.

    It depends on its arguments alone, so that a run that goes on draws what it would have drawn.

    Args:
        seed: of the recipe.
        purpose: what is drawn.
        step: number of the step, or of the set.
    """
    digest = hashlib.sha256(f"{seed}|{purpose}|{step}".encode()).digest()
    return Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def draw_channels(scenario: Scenario, num_channels: int, generator: Generator) -> Tensor:
    """Channels of the scenario, or triangles where theory allows (see ``channels.reduced``).

    Args:
        scenario: the link.
        num_channels: N.
        generator: draws them.

    Returns:
        (N, Nr, Nt) complex64, or for reduced channels Nt rows in place of Nr.
    """
    size = num_channels, scenario.num_rx_ant, scenario.num_tx_ant
    if scenario.is_reducible():
        return draw_reduced(scenario.channel, *size, generator)
    return scenario.channel.draw(*size, generator)


def draw_block(
    scenario: Scenario,
    snr: SnrMix,
    num_channels: int,
    num_vectors: int,
    generator: Generator,
    bank: Tensor | None = None,
) -> Block:
    """Draw channels at SNRs of the mix and transmit vectors over them.

    Args:
        scenario: the link.
        snr: the mix, in dB.
        num_channels: N.
        num_vectors: T, over each channel.
        generator: draws all.
        bank: (B, Nr, Nt) channels to choose from; by default fresh ones are drawn.

    Returns:
        A block with h of (N, Nr, Nt) and y of (N, T, Nr), or for reduced channels Nt rows in place
        of Nr.
    """
    if bank is None:
        h = draw_channels(scenario, num_channels, generator)
    else:
        h = bank[torch.randint(len(bank), (num_channels,), generator=generator)]
    noise_var = mixed_noise_var(scenario, snr, h, generator)
    return scenario.transmit(h, noise_var, num_vectors, generator)


def mixed_noise_var(scenario: Scenario, snr: SnrMix, h: Tensor, generator: Generator) -> Tensor:
    """Noise variances of channels at SNRs of the mix.

    Args:
        scenario: defines the SNR.
        snr: the mix, in dB.
        h: (N, Nr, Nt); the channels.
        generator: draws the SNRs.

    Returns:
        (N,), linear, per receive antenna.
    """
    num_channels = h.shape[0]
    if snr.levels_db:
        levels = torch.tensor(snr.levels_db, dtype=torch.float32)
        chosen = torch.randint(len(levels), (num_channels,), generator=generator)
        snr_db = levels[chosen]
    else:
        uniform = torch.rand(num_channels, generator=generator, dtype=torch.float32)
        snr_db = snr.low_db + (snr.high_db - snr.low_db) * uniform
    # Every definition of SNR is proportional to 1 / noise_var.
    return scenario.noise_var(0.0, h).to(h.real.dtype) * 10 ** (-snr_db / 10)
