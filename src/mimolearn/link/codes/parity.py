"""Parity checks of a binary code, as sparse lists, and encoders that are solved from them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mimolearn.foundation.errors import invalid


class ParityChecks(NamedTuple):
    """The rows of a sparse parity-check matrix.

    Attributes:
        starts: (checks + 1) int64; check c is over the bits columns[starts[c] : starts[c + 1]].
        columns: int64; the bits of all checks, ascending in each.
        num_bits: columns of the matrix.
    """

    starts: np.ndarray
    columns: np.ndarray
    num_bits: int

    @property
    def num_checks(self) -> int:
        """Rows of the matrix."""
        return len(self.starts) - 1

    @property
    def check_of_edge(self) -> np.ndarray:
        """(edges) int64; the check that each entry of ``columns`` belongs to."""
        return np.repeat(np.arange(self.num_checks), np.diff(self.starts))

    def without(self, checks: np.ndarray, bits: np.ndarray) -> ParityChecks:
        """Leave out checks and bits, and number the other bits anew.

        Args:
            checks: (checks) bool; rows to leave out.
            bits: (num_bits) bool; columns to leave out, as if they were zero.
        """
        rows = self.check_of_edge
        kept = ~checks[rows] & ~bits[self.columns]
        degrees = np.bincount(rows[kept], minlength=self.num_checks)[~checks]
        number = np.cumsum(~bits) - 1
        return _of_degrees(degrees, number[self.columns[kept]], int((~bits).sum()))

    def syndromes(self, words: np.ndarray) -> np.ndarray:
        """Compute the parity of every check.

        Args:
            words: (W, num_bits) of 0 and 1.

        Returns:
            (W, checks) uint8; 0 where a check holds.
        """
        ones = np.bitwise_xor.reduceat(words[:, self.columns], self.starts[:-1], axis=1)
        return np.where(np.diff(self.starts) > 0, ones, 0).astype(np.uint8)


def _of_degrees(degrees: np.ndarray, columns: np.ndarray, num_bits: int) -> ParityChecks:
    starts = np.concatenate([[0], np.cumsum(degrees)]).astype(np.int64)
    return ParityChecks(starts, columns.astype(np.int64), num_bits)


def from_entries(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> ParityChecks:
    """Sort the positions of ones of a matrix into checks; positions given twice cancel."""
    keys, counts = np.unique(
        rows.astype(np.int64) * shape[1] + columns.astype(np.int64), return_counts=True
    )
    keys = keys[counts % 2 == 1]
    degrees = np.bincount(keys // shape[1], minlength=shape[0])
    return _of_degrees(degrees, keys % shape[1], shape[1])


def lifted(shifts: np.ndarray, lifting: int) -> ParityChecks:
    """Expand the base matrix of a quasi-cyclic code.

    Args:
        shifts: (R, C) integers; -1 for a block of zeros, any other number for the identity whose
            rows are shifted to the right by it.
        lifting: Z, rows and columns of a block.
    """
    rows, columns = np.nonzero(shifts >= 0)
    i = np.arange(lifting)
    # (blocks, Z): the column of the one in each row of a block.
    ones = columns[:, None] * lifting + (i + shifts[rows, columns][:, None]) % lifting
    shape = shifts.shape[0] * lifting, shifts.shape[1] * lifting
    return from_entries((rows[:, None] * lifting + i).ravel(), ones.ravel(), shape)


class Encoder(NamedTuple):
    """Steps that make the rest of a word from its first bits.

    Attributes:
        starts: (steps + 1) int64; step s adds the bits columns[starts[s] : starts[s + 1]].
        columns: int64.
        made: (steps) int64; the bit that each step makes.
    """

    starts: np.ndarray
    columns: np.ndarray
    made: np.ndarray


def sum_of_checks(checks: ParityChecks, num_blocks: int) -> ParityChecks:
    """Add the first blocks of checks of a quasi-cyclic code, row by row.

    Args:
        checks: those of num_blocks block rows.
        num_blocks: how many.
    """
    lifting = checks.num_checks // num_blocks
    return from_entries(checks.check_of_edge % lifting, checks.columns, (lifting, checks.num_bits))


def by_substitution(
    checks: ParityChecks,
    num_known: int,
    sums: ParityChecks | None = None,
    solved: np.ndarray | None = None,
) -> Encoder:
    """Order checks so that each gives one more bit from those that are known.

    Args:
        checks: of the code.
        num_known: the first bits of a word, which are given.
        sums: sums of checks, which start the substitution.
        solved: (other bits, num_known) bool; the sum of given bits that each other bit is. It
            serves where no check has exactly one unknown bit: dense, so as seldom as possible.

    Raises:
        InvalidInputError: where neither a check nor ``solved`` helps.
    """
    if sums is not None:
        starts = np.concatenate([sums.starts, checks.starts[1:] + sums.starts[-1]])
        columns = np.concatenate([sums.columns, checks.columns])
        checks = ParityChecks(starts, columns, checks.num_bits)
    rows, columns = checks.check_of_edge, checks.columns
    degrees = np.bincount(columns, minlength=checks.num_bits)
    known = np.arange(checks.num_bits) < num_known
    steps: list[np.ndarray] = []
    made: list[int] = []
    while not known.all():
        unknown = ~known[columns]
        count = np.bincount(rows[unknown], minlength=checks.num_checks)
        one = unknown & (count[rows] == 1)
        bits, first = np.unique(columns[one], return_index=True)
        if len(bits):
            edges = (columns[checks.starts[s] : checks.starts[s + 1]] for s in rows[one][first])
            steps += [edge[edge != bit] for edge, bit in zip(edges, bits, strict=True)]
        elif solved is not None:
            bits = np.array([np.argmax(np.where(known, -1, degrees))])
            steps.append(np.flatnonzero(solved[bits[0] - num_known]))
        else:
            expected = "a matrix that substitution solves"
            raise invalid("checks", f"<{int((~known).sum())} bits unknown>", expected)
        made += bits.tolist()
        known[bits] = True
    lengths = np.array([len(step) for step in steps], np.int64)
    starts, edges, _ = _of_degrees(lengths, np.concatenate([np.empty(0, np.int64), *steps]), 0)
    return Encoder(starts, edges, np.array(made, np.int64))
