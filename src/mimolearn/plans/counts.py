"""Integers that a simulation counts, and where the errors lay."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

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
RELIABILITY_EDGES = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0)
"""Least magnitudes of the LLRs in each bin of a reliability; the last bin has no end."""
CLAIM_SCALE = 2**32
"""Claimed error probabilities are summed in units of one over this."""
# Fields of ``Counts`` that are several integers.
_LISTS = ("resent", "reliability")
# A block's GMI loss is counted in units of 2^-20 bit: sums of integers have no order.
GMI_SCALE = 2**20
# Relative errors of channel estimates likewise, in units of 2^-30.
ESTIMATE_SCALE = 2**30


@dataclass(frozen=True)
class Counts:
    """What was counted at one SNR for one contender, over a contiguous prefix of chunks.

    Attributes:
        chunks: that were simulated.
        channels: that were drawn.
        vectors: that were transmitted.
        symbols: in these vectors.
        bits: in these vectors.
        bit_errors: wrong bits.
        symbol_errors: wrong symbols.
        vector_errors: vectors with a wrong symbol.
        nonfinite: vectors whose output was NaN or infinite (all their bits count as errors).
        incomplete: vectors whose search hit its limit (what it decided counts).
        work: real multiplications that a data-dependent search spent, None for others.
        blocks: of a coded link; 0 on an uncoded one, as all that follow.
        info_bits: information bits in these blocks.
        block_errors: blocks that are wrong after decoding.
        info_bit_errors: information bits that are wrong after decoding.
        gmi_loss: sum over blocks of the fixed-point GMI loss (see ``gmi_of``).
        gmi_squares: sum over blocks of its square.
        decoder_runs: code blocks that were decoded over a resource grid, in all passes; 0 without
            a grid, as all that follow. A channel is a slot there.
        decoder_iterations: of these runs.
        estimate_error: sum over slots of the mean square error of the estimated channels relative
            to their power, in fixed point (see ``estimate_errors``).
        estimate_claim: the same as the estimator claimed.
        resent: blocks that were transmitted again after their first, second ... transmission;
            empty without HARQ.
        stored_bits: empirical entropy of the codes that a quantiser keeps of the first
            transmission, bits, over chunks; 0 without a quantiser.
        reliability: of the soft bits as the decoder gets them first, by ``RELIABILITY_EDGES``: for
            each bin the LLRs in it, twice the wrong ones (zeros are half wrong), and the sum of the
            error probabilities that they claim, in units of 2^-32. Empty on an uncoded link.
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
    resent: tuple[int, ...] = ()
    stored_bits: int = 0
    reliability: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        # JSON knows lists alone.
        for name in _LISTS:
            object.__setattr__(self, name, tuple(getattr(self, name)))

    def errors(self, metric: str) -> int:
        """Errors of a metric's unit. Bits, symbols and vectors are counted before decoding.

        Args:
            metric: "ber" counts bits, "ser" symbols, "ver" vectors, "bler" blocks, "info-ber"
                information bits.
        """
        return int(getattr(self, _unit(metric) + "_errors"))

    def trials(self, metric: str) -> int:
        """How many of the metric's units were sent."""
        return int(getattr(self, _unit(metric) + "s"))

    def gmi_of(self) -> float:
        """Generalised mutual information a bit, over blocks: 1 - mean log2(1 + e^(-L)).

        L is the LLR of the transmitted bit, positive where it is right.

        Raises:
            InvalidInputError: on an uncoded link.
        """
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
        names = [f.name for f in fields(cls) if f.name not in ("work", *_LISTS)]
        sums = {name: sum(getattr(count, name) for count in counts) for name in names}
        works = [count.work for count in counts if count.work is not None]
        work = sum(works) if works and len(works) == len(counts) else None
        lists = {name: _sums([getattr(count, name) for count in counts]) for name in _LISTS}
        both: dict[str, Any] = {**sums, **lists}
        return cls(**both, work=work)


def _sums(columns: list[tuple[int, ...]]) -> tuple[int, ...]:
    """Sums of each entry; nothing where some chunks do not know it."""
    if len({len(column) for column in columns}) != 1:
        return ()
    return tuple(map(sum, zip(*columns, strict=True)))


@dataclass(frozen=True, eq=False)
class ErrorPositions:
    """The wrong vectors of a run of channels: sparse, so that any two contenders can be paired.

    The same serves wrong blocks: vector is then the block, bit_errors its information bits.

    Attributes:
        vector: (E) int64 ascending positions, channel-major (channel = vector // channel_reuse).
        bit_errors: (E) int64 wrong bits of each, above 0.
        symbol_errors: (E) int64 wrong symbols of each, above 0.
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
        """Errors of each channel; later channels are left out.

        Args:
            metric: as for ``Counts.errors``.
            num_channels: how many channels are wanted.
            channel_reuse: vectors per channel.

        Returns:
            (num_channels,) int64 errors of the metric's unit.
        """
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
