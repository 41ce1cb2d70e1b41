"""The results file of receivers: what was counted on every finished chunk."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from mimolearn.foundation.errors import ResultsFileError
from mimolearn.link.scenario import Scenario
from mimolearn.plans.contender import Contender
from mimolearn.studies.kinds.chunk import ChunkResult, chunk_channels
from mimolearn.studies.storage.payload import pack_result, same_result, unpack_result
from mimolearn.studies.storage.results_file import SCHEMA, PointKey, ResultsFile

STORE_SCHEMA = SCHEMA


class StoredScenario(NamedTuple):
    """One scenario of a results file, the contenders run on it, and their SNRs (canonical)."""

    scenario: Scenario
    contenders: tuple[Contender, ...]
    snr_db: tuple[float, ...]


class Store(ResultsFile):
    """Counts by scenario, contender, SNR and chunk; see ResultsFile for what is common."""

    application_id = 0x6D696D6F  # "mimo"
    file_words = "results file"
    payload_words = "counts"

    def register(self, scenario: Scenario, contenders: tuple[Contender, ...]) -> None:
        """Record what the keys of the coming rows mean."""
        content = {
            "scenario": scenario.model_dump(mode="json"),
            "chunk_channels": chunk_channels(scenario),
        }
        with self._errors(), self._transaction():
            self._check_chunk_size(scenario)
            self._put_record("scenario", scenario.key(), json.dumps(content, sort_keys=True))
            for contender in contenders:
                text = json.dumps(contender.to_dict(), sort_keys=True)
                self._put_record("contender", contender.key(), text)

    def add(self, scenario_key: str, snr: str, chunk: int, results: dict[str, ChunkResult]) -> None:
        """Store one chunk of several contenders (by key), at once or not at all."""
        with self._errors(), self._transaction():
            for key, result in results.items():
                self._put_chunk(PointKey(scenario_key, key, snr), chunk, pack_result(result))

    def chunks(self, scenario_key: str, contender_key: str, snr: str) -> dict[int, ChunkResult]:
        """All chunks of one contender at one SNR, each verified and none missing."""
        with self._errors(), self._transaction("DEFERRED"):
            payloads = self._payloads(PointKey(scenario_key, contender_key, snr))
        return {chunk: self._unpacked(payload) for chunk, payload in payloads.items()}

    def update_run(
        self, scenario_key: str, change: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> dict[str, Any]:
        """Change what is remembered of a scenario's runs, plain JSON values; returns the new ones.

        change: from what is stored at this moment (at first nothing) to what is to be stored. No
        other process comes between.
        """
        with self._errors(), self._transaction():
            content = change(self._load_run(scenario_key))
            self._put_record("run", scenario_key, json.dumps(content, sort_keys=True))
        return content

    def load_run(self, scenario_key: str) -> dict[str, Any]:
        """What ``update_run`` stored last, or nothing."""
        with self._errors():
            return self._load_run(scenario_key)

    def scenarios(self) -> list[StoredScenario]:
        """What the file holds."""
        with self._errors(), self._transaction("DEFERRED"):
            texts, points = self._records("scenario"), self._points()
            contenders = self._records("contender")
        return [
            self._stored(json.loads(text), contenders, [p for p in points if p.scenario == key])
            for key, text in texts.items()
        ]

    def find(self, scenario: Scenario | None) -> StoredScenario:
        """One scenario of the file: the given one, or the only one."""
        stored = self.scenarios()
        if scenario is not None:
            stored = [item for item in stored if item.scenario.key() == scenario.key()]
        if len(stored) == 1:
            return stored[0]
        if stored:
            names = ", ".join(item.scenario.name or item.scenario.key() for item in stored)
            raise ResultsFileError(f"{self._name}: holds several scenarios, name one: {names}")
        what = "no scenario at all" if scenario is None else "nothing of this scenario"
        raise ResultsFileError(f"{self._name}: holds {what}")

    def _stored(
        self, content: dict[str, Any], contenders: dict[str, str], points: list[PointKey]
    ) -> StoredScenario:
        keys = sorted({point.contender for point in points})
        return StoredScenario(
            Scenario(**content["scenario"]),
            tuple(Contender.from_dict(json.loads(contenders[key])) for key in keys),
            tuple(sorted({float(point.snr_db) for point in points})),
        )

    def _load_run(self, scenario_key: str) -> dict[str, Any]:
        text = self._record("run", scenario_key)
        return {} if text is None else json.loads(text)

    def _check_chunk_size(self, scenario: Scenario) -> None:
        text = self._record("scenario", scenario.key())
        channels, now = text and json.loads(text)["chunk_channels"], chunk_channels(scenario)
        if text is not None and channels != now:
            raise ResultsFileError(
                f"{self._name}: its chunks of this scenario have {channels} channels, now they "
                f"have {now}; give another file name to start a new one"
            )

    def _check_accounts(self) -> None:
        super()._check_accounts()
        scenarios, contenders = self._records("scenario"), self._records("contender")
        for point in self._points():
            if point.scenario not in scenarios or point.contender not in contenders:
                raise self._damaged("a chunk belongs to no scenario or no contender of the file")

    def _unpacked(self, payload: bytes) -> ChunkResult:
        try:
            return unpack_result(payload)
        except ValueError as error:
            raise self._damaged(str(error)) from None

    def _is_same(self, stored: bytes, payload: bytes) -> bool:
        if stored == payload:
            return True
        return same_result(self._unpacked(stored), self._unpacked(payload))
