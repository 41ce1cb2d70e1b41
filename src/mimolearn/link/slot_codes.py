"""What the bits of a slot carry: transport blocks, blocks of any code, or nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from mimolearn.foundation.errors import InvalidInputError, invalid
from mimolearn.link.codes.coded_link import interleaver
from mimolearn.link.codes.schemes import counted_bits, mcs, transport_block_size
from mimolearn.link.codes.transmissions import BlockTransmissions
from mimolearn.link.codes.transport import TransportBlock
from mimolearn.link.coding import Coding, Decoding
from mimolearn.link.frames.grid import Grid
from mimolearn.link.frames.tables import NrPusch
from mimolearn.link.harq import Harq
from mimolearn.link.randomness import RandomSource, integers


class SlotBits(NamedTuple):
    """Bits of N slots.

    Attributes:
        info: (N, U, B, k) uint8; information bits of B blocks of each user.
        sent: (N, U, G) uint8; transmitted bits of each user.
    """

    info: Tensor
    sent: Tensor


class DecodedStreams(NamedTuple):
    """What was decoded of M streams, each the bits of one user in one slot.

    Attributes:
        info: (M, B, k) uint8; information bits.
        passed: (M, B) bool; whether the receiver takes a block for right.
        iterations: (M) int64; decoder iterations, summed over code blocks.
        extrinsic: (M, G) float32; LLRs of the transmitted bits after decoding, less those that
            were given; None unless asked for.
    """

    info: Tensor
    passed: Tensor
    iterations: Tensor
    extrinsic: Tensor | None


class SlotCode(ABC):
    """Encoder and decoder of the bits of a slot.

    Attributes:
        num_users: U.
        num_bits: G, transmitted bits of a user in a slot.
        blocks_per_user: B, blocks of a user in a slot.
        block_bits: k, information bits of a block.
        code_blocks: decoder runs for a user in a slot.
        has_crc: whether blocks end in a check that tells the receiver which ones are right.
    """

    has_crc: ClassVar[bool] = False
    num_users: int
    num_bits: int
    blocks_per_user: int
    block_bits: int
    code_blocks: int

    @property
    def num_blocks(self) -> int:
        """Blocks of a slot, of all users."""
        return self.num_users * self.blocks_per_user

    @property
    def info_bits(self) -> int:
        """Information bits of a slot, of all users."""
        return self.num_blocks * self.block_bits

    @abstractmethod
    def draw(self, num_slots: int, generator: RandomSource) -> SlotBits:
        """Draw random information and encode it."""

    @abstractmethod
    def retransmitted(self, bits: SlotBits, number: int) -> Tensor:
        """The transmitted bits (N, U, G) of a later transmission.

        Args:
            bits: of the first one.
            number: of the transmission, from 0 for the first.
        """

    @abstractmethod
    def decode(
        self,
        llr: Tensor,
        users: Tensor,
        *,
        earlier: Sequence[Tensor] = (),
        feedback: bool = False,
        decoding: Decoding | None = None,
    ) -> DecodedStreams:
        """Decode streams.

        Args:
            llr: (M, G) float32; finite LLRs of the transmitted bits.
            users: (M) int64; the user of each stream.
            earlier: LLRs (M, G) of earlier transmissions of the same blocks, the first one first;
                default none. With chase combining their number does not matter.
            feedback: whether to return extrinsic LLRs; default False.
            decoding: which decoder; default None, that of the scenario.
        """


class TransportCode(SlotCode):
    """One 5G transport block a user and slot.

    Args:
        frame: the table [frame].
        grid: the resource grid.
        num_bits: G, transmitted bits of a user.
        num_layers: layers of a user.
        num_iter: largest number of decoder iterations.
        harq: the table [harq], or None for one transmission.

    Raises:
        InvalidInputError: for a transport block that does not fit.
    """

    has_crc: ClassVar[bool] = True

    def __init__(
        self,
        frame: NrPusch,
        grid: Grid,
        num_bits: int,
        num_layers: int,
        num_iter: int,
        harq: Harq | None = None,
    ) -> None:
        scheme = mcs(frame.mcs, frame.mcs_table)
        counted = counted_bits(grid.num_data // frame.num_prb, frame.num_prb, scheme, num_layers)
        users = range(1, frame.num_ues + 1)
        self._versions = (0,) if harq is None else harq.versions
        buffer_bits = None if harq is None else harq.buffer_bits

        def block(number: int) -> TransportBlock:
            return TransportBlock(
                num_bits,
                scheme,
                num_layers,
                payload=transport_block_size(counted, scheme.rate),
                rntis=tuple(users),
                scrambling_ids=[frame.cell_id for _ in users],
                # Parity bits that were not transmitted yet only cost the decoder time.
                versions=self._versions[:number],
                buffer_bits=buffer_bits,
            )

        try:
            self._blocks = [block(number) for number in range(1, len(self._versions) + 1)]
        except InvalidInputError as error:
            expected = (
                f"a lower one, or more frame.num_prb, for a transport block that fits: {error}"
            )
            raise invalid("frame.mcs", frame.mcs, expected) from None
        self._block = self._blocks[0]
        self._num_iter = num_iter
        self.num_users, self.num_bits = frame.num_ues, num_bits
        self.blocks_per_user, self.block_bits = 1, self._block.payload
        self.code_blocks = self._block.num_blocks

    def draw(self, num_slots: int, generator: RandomSource) -> SlotBits:
        shape = (num_slots, self.num_users, self.block_bits)
        info = integers(shape, 2, generator).to(torch.uint8)
        return SlotBits(info.unsqueeze(2), self._block.encode(info))

    def retransmitted(self, bits: SlotBits, number: int) -> Tensor:
        version = self._versions[number]
        return self._blocks[number].encode(bits.info.squeeze(2), version=version)

    def decode(
        self,
        llr: Tensor,
        users: Tensor,
        *,
        earlier: Sequence[Tensor] = (),
        feedback: bool = False,
        decoding: Decoding | None = None,
    ) -> DecodedStreams:
        block, soft = self._blocks[len(earlier)], None
        for one, version in zip(earlier, self._versions, strict=False):
            soft = block.combine(one, version=version, users=users, soft=soft)
        decoded = block.decode(
            llr,
            version=self._versions[len(earlier)],
            users=users,
            soft=soft,
            num_iter=self._num_iter,
            bits=None if decoding is None else decoding.llr_bits,
            rescue=decoding is not None and decoding.has_rescue,
            feedback=feedback,
        )
        return DecodedStreams(
            decoded.info.unsqueeze(1),
            decoded.passed.unsqueeze(1),
            decoded.iterations.sum(-1, dtype=torch.int64),
            decoded.extrinsic,
        )


class BlockStream(SlotCode):
    """As many blocks of a code as a user's bits of a slot hold; random bits fill the rest.

    Args:
        coding: the table [coding].
        num_users: U.
        num_bits: G, transmitted bits of a user.
        harq: the table [harq], or None for one transmission.

    Raises:
        InvalidInputError: where not one block fits.
    """

    def __init__(
        self, coding: Coding, num_users: int, num_bits: int, harq: Harq | None = None
    ) -> None:
        size = coding.num_coded_bits
        if size > num_bits:
            raise invalid(
                "coding.num_coded_bits", size, f"at most {num_bits}, a user's bits of a slot"
            )
        order = interleaver(coding.interleaver, size)
        self._blocks = BlockTransmissions(coding, harq, order)
        self.num_users, self.num_bits = num_users, num_bits
        self.blocks_per_user, self.block_bits = num_bits // size, coding.num_info_bits
        self.code_blocks = self.blocks_per_user

    def draw(self, num_slots: int, generator: RandomSource) -> SlotBits:
        shape = (num_slots, self.num_users, self.blocks_per_user, self.block_bits)
        info = integers(shape, 2, generator).to(torch.uint8)
        coded = self._blocks.encode(info).flatten(2)
        rest = (num_slots, self.num_users, self.num_bits - coded.shape[-1])
        filling = integers(rest, 2, generator).to(torch.uint8)
        return SlotBits(info, torch.cat([coded, filling], -1))

    def retransmitted(self, bits: SlotBits, number: int) -> Tensor:
        coded = self._blocks.encode(bits.info, number).flatten(2)
        return torch.cat([coded, bits.sent[..., coded.shape[-1] :]], -1)

    def decode(
        self,
        llr: Tensor,
        users: Tensor,
        *,
        earlier: Sequence[Tensor] = (),
        feedback: bool = False,
        decoding: Decoding | None = None,
    ) -> DecodedStreams:
        size = len(self._blocks.order)
        used = self.blocks_per_user * size
        given = [one[:, :used].reshape(-1, size) for one in (*earlier, llr)]
        decoded = self._blocks.decode(given, feedback, decoding)
        shape = (len(llr), self.blocks_per_user)
        extrinsic = None
        if decoded.extrinsic is not None:
            extrinsic = torch.zeros_like(llr)
            extrinsic[:, :used] = decoded.extrinsic.reshape(len(llr), used)
        return DecodedStreams(
            decoded.info.reshape(*shape, -1),
            decoded.found.reshape(shape),
            decoded.iterations.reshape(shape).sum(-1, dtype=torch.int64),
            extrinsic,
        )


class Uncoded(SlotCode):
    """Random bits.

    Args:
        num_users: U.
        num_bits: G, transmitted bits of a user.
    """

    def __init__(self, num_users: int, num_bits: int) -> None:
        self.num_users, self.num_bits = num_users, num_bits
        self.blocks_per_user = self.block_bits = self.code_blocks = 0

    @property
    def info_bits(self) -> int:
        """All bits of a slot."""
        return self.num_users * self.num_bits

    def draw(self, num_slots: int, generator: RandomSource) -> SlotBits:
        sent = integers((num_slots, self.num_users, self.num_bits), 2, generator)
        sent = sent.to(torch.uint8)
        return SlotBits(sent.new_zeros((num_slots, self.num_users, 0, 0)), sent)

    def retransmitted(self, bits: SlotBits, number: int) -> Tensor:
        return bits.sent

    def decode(
        self,
        llr: Tensor,
        users: Tensor,
        *,
        earlier: Sequence[Tensor] = (),
        feedback: bool = False,
        decoding: Decoding | None = None,
    ) -> DecodedStreams:
        none = torch.zeros((len(llr), 0), dtype=torch.bool)
        info = torch.zeros((len(llr), 0, 0), dtype=torch.uint8)
        return DecodedStreams(info, none, torch.zeros(len(llr), dtype=torch.int64), None)
