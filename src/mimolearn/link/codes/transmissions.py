"""The transmissions of a block: what each carries of its code, and how all are decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.errors import check_shape
from mimolearn.foundation.tensors.made_once import made_once
from mimolearn.link.codes.block import BlockCode, Decoded, check_llrs
from mimolearn.link.codes.standards import NrGraph, graph_of_block, make_code
from mimolearn.link.coding import Coding, Decoding
from mimolearn.link.harq import Harq


class Redundancy(NamedTuple):
    """The code of the first transmissions of a block, and what each of them carries.

    Attributes:
        code: with parity bits that one of these transmissions carries, and no others.
        carried: for each of them (n) int64; the bits of the code's word that its n bits are.
    """

    code: BlockCode
    carried: tuple[Tensor, ...]


def make_redundancy(coding: Coding, harq: Harq) -> tuple[Redundancy, ...]:
    """Build the code of the first transmission, of the first two, and so on.

    Args:
        coding: the table [coding], of a 5G LDPC code.
        harq: the table [harq], of incremental redundancy.

    >>> codes = make_redundancy(Coding(code="5g-ldpc", num_info_bits=100, num_coded_bits=200),
    ...                         Harq(transmissions=2))
    >>> [len(one.carried) for one in codes], codes[1].code.num_bits > codes[0].code.num_bits
    ([1, 2], True)
    """
    sizes = coding.num_info_bits, coding.num_coded_bits
    return _redundancy(*sizes, harq.versions, harq.buffer_bits)


@made_once(maxsize=8)
def _redundancy(
    k: int, n: int, versions: tuple[int, ...], buffer_bits: int | None
) -> tuple[Redundancy, ...]:
    graph = NrGraph.of(graph_of_block(k, k / n), k)
    selected = [graph.selected(version, n, buffer_bits) for version in versions]
    codes = []
    for number in range(1, len(versions) + 1):
        carried = selected[:number]
        sent = np.zeros(graph.num_bits, bool)
        sent[np.concatenate(carried)] = True
        code = graph.code(sent)
        bit = np.zeros(graph.num_bits, np.int64)
        bit[sent] = code.sent_at.numpy()
        codes.append(Redundancy(code, tuple(torch.from_numpy(bit[bits]) for bits in carried)))
    return tuple(codes)


class BlockTransmissions:
    """Encoder and decoder of the transmissions of blocks.

    Args:
        coding: the table [coding].
        harq: the table [harq], or None for one transmission.
        order: (m) int64; the coded bit at each position of a transmission. Coded bits that are not
            in it are punctured: the decoder starts with LLR 0 for them.

    Attributes:
        code: that of the first transmission.
        order: as given.
    """

    def __init__(self, coding: Coding, harq: Harq | None, order: Tensor) -> None:
        self.code, self.order, self._coding = make_code(coding), order, coding
        # The position of each coded bit; a punctured one is behind them all.
        self._position = torch.full((coding.num_coded_bits,), len(order), dtype=torch.int64)
        self._position[order] = torch.arange(len(order))
        self._redundancy: tuple[Redundancy, ...] = ()
        if harq is not None and harq.combining == "incremental":
            self._redundancy = make_redundancy(coding, harq)

    def encode(self, info: Tensor, number: int = 0) -> Tensor:
        """Encode blocks.

        Args:
            info: (*B, k) of any dtype; information bits.
            number: of the transmission, from 0 for the first; default 0.

        Returns:
            (*B, m) uint8; the bits that it carries.
        """
        if number == 0 or not self._redundancy:
            return self.code.encode(info)[..., self.order]
        code, carried = self._redundancy[-1]
        return code.bits_at(carried[number][self.order], info)

    def decode(
        self, llr: Sequence[Tensor], feedback: bool = False, decoding: Decoding | None = None
    ) -> Decoded:
        """Decode blocks; LLRs of a bit that is in several transmissions are added.

        Args:
            llr: for each transmission, the first one first, (W, m) real; LLRs of its bits. With
                chase combining their number and order do not matter.
            feedback: whether to return extrinsic LLRs, (W, m) of a single transmission; default
                False.
            decoding: which decoder; default None, that of the table [coding].

        Raises:
            InvalidInputError: for blocks of another length, and for NaN or infinite LLRs.
        """
        for one in llr:
            fits = one.ndim == 2 and one.shape[1] == len(self.order)
            check_shape("llr", one, f"(W, {len(self.order)}), the bits of a transmission", fits)
        given = [one.detach().to("cpu", torch.float32) for one in llr]
        num_iter = self._coding.num_iter
        bits, rescue = decoding or self._coding.decoding
        if self._redundancy and len(given) > 1:
            code, carried = self._redundancy[len(given) - 1]
            words = torch.zeros(len(given[0]), code.num_bits, dtype=torch.float32)
            for one, at in zip(given, carried, strict=True):
                words.index_add_(1, at[self.order], one)
            check_llrs(words)
            return code.decode_words(words, num_iter, bits, rescue)
        total = sum(given[1:], given[0])
        nothing = torch.zeros(len(total), 1, dtype=torch.float32)
        coded = torch.cat([total, nothing], 1).index_select(1, self._position)
        decoded = self.code.decode(coded, num_iter, bits, rescue, feedback)
        if decoded.extrinsic is None:
            return decoded
        return decoded._replace(extrinsic=decoded.extrinsic.index_select(1, self.order))
