"""What a contender costs: measured times, counted work and storage."""

from __future__ import annotations

from typing import NamedTuple


class Timing(NamedTuple):
    """Measured on one machine, single process.

    Attributes:
        threads: torch threads.
        batch: channels per call.
        channel_reuse: vectors per channel.
        snr_db: at which it was taken, in dB; it matters to data-dependent searches.
        vector_us: microseconds from y and h to indices, per vector of such a batch.
        latency_us: the same for one channel alone with one vector.
        prepare_us: microseconds of ``prepare`` alone, per channel.
        detect_us: microseconds of ``detect`` and the indices alone, per vector; where both halves
            are fused into one kernel, vector_us is less than their sum.
        repeats: how many times prepare was taken; all are medians of CPU time.
        machine: on which it was taken; empty when it was this one, and in older files.
        estimate_us: over a resource grid, microseconds a slot of channel estimation and whitening;
            0 without a grid, as all that follow.
        soft_us: microseconds a slot of detection to LLRs, with the passes of decoder feedback that
            the slots needed at snr_db.
        decode_us: microseconds a slot of decoding, with these passes.
    """

    threads: int
    batch: int
    channel_reuse: int
    snr_db: float
    prepare_us: float
    detect_us: float
    vector_us: float
    latency_us: float
    repeats: int
    machine: str = ""
    estimate_us: float = 0.0
    soft_us: float = 0.0
    decode_us: float = 0.0

    @property
    def slot_us(self) -> float:
        """Microseconds of the whole receiver for a slot; 0 without a resource grid."""
        return sum(self.slot_parts_us)

    @property
    def slot_parts_us(self) -> tuple[float, float, float]:
        """Microseconds a slot of estimation, detection and decoding."""
        return self.estimate_us, self.soft_us, self.decode_us


class CostReport(NamedTuple):
    """Work and storage of one contender in this scenario.

    Attributes:
        per_channel: real multiplications per channel.
        per_vector: real multiplications per vector; None when it depends on the data, then
            ``Point.work_per_vector`` has what was spent.
        parameters: stored numbers of a learned detector.
        parameter_bytes: their size.
    """

    per_channel: int
    per_vector: int | None
    parameters: int
    parameter_bytes: int
