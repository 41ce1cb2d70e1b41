"""Error rates of beamformers: design on a chunk of channels, rate each design exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch

from mimolearn.beamformers import Beamformer, symbol_error_rate
from mimolearn.foundation.tensors.state import clean_torch
from mimolearn.link.beam_scenario import BeamBlock, BeamScenario
from mimolearn.plans.beam_contender import BeamContender
from mimolearn.studies.kinds.base import Kind, Task
from mimolearn.studies.kinds.seeds import chunk_generator

CHUNK_CHANNELS = 64


class ChannelRates(NamedTuple):
    """What one beamformer gave on one chunk, or on several.

    Attributes:
        values: (N,) float64 error rate of each channel.
    """

    values: np.ndarray

    @property
    def channels(self) -> int:
        """Channels that were rated."""
        return len(self.values)

    def pack(self) -> bytes:
        """Eight bytes a channel."""
        return self.values.astype("<f8").tobytes()

    @classmethod
    def unpack(cls, data: bytes) -> ChannelRates:
        """Inverse of ``pack``."""
        return cls(np.frombuffer(data, "<f8"))

    @classmethod
    def join(cls, parts: Sequence[ChannelRates]) -> ChannelRates:
        """Chunks one behind the other."""
        return cls(np.concatenate([part.values for part in parts]))

    def same(self, other: ChannelRates) -> bool:
        """Whether two say the same, to the last bit."""
        return self.pack() == other.pack()


class BeamRates(Kind):
    """Exact error rates of beamformers, on channels that are the same for every SNR."""

    name: ClassVar[str] = "rates"
    words: ClassVar[str] = "rates"
    result = ChannelRates
    # A design takes far longer than its channels.
    shares_draws: ClassVar[bool] = False
    _drawn: tuple[int, BeamBlock] | None = None

    @property
    def chunk_channels(self) -> int:
        return CHUNK_CHANNELS

    def measure(self, task: Task) -> list[ChannelRates]:
        with clean_torch():
            # Tasks come chunk by chunk, so that one is all there is to keep.
            if self._drawn is None or self._drawn[0] != task.chunk:
                self._drawn = task.chunk, draw_chunk(self.scenario, task.chunk)
            block = self._drawn[1]
            return [
                channel_rates(self.scenario, self.built[i], float(task.snr), block)
                for i in task.contenders
            ]

    def _build(self) -> list[Beamformer]:
        with clean_torch():
            return [
                contender.build(self.scenario)
                for contender in self.contenders
                if isinstance(contender, BeamContender)
            ]

    @classmethod
    def scenario_from(cls, content: Mapping[str, Any]) -> BeamScenario:
        return BeamScenario(**content)

    @classmethod
    def contender_from(cls, content: Mapping[str, Any]) -> BeamContender:
        return BeamContender.from_dict(content)


def draw_chunk(scenario: BeamScenario, chunk: int) -> BeamBlock:
    """Channels of a chunk: the same for every SNR and contender."""
    return scenario.draw(CHUNK_CHANNELS, chunk_generator(scenario.key(), "channels", chunk))


def channel_rates(
    scenario: BeamScenario, beamformer: Beamformer, snr_db: float, block: BeamBlock
) -> ChannelRates:
    """Exact error rates, mean over streams; a design that is not finite counts as 1.

    Args:
        scenario: constellation and noise.
        beamformer: makes the designs.
        snr_db: in dB.
        block: N channels, and what is known of them.
    """
    h, h_hat = block
    noise_var = torch.full((len(h),), scenario.noise_var(snr_db), dtype=torch.float32)
    beams = beamformer(h_hat, noise_var)
    rates = symbol_error_rate(h, beams, noise_var, scenario.constellation).mean((-1, -2))
    return ChannelRates(torch.nan_to_num(rates, nan=1.0).numpy().astype(np.float64))
