"""How 5G NR cuts a transport block into code blocks, and code blocks out of the circular buffer."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np

from mimolearn.foundation.errors import check_positive_int, invalid
from mimolearn.link.codes.crc import CRC16, CRC24A, CRC24B, Crc
from mimolearn.link.codes.standards import NrGraph, graph_of_block

# 3GPP TS 38.212, section 5.2.2: bits of a code block, by base graph.
_LARGEST_BLOCK = {1: 8448, 2: 3840}
# Above, a transport block ends in 24 bits of CRC in place of 16.
_SHORT_CRC = 3824
_HIGHEST_RATE = Fraction(95, 100)

GraphRule = Literal["payload", "code-block"]
"""What chooses the base graph: "payload" is 3GPP TS 38.212, section 6.2.2 (size of the transport
block and target rate), "code-block" is Sionna's rule (size and rate of the code block, CRC
included). They differ at the limits 292, 3824 and 0.67, of which CRC bits may be on either side."""


class Segmentation(NamedTuple):
    """Code blocks of a transport block.

    Attributes:
        payload: A, information bits of the transport block.
        crc: its check.
        num_blocks: C, code blocks.
        block_crc: check of a code block; None with one block.
        graph: the lifted base graph of all code blocks.
        lengths: (C) E_r, transmitted bits of each code block.
        step: bits of a transmitted symbol of all layers.
        bits_per_symbol: Qm.
    """

    payload: int
    crc: Crc
    num_blocks: int
    block_crc: Crc | None
    graph: NrGraph
    lengths: tuple[int, ...]
    step: int
    bits_per_symbol: int

    @classmethod
    def of(
        cls,
        payload: int,
        coded_bits: int,
        rate: Fraction | float,
        bits_per_symbol: int,
        num_layers: int = 1,
        rule: GraphRule = "payload",
    ) -> Segmentation:
        """Cut a transport block as 3GPP TS 38.212, sections 5.2.2 and 5.4.2.1, says.

        Args:
            payload: A, information bits.
            coded_bits: G, transmitted bits.
            rate: R, the target code rate.
            bits_per_symbol: Qm.
            num_layers: layers of the transport block; default 1.
            rule: what chooses the base graph; default "payload".

        Raises:
            InvalidInputError: where the bits do not fill whole symbols, or are too few.
        """
        check_positive_int("payload", payload, 10**7)
        check_positive_int("coded_bits", coded_bits, 10**8)
        step = bits_per_symbol * num_layers
        if coded_bits % step:
            raise invalid("coded_bits", coded_bits, f"a multiple of {step}, the bits of a symbol")
        crc = CRC24A if payload > _SHORT_CRC else CRC16
        whole = payload + crc.length
        graph = graph_of_block(payload, float(rate))
        if rule == "code-block":
            graph = 2 if rate <= Fraction(1, 4) or whole <= _LARGEST_BLOCK[2] else 1
        most, blocks = _LARGEST_BLOCK[graph], 1
        if whole > most:
            blocks = -(-whole // (most - CRC24B.length))
        if whole % blocks:
            raise invalid("payload", payload, f"a size that {blocks} code blocks share equally")
        size = whole // blocks + (CRC24B.length if blocks > 1 else 0)
        symbols, extra = divmod(coded_bits // step, blocks)
        lengths = tuple(step * (symbols + (r >= blocks - extra)) for r in range(blocks))
        room = blocks * (int(_HIGHEST_RATE * lengths[0]) - size + whole // blocks) - crc.length
        if payload > room:
            expected = f"at most {room} bits, {float(_HIGHEST_RATE)} of the coded bits with CRC"
            raise invalid("payload", payload, expected)
        if rule == "code-block":
            graph = graph_of_block(size, size / lengths[-1])
        return cls(
            payload,
            crc,
            blocks,
            CRC24B if blocks > 1 else None,
            NrGraph.of(graph, size, whole if rule == "payload" else None),
            lengths,
            step,
            bits_per_symbol,
        )

    @property
    def block_size(self) -> int:
        """K', bits of a code block, its CRC included."""
        return self.graph.num_info_bits

    @property
    def coded_bits(self) -> int:
        """G, transmitted bits."""
        return sum(self.lengths)

    def taken(self, version: int, buffer_bits: int | None = None) -> list[np.ndarray]:
        """Tell which bit of its word each transmitted bit of a code block is.

        Bit selection and interleaving, 3GPP TS 38.212, sections 5.4.2.1 and 5.4.2.2.

        Args:
            version: redundancy version, 0 ... 3.
            buffer_bits: N_ref, what the receiver's buffer holds of a code block; None is all.

        Returns:
            For every code block (E_r) int64.
        """
        taken = []
        for length in self.lengths:
            selected = self.graph.selected(version, length, buffer_bits)
            taken.append(selected.reshape(self.bits_per_symbol, -1).T.ravel())
        return taken
