"""Run beamformers on common channels: chunk by chunk, each kept as soon as it is finished."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from pydantic import ConfigDict, Field, field_validator
from torch import Tensor

from mimolearn.beamformers import Beamformer, symbol_error_rate
from mimolearn.beamscenario import BeamScenario, read_shipped_beams
from mimolearn.errors import InvalidInputError, invalid
from mimolearn.plainmodel import Count, PlainModel
from mimolearn.simulation.beam_contender import BeamContender, unique_beam_contenders
from mimolearn.simulation.beam_results import BeamComparison, BeamCurve, BeamPoint
from mimolearn.simulation.beam_store import BeamStore
from mimolearn.simulation.run import canonical_snr, parse_snr_db
from mimolearn.simulation.seeds import chunk_generator
from mimolearn.threads import one_thread
from mimolearn.tomlfile import read_toml
from mimolearn.weights import library_versions

CHUNK_CHANNELS = 64
_TIMED_CHANNELS = 128


class BeamPlan(PlainModel):
    """How a scenario is run: its ``[run]`` table.

    snr_db: SNRs of the scenario. contenders: what is compared. channels: drawn once, the same for
    all contenders and SNRs; rounded up to whole chunks of 64.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    snr_db: tuple[float, ...] = (5.0, 15.0, 25.0)
    contenders: tuple[BeamContender, ...] = ()
    channels: Annotated[Count, Field(le=1_000_000)] = 256

    @field_validator("snr_db", mode="before")
    @classmethod
    def _read_snr_db(cls, value: object) -> tuple[float, ...]:
        return parse_snr_db(value)

    @field_validator("contenders", mode="before")
    @classmethod
    def _read_contenders(cls, value: object) -> tuple[BeamContender, ...]:
        return unique_beam_contenders(value)

    def adjusted(self, **fields: Any) -> BeamPlan:
        """With fields replaced; None leaves a field as it is."""
        kept = {name: getattr(self, name) for name in type(self).model_fields}
        return BeamPlan(**kept | {k: v for k, v in fields.items() if v is not None})


class BeamProgress(NamedTuple):
    """Sent after every chunk: what was done of all there is, and seconds left by the mean speed.

    fresh: False for a chunk that the store had.
    """

    label: str
    snr_db: float
    done: int
    total: int
    elapsed_s: float
    eta_s: float
    fresh: bool


Watcher = Callable[[BeamProgress], None]


def compare_beams(
    scenario: BeamScenario,
    plan: BeamPlan,
    *,
    store: str | Path | None = None,
    progress: Watcher | None = None,
    timing: bool = True,
) -> BeamComparison:
    """Design on every channel, and the exact error rate of each design.

    store: a results file; what is there is not computed again, and Ctrl-C loses nothing that was
    finished. timing: also measure the time of a design.
    Raises InvalidInputError before anything is run, ResultsFileError for a damaged store.
    """
    if not plan.contenders:
        raise invalid("contenders", (), "at least one contender")
    built = {c.label: c.build(scenario) for c in plan.contenders}
    with one_thread(), torch.no_grad(), BeamStore(store) as results:
        rates = _Runner(scenario, plan, built, results, progress).run()
        curves = [
            BeamCurve(
                contender,
                tuple(BeamPoint(snr, rates[contender.label, snr]) for snr in plan.snr_db),
                built[contender.label].num_parameters,
                _design_ms(scenario, plan, built[contender.label]) if timing else None,
            )
            for contender in plan.contenders
        ]
    channels = len(rates[plan.contenders[0].label, plan.snr_db[0]])
    return BeamComparison(scenario, tuple(curves), channels, library_versions())


class _Runner:
    """One pass over all chunks, taking up what the store has."""

    def __init__(
        self,
        scenario: BeamScenario,
        plan: BeamPlan,
        built: dict[str, Beamformer],
        store: BeamStore,
        progress: Watcher | None,
    ) -> None:
        self._scenario, self._plan, self._built = scenario, plan, built
        self._store, self._progress = store, progress
        self._start, self._fresh, self._done = time.monotonic(), 0, 0
        self._chunks = -(-plan.channels // CHUNK_CHANNELS)
        self._total = self._chunks * len(plan.snr_db) * len(plan.contenders)

    def run(self) -> dict[tuple[str, float], np.ndarray]:
        parts: dict[tuple[str, float], list[np.ndarray]] = {}
        for chunk in range(self._chunks):
            block = None
            for contender in self._plan.contenders:
                for snr_db in self._plan.snr_db:
                    key = (self._scenario.key(), contender.key(), canonical_snr(snr_db), chunk)
                    found = self._store.get(*key)
                    fresh = found is None
                    if found is None:
                        block = block or draw_chunk(self._scenario, chunk)
                        beamformer = self._built[contender.label]
                        found = channel_rates(self._scenario, beamformer, snr_db, *block)
                        self._store.add(*key, found)
                        self._fresh += 1
                    parts.setdefault((contender.label, snr_db), []).append(found)
                    self._tell(contender.label, snr_db, fresh)
        return {key: np.concatenate(found) for key, found in parts.items()}

    def _tell(self, label: str, snr_db: float, fresh: bool) -> None:
        self._done += 1
        if self._progress is None:
            return
        elapsed = time.monotonic() - self._start
        left = self._total - self._done
        eta = elapsed / self._fresh * left if self._fresh else 0.0
        self._progress(BeamProgress(label, snr_db, self._done, self._total, elapsed, eta, fresh))


def draw_chunk(scenario: BeamScenario, chunk: int) -> tuple[Tensor, Tensor]:
    """True and known channels of a chunk: the same for every SNR and contender."""
    return scenario.draw(CHUNK_CHANNELS, chunk_generator(scenario.key(), "channels", chunk))


def channel_rates(
    scenario: BeamScenario, beamformer: Beamformer, snr_db: float, h: Tensor, h_hat: Tensor
) -> np.ndarray:
    """(N,) exact error rates, mean over streams; a design that is not finite counts as 1."""
    noise_var = torch.full((len(h),), scenario.noise_var(snr_db))
    beams = beamformer(h_hat, noise_var)
    rates = symbol_error_rate(h, beams, noise_var, scenario.constellation).mean((-1, -2))
    return torch.nan_to_num(rates, nan=1.0).numpy()


def _design_ms(scenario: BeamScenario, plan: BeamPlan, beamformer: Beamformer) -> float:
    """Median processor time of a design in a batch of 128, in ms a channel."""
    generator = chunk_generator(scenario.key(), "timing", 0)
    h = scenario.draw(_TIMED_CHANNELS, generator).h_hat
    noise_var = torch.full((len(h),), scenario.noise_var(plan.snr_db[len(plan.snr_db) // 2]))
    times: list[float] = []
    begin = time.perf_counter()
    while not times or (len(times) < 5 and time.perf_counter() - begin < 3.0):
        start = time.thread_time()
        beamformer(h, noise_var)
        times.append(time.thread_time() - start)
    return statistics.median(times) / len(h) * 1e3


def load_beam_comparison(source: str | Path) -> tuple[BeamScenario, BeamPlan]:
    """A scenario file with its ``[run]`` table, or one that ships, by name.

    Raises InvalidInputError, one line naming the file and the field.
    """
    name = str(source)
    content = read_toml(source) if name.endswith(".toml") else read_shipped_beams(name)
    table = content.get("run", {})
    if not isinstance(table, dict):
        raise InvalidInputError(f"{name}: {invalid('run', table, 'a table: [run]')}")
    scenario = BeamScenario.from_content(content, name)
    try:
        return scenario, BeamPlan(**table)
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: run: {error}") from None
