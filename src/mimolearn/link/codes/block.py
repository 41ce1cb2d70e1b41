"""A binary block code: its encoder and its decoders. LLRs are ln P(b=1)/P(b=0)."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.errors import all_finite, check_positive_int, check_shape, invalid
from mimolearn.link.codes.min_sum import fixed_point
from mimolearn.link.codes.parity import Encoder, ParityChecks
from mimolearn.link.codes.runs import Runs, runs_of

# Share of lanes from which decoding in runs is faster.
_WORTH_RUNS = 0.65


class Decoded(NamedTuple):
    """W decoded blocks.

    Attributes:
        info: (W, k) uint8; information bits.
        found: (W) bool; whether the decoder ended in a codeword.
        iterations: (W) int32; iterations it took, the largest number if it did not end in one.
        extrinsic: (W, n) float32; LLRs of the coded bits after decoding, less those that were
            given; None unless asked for.
    """

    info: Tensor
    found: Tensor
    iterations: Tensor
    extrinsic: Tensor | None = None


@dataclass(frozen=True, eq=False)
class BlockCode:
    """A systematic binary block code with its decoders.

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

    @functools.cached_property
    def _in_a_row(self) -> bool:
        """Whether the coded bits are a row of bits of the word, in its order."""
        return bool((self.sent_at.diff() == 1).all())

    @functools.cached_property
    def _runs(self) -> Runs:
        return runs_of(self.checks)

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
        return self.bits_at(self.sent_at, info)

    def words(self, info: Tensor) -> Tensor:
        """Do the same as ``encode``, and return all bits of the words, (*B, num_bits).

        Args:
            info: (*B, k) of any dtype; information bits.
        """
        return self.bits_at(torch.arange(self.num_bits), info)

    def bits_at(self, take: Tensor, info: Tensor) -> Tensor:
        """Do the same as ``encode`` for any bits of the words.

        Args:
            take: (m) int64; bits of the word.
            info: (*B, k) of any dtype; information bits.

        Returns:
            (*B, m) uint8.
        """
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

    def decode(
        self,
        llr: Tensor,
        num_iter: int = 50,
        bits: int | None = None,
        rescue: bool = False,
        feedback: bool = False,
    ) -> Decoded:
        """Decode blocks, and stop each at its first codeword.

        The result of a block does not depend on the other blocks. Kernels run on the CPU: the
        sum-product algorithm in single precision, or offset min-sum on integers, see
        ``FixedPoint``.

        Args:
            llr: (W, n) real; finite LLRs.
            num_iter: largest number of iterations; default 50.
            bits: 4 to 8, what min-sum stores an LLR in; default None, sum-product.
            rescue: whether sum-product gets the blocks that min-sum finds no codeword for, from
                the start and with as many iterations again; default False.
            feedback: whether to return extrinsic LLRs; default False.

        Raises:
            InvalidInputError: for another shape, or LLRs that are not finite.
        """
        n = self.num_coded_bits
        check_shape(
            "llr", llr, f"(W, {n})", isinstance(llr, Tensor) and llr.ndim == 2 and llr.shape[1] == n
        )
        check_llrs(llr)
        given = llr.detach().to("cpu", torch.float32).contiguous()
        channel, first = given, int(self.sent_at[0])
        if not self._in_a_row:
            channel = torch.zeros(len(llr), self.num_bits, dtype=torch.float32)
            channel[:, self.sent_at] = given
            first = 0
        posterior = torch.empty(len(llr), self.num_bits, dtype=torch.float32) if feedback else None
        decoded = self.decode_words(channel, num_iter, bits, rescue, posterior, first)
        if posterior is None:
            return decoded
        return decoded._replace(extrinsic=posterior.index_select(1, self.sent_at) - given)

    def decode_words(
        self,
        channel: Tensor,
        num_iter: int,
        bits: int | None = None,
        rescue: bool = False,
        posterior: Tensor | None = None,
        start: int = 0,
    ) -> Decoded:
        """Do the same as ``decode`` with LLRs of a row of bits of the words.

        Args:
            channel: (W, S) float32, contiguous and finite; 0 for bits that are not transmitted,
                as are those before and behind.
            num_iter: largest number of iterations.
            bits: as in ``decode``.
            rescue: as in ``decode``.
            posterior: (W, num_bits) float32, contiguous; filled with the LLRs that the decoder
                ended with, unless None.
            start: the bit of the first LLR; default 0.
        """
        check_positive_int("num_iter", num_iter, 10_000)
        if posterior is None:
            posterior = torch.empty(0, self.num_bits, dtype=torch.float32)
        if bits is None:
            info, spent = self._sum_product(channel, start, num_iter, posterior)
        else:
            point = fixed_point(bits)
            info, spent = point.decode(
                self.checks, channel, start, self.num_info_bits, num_iter, posterior
            )
        if bits is not None and rescue:
            lost = torch.nonzero(spent < 0)[:, 0]
            soft = posterior[lost] if len(posterior) else posterior
            info[lost], again = self._sum_product(channel[lost], start, num_iter, soft)
            spent[lost] = torch.where(again >= 0, again + num_iter, again)
            if len(posterior):
                posterior[lost] = soft
            num_iter *= 2
        found = spent >= 0
        return Decoded(info, found, torch.where(found, spent, num_iter))

    def _sum_product(
        self, channel: Tensor, start: int, num_iter: int, posterior: Tensor
    ) -> tuple[Tensor, Tensor]:
        from mimolearn.kernels.codes import sum_product, sum_product_runs

        starts, columns, num_bits = self.checks
        decided = torch.empty(len(channel), num_bits, dtype=torch.uint8)
        spent = torch.empty(len(channel), dtype=torch.int32)
        runs = self._runs
        in_runs = runs.share >= _WORTH_RUNS
        # Both kernels give the same bits.
        kernels, slots = (sum_product_runs, runs.first) if in_runs else (sum_product, columns)
        tables = runs[:3] if in_runs else (starts, columns)
        space = kernels.workspace(num_bits, slots.size, int(np.diff(starts).max()))
        kernels.kernel()(
            channel.numpy(),
            start,
            *tables,
            num_iter,
            decided.numpy(),
            spent.numpy(),
            posterior.numpy(),
            # Torch aligns it to cache lines.
            torch.empty(space, dtype=torch.float32).numpy(),
        )
        return decided[:, : self.num_info_bits].clone(), spent


def check_llrs(llr: Tensor) -> None:
    """Refuse LLRs that are NaN or infinite."""
    if not all_finite(llr):
        bad = int((~torch.isfinite(llr)).sum())
        raise invalid("llr", f"<{bad} of {llr.numel()} entries NaN or infinite>", "finite LLRs")
