"""A binary block code: its encoder and its decoders. LLRs are ln P(b=1)/P(b=0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.errors import check_positive_int, check_shape, invalid
from mimolearn.link.codes.parity import Encoder, ParityChecks


class Decoded(NamedTuple):
    """W decoded blocks.

    Attributes:
        info: (W, k) uint8; information bits.
        found: (W) bool; whether the decoder ended in a codeword.
        iterations: (W) int32; iterations it took, num_iter if it did not end in one.
    """

    info: Tensor
    found: Tensor
    iterations: Tensor


@dataclass(frozen=True, eq=False)
class BlockCode:
    """A systematic binary block code with a sum-product decoder.

    A word is all bits that parity checks are over, the information bits first. Those that are not
    transmitted (5G leaves out the first 2Z) start at LLR 0 in the decoder.

    Attributes:
        num_info_bits: k.
        encoder: the steps that make the other bits of a word.
        checks: parity checks of a word.
        sent_at: (n) int64; the bit of the word that each coded bit is.
    """

    num_info_bits: int
    encoder: Encoder
    checks: ParityChecks
    sent_at: Tensor

    @property
    def num_coded_bits(self) -> int:
        """n."""
        return len(self.sent_at)

    @property
    def num_bits(self) -> int:
        """Bits of a word."""
        return self.checks.num_bits

    def encode(self, info: Tensor) -> Tensor:
        """Encode blocks.

        The kernel works on 64 blocks at a time, one bit of each in a 64-bit integer.

        Args:
            info: (*B, k) of any dtype; information bits.

        Returns:
            (*B, n) uint8; coded bits.

        Raises:
            InvalidInputError: for another shape.
        """
        return self._encode(info, self.sent_at)

    def words(self, info: Tensor) -> Tensor:
        """Do the same as ``encode``, and return all bits of the words, (*B, num_bits)."""
        return self._encode(info, torch.arange(self.num_bits))

    def _encode(self, info: Tensor, take: Tensor) -> Tensor:
        k = self.num_info_bits
        check_shape(
            "info", info, f"(*B, {k})", isinstance(info, Tensor) and info.shape[-1:] == (k,)
        )
        from mimolearn.kernels.codes import encode

        bits = info.detach().to("cpu", torch.uint8).reshape(-1, k).contiguous()
        coded = torch.empty(len(bits), len(take), dtype=torch.uint8)
        encode.kernel()(
            bits.numpy(),
            *self.encoder,
            take.numpy(),
            coded.numpy(),
            np.empty(self.num_bits, np.uint64),
            np.empty(len(take), np.uint64),
            np.empty((8, max(k, len(take))), np.uint8),
        )
        return coded.reshape(*info.shape[:-1], len(take)).to(info.device)

    def decode(self, llr: Tensor, num_iter: int = 50) -> Decoded:
        """Decode blocks by the sum-product algorithm, and stop each at its first codeword.

        The kernel runs on the CPU in single precision. The result of a block does not depend on
        the other blocks.

        Args:
            llr: (W, n) real; finite LLRs.
            num_iter: largest number of iterations; default 50.

        Raises:
            InvalidInputError: for another shape, or LLRs that are not finite.
        """
        n = self.num_coded_bits
        check_shape(
            "llr", llr, f"(W, {n})", isinstance(llr, Tensor) and llr.ndim == 2 and llr.shape[1] == n
        )
        check_llrs(llr)
        channel = torch.zeros(len(llr), self.num_bits, dtype=torch.float32)
        channel[:, self.sent_at] = llr.detach().to("cpu", torch.float32)
        return self.decode_words(channel, num_iter)

    def decode_words(
        self, channel: Tensor, num_iter: int, posterior: Tensor | None = None
    ) -> Decoded:
        """Do the same as ``decode`` with LLRs of all bits of the words.

        Args:
            channel: (W, num_bits) float32, contiguous and finite; 0 for bits that are not
                transmitted.
            num_iter: largest number of iterations.
            posterior: (W, num_bits) float32, contiguous; filled with the LLRs that the decoder
                ended with, unless None.
        """
        check_positive_int("num_iter", num_iter, 10_000)
        from mimolearn.kernels.codes import sum_product

        starts, columns, num_bits = self.checks
        decided = torch.empty(len(channel), num_bits, dtype=torch.uint8)
        spent = torch.empty(len(channel), dtype=torch.int32)
        if posterior is None:
            posterior = torch.empty(0, num_bits, dtype=torch.float32)
        space = sum_product.workspace(num_bits, columns.size, int(np.diff(starts).max()))
        sum_product.kernel()(
            channel.numpy(),
            starts,
            columns,
            num_iter,
            decided.numpy(),
            spent.numpy(),
            posterior.numpy(),
            np.empty(space, np.float32),
        )
        found = spent >= 0
        info = decided[:, : self.num_info_bits].clone()
        return Decoded(info, found, torch.where(found, spent, num_iter))


def check_llrs(llr: Tensor) -> None:
    """Refuse LLRs that are NaN or infinite."""
    bad = int((~torch.isfinite(llr)).sum())
    if bad:
        raise invalid("llr", f"<{bad} of {llr.numel()} entries NaN or infinite>", "finite LLRs")
