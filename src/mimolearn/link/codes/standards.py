"""The codes of standards: IEEE 802.11n, and the base graphs of 5G NR."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import torch

from mimolearn.foundation.shipped import read_shipped_toml
from mimolearn.foundation.tensors.made_once import made_once
from mimolearn.link.codes.block import BlockCode
from mimolearn.link.codes.parity import by_substitution, lifted, sum_of_checks
from mimolearn.link.coding import Coding

_FOLDER = "data/codes"

# 3GPP TS 38.212, table 5.3.2-1: lifting sizes a 2^j up to 384, by set.
_SETS = (2, 3, 5, 7, 9, 11, 13, 15)
_LARGEST_LIFTING = 384
# Section 5.4.2.1: where redundancy versions start, in 66ths (graph 1) or 50ths (graph 2).
_STARTS = {1: (0, 17, 33, 56), 2: (0, 13, 25, 43)}
_COLUMNS = {1: 66, 2: 50}
# The first block rows, whose parity bits are solved together.
_CORE_ROWS = 4


def make_code(coding: Coding) -> BlockCode:
    """Build the code that a scenario names.

    Args:
        coding: the table of a scenario.

    >>> code = make_code(Coding())
    >>> word = code.encode(torch.ones(1, 324))
    >>> bool(code.decode(4.0 * word - 2).info.all())
    True
    """
    return _code(coding.code, coding.num_info_bits, coding.num_coded_bits)


@made_once(maxsize=8)
def _code(name: str, k: int, n: int) -> BlockCode:
    if name == "802.11n-ldpc":
        return _wifi_code()
    graph = NrGraph.of(graph_of_block(k, k / n), k)
    sent = np.zeros(graph.num_bits, bool)
    sent[graph.num_hidden : graph.num_hidden + n] = True
    return graph.code(sent)


def _wifi_code() -> BlockCode:
    table = read_shipped_toml("code", _FOLDER, "802.11n-648")
    shifts, lifting = np.array(table["shifts"]), table["lifting"]
    checks = lifted(shifts, lifting)
    n = checks.num_bits
    k = n - checks.num_checks
    # All checks together are over the information and the first parity bits alone.
    encoder = by_substitution(checks, k, sum_of_checks(checks, len(shifts)))
    return BlockCode(k, encoder, checks, torch.arange(n))


def graph_of_block(num_info_bits: int, rate: float) -> int:
    """Choose the base graph of a block by its own size and rate.

    3GPP TS 38.212, sections 6.2.2 and 7.2.2, with a code block in place of the transport block.

    >>> graph_of_block(1024, 0.5), graph_of_block(5000, 0.5)
    (2, 1)
    """
    small = num_info_bits <= 292 or (num_info_bits <= 3824 and rate <= 0.67)
    return 2 if small or rate <= 0.25 else 1


@functools.lru_cache(maxsize=16)
def _base_graph(graph: int, lifting_set: int) -> np.ndarray:
    """(R, C) shifts for the largest lifting size of a set; -1 where a block is zero."""
    entries = np.array(read_shipped_toml("graph", _FOLDER, f"nr-base-graph-{graph}")["entries"])
    shifts = np.full((entries[:, 0].max() + 1, entries[:, 1].max() + 1), -1)
    shifts[entries[:, 0], entries[:, 1]] = entries[:, 2 + lifting_set]
    return shifts


class NrGraph(NamedTuple):
    """A base graph of 3GPP TS 38.212, section 5.3.2, lifted for a number of information bits.

    Filler bits are known zeros, and left out: all numbers of bits are without them.

    Attributes:
        graph: 1 or 2.
        num_info_bits: K' bits of a code block.
        lifting: Z.
        lifting_set: the set that Z belongs to, 0 ... 7.
    """

    graph: int
    num_info_bits: int
    lifting: int
    lifting_set: int

    @classmethod
    def of(cls, graph: int, num_info_bits: int, payload: int | None = None) -> NrGraph:
        """Choose the smallest lifting size that holds a block.

        Args:
            graph: 1 or 2.
            num_info_bits: K', bits of the block with its CRC.
            payload: B, bits of the whole transport block with its CRC, which choose the columns
                of graph 2 that are filled; default K'.
        """
        size = num_info_bits if payload is None else payload
        filled = 22
        if graph == 2:
            filled = 10 if size > 640 else 9 if size > 560 else 8 if size > 192 else 6
        sizes = (
            (a << j, i)
            for i, a in enumerate(_SETS)
            for j in range(8)
            if a << j <= _LARGEST_LIFTING and filled * (a << j) >= num_info_bits
        )
        return cls(graph, num_info_bits, *min(sizes))

    @property
    def num_columns(self) -> int:
        """Block columns of information bits, filler bits included."""
        return 22 if self.graph == 1 else 10

    @property
    def num_filler(self) -> int:
        """Filler bits behind the information bits."""
        return self.num_columns * self.lifting - self.num_info_bits

    @property
    def num_bits(self) -> int:
        """Bits of a word: information and parity bits."""
        columns = 68 if self.graph == 1 else 52
        return columns * self.lifting - self.num_filler

    @property
    def num_hidden(self) -> int:
        """The first bits of a word, 2Z, which are not in the circular buffer."""
        return 2 * self.lifting

    def selected(self, version: int, length: int, buffer_bits: int | None = None) -> np.ndarray:
        """Select the bits of a redundancy version, 3GPP TS 38.212, section 5.4.2.1.

        Args:
            version: redundancy version, 0 ... 3.
            length: E_r, bits to transmit; more than the buffer holds are repeated.
            buffer_bits: N_ref, what the receiver's buffer holds of a code block; None is all.

        Returns:
            (length) int64; bits of the word, in the order of the circular buffer.
        """
        z, whole = self.lifting, _COLUMNS[self.graph] * self.lifting
        size = whole if buffer_bits is None else min(whole, buffer_bits)
        start = _STARTS[self.graph][version] * size // whole * z
        # Filler bits are in the buffer, and skipped.
        first = self.num_info_bits - self.num_hidden
        place = np.arange(size)
        filler = (place >= first) & (place < first + self.num_filler)
        bit = np.where(place < first, place, place - self.num_filler) + self.num_hidden
        ring = bit[~filler]
        from_here = int((~filler[:start]).sum())
        return ring[(from_here + np.arange(length)) % len(ring)].astype(np.int64)

    def code(self, sent: np.ndarray) -> BlockCode:
        """Build the code, without parity bits that no other bit needs.

        Args:
            sent: (num_bits) bool; the bits that may be transmitted. They are the coded bits, in
                the order of the word.
        """
        z, k = self.lifting, self.num_info_bits
        shifts = _base_graph(self.graph, self.lifting_set)
        checks = lifted(np.where(shifts >= 0, shifts % z, -1), z)
        core_rows, core = _CORE_ROWS * z, k + _CORE_ROWS * z
        # Each further check makes one more bit, which is in no other check.
        unsent = np.concatenate([np.zeros(core_rows, bool), ~sent[core:]])
        word = np.concatenate([np.zeros(core, bool), ~sent[core:]])
        bits = np.insert(word, k, np.ones(self.num_filler, bool))
        first = np.arange(checks.num_checks) >= core_rows
        sums = sum_of_checks(checks.without(first, np.zeros(checks.num_bits, bool)), _CORE_ROWS)
        sums = sums.without(np.zeros(z, bool), bits)
        checks = checks.without(unsent, bits)
        sent_at = torch.from_numpy(np.flatnonzero(sent[~word]))
        return BlockCode(k, by_substitution(checks, k, sums), checks, sent_at)
