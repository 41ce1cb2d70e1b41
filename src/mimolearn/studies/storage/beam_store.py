"""The results file of beamformers: error rates on every channel of finished chunks."""

from __future__ import annotations

import numpy as np

from mimolearn.studies.storage.results_file import PointKey, ResultsFile


class BeamStore(ResultsFile):
    """Error rates per channel by scenario, contender, SNR and chunk; see ResultsFile."""

    application_id = 0x6D62656D  # "mbem"
    file_words = "file of beamforming results"
    payload_words = "rates"

    def add(self, scenario: str, contender: str, snr: str, chunk: int, rates: np.ndarray) -> None:
        """Keep one chunk; one that is there already has to be the same."""
        payload = rates.astype("<f8").tobytes()
        with self._errors(), self._transaction():
            self._put_chunk(PointKey(scenario, contender, snr), chunk, payload)

    def chunks(self, scenario: str, contender: str, snr: str) -> dict[int, np.ndarray]:
        """All chunks of one contender at one SNR, each verified and none missing."""
        with self._errors(), self._transaction("DEFERRED"):
            payloads = self._payloads(PointKey(scenario, contender, snr))
        return {chunk: np.frombuffer(payload, "<f8") for chunk, payload in payloads.items()}
