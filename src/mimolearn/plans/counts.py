"""Integers that a simulation counts, and where the errors lay."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np

from mimolearn.foundation.errors import check_one_of, invalid

BLOCK_METRICS = ("bler", "info-ber")
"""Metrics of a coded link alone: their clusters are blocks, those of the others channels."""

_UNITS = {
    "ber": "bit",
    "ser": "symbol",
    "ver": "vector",
    "bler": "block",
    "info-ber": "info_bit",
}
# A block's GMI loss is counted in units of 2^-20 bit: sums of integers have no order.
GMI_SCALE = 2**20
# Relative errors of channel estimates likewise, in units of 2^-30.
ESTIMATE_SCALE = 2**30


@dataclass(frozen=True)
class Counts:
    """What was counted at one SNR for one contender, over a contiguous prefix of chunks.

    chunks, channels, vectors, symbols, bits: how much was simulated. bit_errors, symbol_errors,
    vector_errors: wrong ones; a vector is wrong when any of its symbols is. nonfinite: vectors
    whose output was NaN or infinite (all their bits count as errors). incomplete: vectors whose
    search hit its limit (their decisions stand). work: real multiplications that a
    data-dependent search spent, None for others.
    Of a coded link also blocks, info_bits and the wrong ones after decoding; gmi_loss, gmi_squares:
    sums over blocks of the fixed-point GMI loss and of its square (see ``gmi_of``); else 0.
    Over a resource grid a channel is a slot, and there are also decoder_runs and
    decoder_iterations of them, and estimate_error and estimate_claim: sums over slots of the mean
    square error of the estimated channels relative to their power, as it was and as the estimator
    claimed, in fixed point (see ``estimate_errors``).
    """

    chunks: int
    channels: int
    vectors: int
    symbols: int
    bits: int
    bit_errors: int
    symbol_errors: int
    vector_errors: int
    nonfinite: int
    incomplete: int
    work: int | None = None
    blocks: int = 0
    info_bits: int = 0
    block_errors: int = 0
    info_bit_errors: int = 0
    gmi_loss: int = 0
    gmi_squares: int = 0
    decoder_runs: int = 0
    decoder_iterations: int = 0
    estimate_error: int = 0
    estimate_claim: int = 0

    def errors(self, metric: str) -> int:
        """Errors of the metric's unit: "ber" bits, "ser" symbols, "ver" vectors, "bler" blocks,
        "info-ber" information bits; the first three are the receiver's own, before decoding."""
        return int(getattr(self, _unit(metric) + "_errors"))

    def trials(self, metric: str) -> int:
        """How many of the metric's units were sent."""
        return int(getattr(self, _unit(metric) + "s"))

    def gmi_of(self) -> float:
        """Generalised mutual information a bit, 1 - mean log2(1 + e^(-L)) with L the LLR of the bit
        that was sent (positive when right), over blocks; InvalidInputError on an uncoded link."""
        if not self.blocks:
            raise invalid("metric", "gmi", "a scenario with coding")
        return 1 - self.gmi_loss / (GMI_SCALE * self.blocks)

    def estimate_errors(self) -> tuple[float, float]:
        """Mean square error of the estimated channels relative to their power: measured, claimed.

        Both are 0 for channels that are known.
        """
        whole = ESTIMATE_SCALE * self.channels
        return self.estimate_error / whole, self.estimate_claim / whole

    @classmethod
    def total(cls, counts: Iterable[Counts]) -> Counts:
        """Sum over chunks; work is known only when it is known of each."""
        counts = list(counts)
        names = [f.name for f in fields(cls) if f.name != "work"]
        sums = {name: sum(getattr(count, name) for count in counts) for name in names}
        works = [count.work for count in counts if count.work is not None]
        return cls(**sums, work=sum(works) if works and len(works) == len(counts) else None)


@dataclass(frozen=True, eq=False)
class ErrorPositions:
    """The wrong vectors of a run of channels: sparse, so that any two contenders can be paired.

    The same serves wrong blocks: vector is then the block, bit_errors its information bits.

    vector: (E) ascending positions, channel-major (channel = vector // channel_reuse).
    bit_errors, symbol_errors: (E) how many bits and symbols of each were wrong, above 0.
    All are int64 arrays.
    """

    vector: np.ndarray
    bit_errors: np.ndarray
    symbol_errors: np.ndarray

    def per_vector(self, metric: str) -> np.ndarray:
        """(E) errors of the metric's unit at each wrong vector."""
        unit = _unit(metric)
        if unit in ("vector", "block"):
            return np.ones_like(self.vector)
        return self.symbol_errors if unit == "symbol" else self.bit_errors

    def per_channel(self, metric: str, num_channels: int, channel_reuse: int) -> np.ndarray:
        """(num_channels) int64 errors of each channel; later channels are left out."""
        channel = self.vector // channel_reuse
        inside = channel < num_channels
        sums = np.bincount(
            channel[inside], weights=self.per_vector(metric)[inside], minlength=num_channels
        )
        return sums.astype(np.int64)

    @classmethod
    def join(cls, parts: Iterable[ErrorPositions], vectors_per_part: int) -> ErrorPositions:
        """Chunks one behind the other."""
        parts = list(parts)
        empty = np.zeros(0, np.int64)
        shifted = [part.vector + i * vectors_per_part for i, part in enumerate(parts)]
        return cls(
            np.concatenate([empty, *shifted]),
            np.concatenate([empty, *(part.bit_errors for part in parts)]),
            np.concatenate([empty, *(part.symbol_errors for part in parts)]),
        )

    def to_bytes(self) -> bytes:
        """Compressed little-endian uint32: distances, then bit errors, then symbol errors."""
        distance = np.diff(self.vector, prepend=0)
        columns = np.concatenate([distance, self.bit_errors, self.symbol_errors])
        return zlib.compress(columns.astype("<u4").tobytes(), 3)

    @classmethod
    def from_bytes(cls, data: bytes) -> ErrorPositions:
        """Inverse of ``to_bytes``; ValueError or zlib.error when the data is damaged."""
        columns = np.frombuffer(zlib.decompress(data), "<u4").astype(np.int64)
        distance, bit_errors, symbol_errors = columns.reshape(3, -1)
        return cls(np.cumsum(distance), bit_errors, symbol_errors)


def _unit(metric: str) -> str:
    return _UNITS[check_one_of("metric", metric, _UNITS)]
