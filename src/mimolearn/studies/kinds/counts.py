"""Error counts of receivers, of vectors as they are detected and of blocks as they are decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from mimolearn.detectors import Detector
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.scenario import Scenario
from mimolearn.plans.contender import Contender
from mimolearn.studies.kinds.base import Kind, Task
from mimolearn.studies.kinds.calibration import FittedScales
from mimolearn.studies.kinds.chunk import ChunkResult, chunk_channels, run_uncoded_chunk
from mimolearn.studies.kinds.coded import check_coded, run_coded_chunk
from mimolearn.studies.kinds.draws import check_draws


class ErrorCounts(Kind):
    """Wrong bits, symbols and vectors of receivers."""

    name: ClassVar[str] = "counts"
    words: ClassVar[str] = "counts"
    result = ChunkResult

    def __init__(self, scenario: Scenario, contenders: Sequence[Any]) -> None:
        super().__init__(scenario, contenders)
        self._scales = FittedScales()

    @property
    def chunk_channels(self) -> int:
        return chunk_channels(self.scenario)

    @property
    def chunk_vectors(self) -> int:
        return self.chunk_channels * self.scenario.channel_reuse

    def measure(self, task: Task) -> list[ChunkResult]:
        detectors = [self.built[i] for i in task.contenders]
        chunk = self.scenario, task.snr, task.chunk, detectors
        if self.scenario.coding is None:
            return run_uncoded_chunk(*chunk)
        return run_coded_chunk(*chunk, self._scales)

    def _build(self) -> list[tuple[str, Detector]]:
        built = build_detectors(self.scenario, self.contenders)
        check_draws(self.scenario, built)
        for label, detector in built:
            check_coded(self.scenario, label, detector)
        return built

    @classmethod
    def scenario_from(cls, content: Mapping[str, Any]) -> Scenario:
        return Scenario(**content)

    @classmethod
    def contender_from(cls, content: Mapping[str, Any]) -> Contender:
        return Contender.from_dict(content)


class CodedErrorCounts(ErrorCounts):
    """Wrong blocks and information bits of a coded link too."""

    name: ClassVar[str] = "coded"


def error_counts(scenario: Scenario, contenders: Sequence[Contender]) -> ErrorCounts:
    """The kind that counts the errors of a scenario without a grid."""
    cls = ErrorCounts if scenario.coding is None else CodedErrorCounts
    return cls(scenario, contenders)


def build_detectors(
    scenario: Scenario | GridScenario, contenders: Sequence[Any]
) -> list[tuple[str, Detector]]:
    """(label, detector) of each contender; those that differ in the quantiser alone share one."""
    shared: dict[str, Detector] = {}
    built = []
    for contender in contenders:
        if contender.is_object:
            contender.check_unchanged()
        built.append((contender.label, contender.build(scenario.points(), shared)))
    return built
