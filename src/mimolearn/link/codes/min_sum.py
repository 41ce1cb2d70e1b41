"""Decoding by min-sum in fixed point, as deployed receivers do."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.errors import invalid
from mimolearn.link.codes.parity import ParityChecks

DECODER_BITS = (4, 5, 6, 7, 8)
# Words of a batch that are left over, to be decoded with those of others.
_LEAVE = 8
_BATCH = 64


# Offsets in LLRs: a sixteenth for each bit of a check, up to that of the tenth, and half an LLR
# more where the two smallest magnitudes are the same. The plain 0.5 for all checks is right for 8
# bits a check. Fitted to the (1024, 2048) code of 5G at 20 iterations and 1.25 dB.
_OFFSET_OF_BIT = 1 / 16
_MOST_COUNTED = 10
_RISE = 0.5


class FixedPoint(NamedTuple):
    """Numbers of the layered offset min-sum decoder, as multiples of its smallest step.

    LLRs must be true ones: their scale is part of the algorithm. A check tells each of its bits
    the smallest magnitude of the others less an offset, which grows with the bits of the check
    and where the second smallest is near: then sum-product loses most in magnitude too.

    Attributes:
        sum_bits: 8 or 16, of the sums of LLRs.
        scale: steps of an LLR of 1.
        top: largest LLR.
        limit: largest magnitude of a message before its offset; above top + offset, or a parity
            bit in one check alone could never be turned.
    """

    sum_bits: int
    scale: float
    top: int
    limit: int

    def decode(
        self,
        checks: ParityChecks,
        channel: Tensor,
        start: int,
        num_info_bits: int,
        num_iter: int,
        posterior: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Decode words.

        Args:
            checks: of the code.
            channel: (W, n) float32, contiguous and finite; LLRs of the bits from start on.
            start: the first bit that has an LLR.
            num_info_bits: how many of the first bits to return.
            num_iter: largest number of iterations.
            posterior: (W, bits) float32, to be filled with the last LLRs, or (0, bits).

        Returns:
            (W, num_info_bits) uint8 and (W) int32, iterations, -1 where none was a codeword.
        """
        from mimolearn.kernels.codes.min_sum import RESTART

        info = torch.empty(len(channel), num_info_bits, dtype=torch.uint8)
        spent = torch.full((len(channel),), RESTART, dtype=torch.int32)
        rows = torch.arange(len(channel))
        # A batch takes as long as its slowest word. So its last words are decoded anew, with
        # those of other batches.
        while len(rows):
            leave = _LEAVE if len(rows) > _BATCH else 0
            whole = len(rows) == len(channel)
            part = channel if whole else channel[rows]
            soft = posterior[:0] if not len(posterior) else posterior if whole else posterior[rows]
            bits, count = self._run(checks, part, start, num_info_bits, num_iter, leave, soft)
            info[rows], spent[rows] = bits, count
            if len(posterior) and not whole:
                posterior[rows] = soft
            rows = rows[count == RESTART]
        return info, spent

    def _run(
        self,
        checks: ParityChecks,
        channel: Tensor,
        start: int,
        num_info_bits: int,
        num_iter: int,
        leave: int,
        posterior: Tensor,
    ) -> tuple[Tensor, Tensor]:
        from mimolearn.kernels.codes import min_sum

        starts, columns, num_bits = checks
        info = torch.empty(len(channel), num_info_bits, dtype=torch.uint8)
        spent = torch.empty(len(channel), dtype=torch.int32)
        sums = torch.int8 if self.sum_bits == 8 else torch.int16
        min_sum.kernel(self.sum_bits)(
            channel.numpy(),
            start,
            starts,
            columns,
            self.offsets(checks),
            num_iter,
            leave,
            self.scale,
            self.top,
            self.limit,
            info.numpy(),
            spent.numpy(),
            posterior.numpy(),
            # Torch aligns them to cache lines.
            torch.empty((num_bits + 16) * _BATCH, dtype=sums).numpy(),
            torch.empty(columns.size * _BATCH, dtype=sums).numpy(),
            np.empty(num_bits, np.uint64),
            np.empty((8, num_info_bits), np.uint8),
        )
        return info, spent

    def offsets(self, checks: ParityChecks) -> np.ndarray:
        """Compute (checks, 3) int64 offsets.

        Of the smallest magnitude where the second is far, of it where the second is the same, and
        of the second, which the bit with the smallest is told.
        """
        bits = np.minimum(np.diff(checks.starts), _MOST_COUNTED)
        far = np.floor(bits * self.scale * _OFFSET_OF_BIT + 0.5).astype(np.int64)
        return np.stack([far, far + round(self.scale * _RISE), far], 1)


@functools.cache
def fixed_point(bits: int) -> FixedPoint:
    """Return the numbers for LLRs of 4 to 8 bits.

    Sums have 8 bits up to 6 of an LLR, and 16 above: they need two bits more than it.
    """
    known = {
        4: FixedPoint(8, 2.0, 7, 15),
        5: FixedPoint(8, 2.0, 15, 31),
        6: FixedPoint(8, 4.0, 31, 63),
        7: FixedPoint(16, 8.0, 63, 1023),
        8: FixedPoint(16, 16.0, 127, 2047),
    }
    if isinstance(bits, bool) or bits not in known:
        raise invalid("decoder_bits", bits, f"one of {', '.join(map(str, known))}")
    return known[bits]
