"""What a detector costs: counted multiplications, stored numbers, measured microseconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from mimolearn.detectors import Detector
from mimolearn.foundation.tensors.state import clean_torch, evaluating
from mimolearn.link.scenario import Scenario
from mimolearn.plans.plan import AnyScenario, canonical_snr
from mimolearn.results.costs import CostReport, Timing
from mimolearn.studies.kinds.chunk import batch_channels
from mimolearn.studies.kinds.receivers import parted
from mimolearn.studies.kinds.seeds import chunk_generator
from mimolearn.studies.kinds.slot_chunk import Spent
from mimolearn.studies.kinds.slots import SlotCounts

_MIN_REPEATS = 5
_MAX_REPEATS = 200


def measure_timing(
    scenario: Scenario, detector: Detector, snr_db: float, *, budget_s: float = 0.3
) -> Timing:
    """Time one detector on this machine: one thread, no gradients, medians after a warm-up.

    Batches are those of the simulation (``Timing.batch``). Time is the CPU's on this thread: what
    else runs on the machine disturbs it little.

    Args:
        scenario: the link.
        detector: what is timed.
        snr_db: in dB.
        budget_s: seconds for each of the four measurements, at least five repeats each.
    """
    # A receiver works on all Nr antennas, whatever a simulation makes of them.
    scenario = scenario.model_copy(update={"draws": "full"})
    batch = batch_channels(scenario)
    with clean_torch(), evaluating(detector):
        generator = chunk_generator(scenario.key(), canonical_snr(snr_db), 0)
        block = scenario.draw(snr_db, batch, generator)
        y, h, noise_var = block.y, block.h_hat, block.noise_var
        prepared = detector.prepare(h, noise_var)
        prepare_s, repeats = _median(lambda: detector.prepare(h, noise_var), budget_s)
        detect_s, _ = _median(lambda: detector.detect(prepared, y).indices(), budget_s)
        whole_s, _ = _median(lambda: detector(y, h, noise_var).indices(), budget_s)
        one = (y[:1, :1], h[:1], noise_var[:1])
        latency_s, _ = _median(lambda: detector(*one).indices(), budget_s)
    reuse = scenario.channel_reuse
    return Timing(
        threads=1,
        batch=batch,
        channel_reuse=reuse,
        snr_db=snr_db,
        prepare_us=prepare_s / batch * 1e6,
        detect_us=detect_s / (batch * reuse) * 1e6,
        vector_us=whole_s / (batch * reuse) * 1e6,
        latency_us=latency_s * 1e6,
        repeats=repeats,
    )


def measure_slot_timing(
    kind: SlotCounts, detector: Detector, snr_db: float, *, budget_s: float = 1.0
) -> Timing:
    """Time one receiver over a resource grid: the parts of a slot, and a vector of its detector.

    Args:
        kind: the study.
        detector: one of those that it has built.
        snr_db: where it is taken, dB.
        budget_s: seconds for all repeats, of which there are at least three.
    """
    with clean_torch():
        drawn, _ = kind.draw(canonical_snr(snr_db), 0)
        inner, receiver = parted(detector)[:2]
        estimator = receiver.estimator_for(kind.scenario.estimator)
        spent: list[Spent] = []

        def receive() -> None:
            chunk = drawn.again()
            chunk.outcome("timing", inner, receiver, estimator)
            spent.append(chunk.spent)

        _, repeats = _median(receive, budget_s, 3)
        _, observed = drawn.observed(estimator)
        one = observed.y[:1, :1], observed.h_hat[:1], observed.noise_var[:1]
        with evaluating(inner):
            prepare_s, _ = _median(
                lambda: inner.prepare(observed.h_hat, observed.noise_var), budget_s / 4
            )
            latency_s, _ = _median(lambda: inner(*one).indices(), budget_s / 4)
    num, batch = kind.chunk_channels, len(observed.h_hat)
    parts = [statistics.median(part) / num * 1e6 for part in zip(*spent[1:], strict=True)]
    vector_us = parts[1] / kind.scenario.vectors_per_cluster
    return Timing(
        threads=1,
        batch=batch,
        channel_reuse=observed.y.shape[1],
        snr_db=snr_db,
        prepare_us=prepare_s / batch * 1e6,
        detect_us=vector_us,
        vector_us=vector_us,
        latency_us=latency_s * 1e6,
        repeats=repeats,
        estimate_us=parts[0],
        soft_us=parts[1],
        decode_us=parts[2],
    )


def cost_report(scenario: AnyScenario, detector: Detector) -> CostReport:
    """Counted work and stored numbers of a detector in a scenario."""
    per_channel, per_vector = detector.cost(scenario.num_rx_ant, scenario.num_tx_ant)
    tensors = list(detector.parameters())
    return CostReport(
        per_channel,
        per_vector,
        sum(tensor.numel() for tensor in tensors),
        sum(tensor.numel() * tensor.element_size() for tensor in tensors),
    )


def _median(
    call: Callable[[], object], budget_s: float, least: int = _MIN_REPEATS
) -> tuple[float, int]:
    """Median seconds of a call after a first one, and how often it was taken."""
    call()
    times: list[float] = []
    start = time.perf_counter()
    while len(times) < least or (
        time.perf_counter() - start < budget_s and len(times) < _MAX_REPEATS
    ):
        begin = time.thread_time()
        call()
        times.append(time.thread_time() - begin)
    return statistics.median(times), len(times)
