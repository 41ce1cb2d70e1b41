"""What one process does of a beamforming run: design on a chunk of channels, rate each design."""

from __future__ import annotations

import json
from collections import deque
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.beamformers import Beamformer, symbol_error_rate
from mimolearn.foundation.tensors.state import clean_torch
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.plans.beam_contender import BeamContender
from mimolearn.studies.kinds.seeds import chunk_generator

CHUNK_CHANNELS = 64


class BeamTask(NamedTuple):
    """One chunk of channels at one SNR for one contender, by its position."""

    chunk: int
    contender: int
    snr_db: float


class BeamWorker:
    """Runs tasks in this process; rates do not depend on which worker runs which."""

    capacity = 1

    def __init__(self, scenario: BeamScenario, contenders: tuple[BeamContender, ...]) -> None:
        self._scenario = scenario
        self._built = [contender.build(scenario) for contender in contenders]
        self._drawn: tuple[int, tuple[Tensor, Tensor]] | None = None
        self._tasks: deque[BeamTask] = deque()

    @classmethod
    def from_setup(cls, scenario: str, contenders: str) -> BeamWorker:
        """From the texts of ``start_workers``."""
        parsed = tuple(BeamContender.from_dict(content) for content in json.loads(contenders))
        return cls(BeamScenario.model_validate_json(scenario), parsed)

    def run(self, task: BeamTask) -> np.ndarray:
        """(N,) error rates; see ``channel_rates``."""
        beamformer = self._built[task.contender]
        with clean_torch():
            # Tasks come chunk by chunk, so that one is all there is to keep.
            if self._drawn is None or self._drawn[0] != task.chunk:
                self._drawn = task.chunk, draw_chunk(self._scenario, task.chunk)
            return channel_rates(self._scenario, beamformer, task.snr_db, *self._drawn[1])

    def submit(self, task: BeamTask) -> None:
        """Take a task on."""
        self._tasks.append(task)

    def wait(self) -> list[tuple[BeamTask, np.ndarray]]:
        """The next task and its rates."""
        task = self._tasks.popleft()
        return [(task, self.run(task))]

    def shutdown(self) -> None:
        """Drop what is waiting."""
        self._tasks.clear()


def draw_chunk(scenario: BeamScenario, chunk: int) -> tuple[Tensor, Tensor]:
    """True and known channels of a chunk: the same for every SNR and contender."""
    return scenario.draw(CHUNK_CHANNELS, chunk_generator(scenario.key(), "channels", chunk))


def channel_rates(
    scenario: BeamScenario, beamformer: Beamformer, snr_db: float, h: Tensor, h_hat: Tensor
) -> np.ndarray:
    """(N,) exact error rates, mean over streams; a design that is not finite counts as 1."""
    noise_var = torch.full((len(h),), scenario.noise_var(snr_db), dtype=torch.float32)
    beams = beamformer(h_hat, noise_var)
    rates = symbol_error_rate(h, beams, noise_var, scenario.constellation).mean((-1, -2))
    return torch.nan_to_num(rates, nan=1.0).numpy()
