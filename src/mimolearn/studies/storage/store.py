"""The results file: what was measured on every finished chunk, of studies of all kinds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from mimolearn.foundation.errors import ResultsFileError
from mimolearn.studies.kinds.base import Kind, Result
from mimolearn.studies.kinds.registry import kind_class
from mimolearn.studies.storage.results_file import SCHEMA, PointKey, ResultsFile

STORE_SCHEMA = SCHEMA


class StoredScenario(NamedTuple):
    """One scenario of a results file.

    Attributes:
        scenario: the link.
        contenders: those that have results on it.
        snr_db: their SNRs in dB.
        kind: "counts" or "coded" (receivers), "rates" (beamformers), "accuracy" (mean squares).
    """

    scenario: Any
    contenders: tuple[Any, ...]
    snr_db: tuple[float, ...]
    kind: str

    @property
    def label(self) -> str:
        """The title of the scenario, or its key; and which repetition it is."""
        link = self.scenario
        repetition = f" (replicate {link.replicate})" if link.replicate > 1 else ""
        return f"{link.name or link.key()}{repetition}"


class Store(ResultsFile):
    """Results by study (the key of its scenario), contender, SNR and chunk; see ResultsFile."""

    def register(self, kind: Kind) -> None:
        """Record what the keys of the coming rows mean."""
        content = {
            "kind": kind.name,
            "scenario": kind.scenario.model_dump(mode="json"),
            "chunk_channels": kind.chunk_channels,
        }
        with self._errors(), self._transaction():
            self._require_chunk_size(kind)
            self._put_record("scenario", kind.study_key, json.dumps(content, sort_keys=True))
            for key, contender in zip(kind.keys, kind.contenders, strict=True):
                text = json.dumps(contender.to_dict(), sort_keys=True)
                self._put_record("contender", key, text)

    def add(self, study_key: str, snr: str, chunk: int, results: dict[str, Result]) -> None:
        """Store one chunk of several contenders, at once or not at all.

        Args:
            study_key: of the study.
            snr: canonical.
            chunk: its number.
            results: by contender key.
        """
        with self._errors(), self._transaction():
            for key, result in results.items():
                self._put_chunk(PointKey(study_key, key, snr), chunk, result.pack())

    def chunks(self, study_key: str, contender_key: str, snr: str) -> dict[int, Any]:
        """All chunks of one contender at one SNR, each verified and none missing.

        Args:
            study_key: of the study.
            contender_key: of the contender.
            snr: canonical.

        Returns:
            results by number of the chunk.
        """
        point = PointKey(study_key, contender_key, snr)
        with self._errors(), self._transaction("DEFERRED"):
            payloads = self._payloads(point)
            result = self._kind(study_key).result if payloads else None
        if result is None:
            return {}
        return {chunk: self._unpacked(result, payload) for chunk, payload in payloads.items()}

    def update_run(
        self, study_key: str, change: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> dict[str, Any]:
        """Change what is remembered of a scenario's runs, plain JSON values.

        Args:
            change: from what is stored at this moment (at first nothing) to what is to be stored.
                No other process comes between.

        Returns:
            the new ones.
        """
        with self._errors(), self._transaction():
            content = change(self._load_run(study_key))
            self._put_record("run", study_key, json.dumps(content, sort_keys=True))
        return content

    def load_run(self, study_key: str) -> dict[str, Any]:
        """What ``update_run`` stored last, or nothing."""
        with self._errors():
            return self._load_run(study_key)

    def scenarios(self) -> list[StoredScenario]:
        """What the file holds."""
        with self._errors(), self._transaction("DEFERRED"):
            texts, points = self._records("scenario"), self._points()
            contenders = self._records("contender")
        return [
            self._stored(json.loads(text), contenders, [p for p in points if p.scenario == key])
            for key, text in texts.items()
        ]

    def find(self, scenario: Any, kinds: Iterable[str]) -> StoredScenario:
        """One scenario of the file, of some kinds of study: the given one, or the only one."""
        stored = [item for item in self.scenarios() if item.kind in kinds]
        if scenario is not None:
            stored = [item for item in stored if item.scenario.key() == scenario.key()]
        if len(stored) == 1:
            return stored[0]
        if stored:
            names = ", ".join(item.label for item in stored)
            raise ResultsFileError(f"{self._name}: holds several scenarios, name one: {names}")
        what = "no scenario at all" if scenario is None else "nothing of this scenario"
        raise ResultsFileError(f"{self._name}: holds {what}")

    def _stored(
        self, content: dict[str, Any], contenders: dict[str, str], points: list[PointKey]
    ) -> StoredScenario:
        kind = self._class(content)
        keys = sorted({point.contender for point in points})
        return StoredScenario(
            kind.scenario_from(content["scenario"]),
            tuple(kind.contender_from(json.loads(contenders[key])) for key in keys),
            tuple(sorted({float(point.snr_db) for point in points})),
            kind.name,
        )

    def _kind(self, study_key: str) -> type[Kind]:
        text = self._record("scenario", study_key)
        if text is None:
            raise self._damaged("a chunk belongs to no scenario of the file")
        return self._class(json.loads(text))

    def _load_run(self, study_key: str) -> dict[str, Any]:
        text = self._record("run", study_key)
        return {} if text is None else json.loads(text)

    def check_chunk_size(self, kind: Kind) -> None:
        """Refuse chunks of another size than those of a kind: they are of other draws.

        Raises:
            ResultsFileError: one line, where they are.
        """
        with self._errors(), self._transaction("DEFERRED"):
            self._require_chunk_size(kind)

    def _require_chunk_size(self, kind: Kind) -> None:
        text = self._record("scenario", kind.study_key)
        channels, now = text and json.loads(text)["chunk_channels"], kind.chunk_channels
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

    def _unpacked(self, result: type[Result], payload: bytes) -> Any:
        try:
            return result.unpack(payload)
        except ValueError as error:
            raise self._damaged(str(error)) from None

    def _is_same(self, point: PointKey, stored: bytes, payload: bytes) -> bool:
        if stored == payload:
            return True
        result = self._kind(point.scenario).result
        return self._unpacked(result, stored).same(self._unpacked(result, payload))

    def _words(self, point: PointKey) -> str:
        return self._kind(point.scenario).words

    def _class(self, content: dict[str, Any]) -> type[Kind]:
        # Files that receivers alone were written to do not name it.
        name = content.get("kind", "counts")
        try:
            return kind_class(name)
        except ValueError as error:
            raise ResultsFileError(f"{self._name}: {error} in this version") from None
