"""One chunk of a scenario, coded or not."""

from __future__ import annotations

from collections.abc import Sequence

from mimolearn.detectors import Detector
from mimolearn.link.scenario import Scenario
from mimolearn.studies.kinds.chunk import ChunkResult, run_uncoded_chunk
from mimolearn.studies.kinds.coded import check_coded, run_coded_chunk
from mimolearn.studies.kinds.draws import check_draws


def run_chunk(
    scenario: Scenario, snr: str, chunk: int, detectors: Sequence[tuple[str, Detector]]
) -> list[ChunkResult]:
    """Draw a chunk and run detectors on it.

    The counts depend on the arguments alone: torch is set as in ``clean_torch`` whatever it was
    set to, and each detector sees the same batches whoever else runs.

    Args:
        scenario: the link.
        snr: canonical.
        chunk: its number.
        detectors: (label, detector) of each contender.

    Returns:
        one result for each, in their order.

    Raises:
        InvalidInputError: a detector that reduced draws would judge wrongly.
    """
    check_draws(scenario, detectors)
    for label, detector in detectors:
        check_coded(scenario, label, detector)
    run = run_uncoded_chunk if scenario.coding is None else run_coded_chunk
    return run(scenario, snr, chunk, detectors)
