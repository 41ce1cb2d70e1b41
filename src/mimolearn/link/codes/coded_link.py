"""The mapping of coded blocks onto the channel uses of a scenario, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.foundation.errors import check_shape, invalid
from mimolearn.foundation.tensors.made_once import made_once
from mimolearn.link.codes.block import Decoded
from mimolearn.link.codes.transmissions import BlockTransmissions
from mimolearn.link.coding import Decoding
from mimolearn.link.randomness import CounterGenerator, RandomSource, integers, normal
from mimolearn.link.scenario import Block, Scenario

# The seed of the interleaver that all coded links share.
_INTERLEAVER_SEED = 2022


class CodedSymbols(NamedTuple):
    """W encoded blocks.

    Attributes:
        info: (W, k) uint8; information bits.
        sent: (W, S) uint8; interleaved bits that are transmitted.
        indices: (W uses / T, T, Nt) int64; symbol indices.
    """

    info: Tensor
    sent: Tensor
    indices: Tensor


class CodedLink:
    """The mapping of coded blocks onto the channel uses of a scenario, and back.

    Interleaved bit i goes to channel use i // (K Nt), stream (i mod K Nt) // K and bit i mod K of
    its symbol. Bits beyond the last whole use are punctured.

    Args:
        scenario: one with a block code.

    Raises:
        InvalidInputError: for an uncoded scenario.

    >>> from mimolearn.link.coding import Coding
    >>> link = CodedLink(Scenario(num_tx_ant=4, num_rx_ant=4, constellation="16-qam",
    ...                           coding=Coding()))
    >>> link.num_sent, link.num_punctured
    (640, 8)
    """

    def __init__(self, scenario: Scenario) -> None:
        if scenario.coding is None:
            raise invalid("coding", None, "a scenario with a block code")
        self.scenario = scenario
        self.coding = scenario.coding
        per_use = scenario.num_tx_ant * scenario.points().bits_per_symbol
        self.num_sent = scenario.uses_per_block * per_use
        self.num_punctured = self.coding.num_coded_bits - self.num_sent
        order = interleaver(self.coding.interleaver, self.coding.num_coded_bits)
        self.order = order[: self.num_sent]
        self._blocks = BlockTransmissions(scenario.coding, scenario.harq, self.order)
        self.code = self._blocks.code

    @property
    def transmissions(self) -> int:
        """Largest number of transmissions of a block."""
        return 1 if self.scenario.harq is None else self.scenario.harq.transmissions

    @property
    def channels_per_block(self) -> int:
        """Independent channels of one transmission of a block."""
        return self.scenario.uses_per_block // self.scenario.channel_reuse

    def draw(self, num_blocks: int, generator: RandomSource) -> CodedSymbols:
        """Draw random information, and encode, interleave and map it.

        Args:
            num_blocks: W.
            generator: the only source of randomness.
        """
        info = integers((num_blocks, self.coding.num_info_bits), 2, generator).to(torch.uint8)
        return self.retransmitted(info, 0)

    def retransmitted(self, info: Tensor, number: int) -> CodedSymbols:
        """Encode blocks for a later transmission, in the order of ``draw``.

        Args:
            info: (W, k) uint8; information bits.
            number: of the transmission, from 0 for the first.
        """
        sent = self._blocks.encode(info, number)
        return CodedSymbols(info, sent, self.map(sent))

    def map(self, sent: Tensor) -> Tensor:
        """Map bits to symbols.

        Args:
            sent: (W, S) of any integer dtype; interleaved bits.

        Returns:
            (W uses / T, T, Nt) int64; symbol indices.

        Raises:
            InvalidInputError: for blocks of another length.
        """
        self._check_length("sent", sent)
        scenario, points = self.scenario, self.scenario.points()
        shape = (-1, scenario.channel_reuse, scenario.num_tx_ant, points.bits_per_symbol)
        return points.bits_to_indices(sent.reshape(shape))

    def decode(
        self, sent_llr: Tensor, feedback: bool = False, decoding: Decoding | None = None
    ) -> Decoded:
        """Decode blocks; punctured bits have LLR 0.

        Args:
            sent_llr: (W, S) real; LLRs of the transmitted bits.
            feedback: whether to return extrinsic LLRs, (W, S) of the transmitted bits; default
                False.
            decoding: which decoder; default None, that of the table [coding].

        Raises:
            InvalidInputError: for blocks of another length, and for NaN or infinite LLRs.
        """
        self._check_length("sent_llr", sent_llr)
        return self._blocks.decode([sent_llr], feedback, decoding)

    def decode_together(
        self, sent_llr: Sequence[Tensor], decoding: Decoding | None = None
    ) -> Decoded:
        """Decode blocks of several transmissions, see ``BlockTransmissions.decode``.

        Args:
            sent_llr: for each transmission, the first one first, (W, S) real; LLRs of its bits.
            decoding: which decoder; default None, that of the table [coding].
        """
        return self._blocks.decode(sent_llr, decoding=decoding)

    def _check_length(self, field: str, block: Tensor) -> None:
        fits = isinstance(block, Tensor) and block.ndim == 2 and block.shape[1] == self.num_sent
        check_shape(field, block, f"(W, {self.num_sent}), the bits of a block that are sent", fits)

    def transmit(self, symbols: CodedSymbols, snr_db: float, generator: RandomSource) -> Block:
        """Transmit blocks over fresh channels.

        Args:
            symbols: encoded blocks.
            snr_db: the SNR, dB.
            generator: the only source of randomness.
        """
        scenario = self.scenario
        num_channels = len(symbols.indices)
        size = scenario.num_rx_ant, scenario.num_tx_ant
        h = scenario.channel.draw(num_channels, *size, generator)
        return scenario.send(symbols.indices, h, scenario.noise_var(snr_db, h), generator)


@made_once(maxsize=8)
def interleaver(kind: str, num_bits: int) -> Tensor:
    """Return (n) int64: the coded bit at each position of the interleaved block."""
    if kind == "none":
        return torch.arange(num_bits)
    return torch.argsort(normal((num_bits,), CounterGenerator(_INTERLEAVER_SEED)), stable=True)
