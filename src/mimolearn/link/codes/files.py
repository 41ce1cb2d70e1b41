"""Codes from files: ``alist`` matrices, and base matrices of quasi-cyclic codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mimolearn.foundation.errors import InvalidInputError, user_path
from mimolearn.link.codes.block import BlockCode
from mimolearn.link.codes.parity import ParityChecks, by_substitution, from_entries, lifted

# Elimination takes the square of the number of checks times the number of bits.
_MOST_BITS = 20_000
_MOST_FILE_BYTES = 50_000_000


def read_code(path: str | Path) -> BlockCode:
    """Read a parity-check matrix and make a systematic code of it.

    The matrix may have any rank. Its last columns that are independent become parity bits; all
    others are the information bits, in their order. Coded bits are in the order of the columns.

    Args:
        path: of the file, see ``read_checks``.

    Raises:
        InvalidInputError: for a file that is not a matrix, or has no information bits.
    """
    checks = read_checks(path)
    n = checks.num_bits
    if n > _MOST_BITS:
        raise InvalidInputError(f"{path}: {n} columns, expected at most {_MOST_BITS}")
    parity, rows = _eliminated(checks)
    info = np.setdiff1d(np.arange(n), parity)
    if not len(info):
        raise InvalidInputError(f"{path}: {n} independent checks leave no information bit")
    order = np.concatenate([info, parity])
    number = np.argsort(order)
    inside = from_entries(checks.check_of_edge, number[checks.columns], (checks.num_checks, n))
    encoder = by_substitution(inside, len(info), solved=rows[:, info])
    return BlockCode(len(info), encoder, inside, torch.from_numpy(number))


def read_checks(path: str | Path) -> ParityChecks:
    """Read a parity-check matrix.

    Args:
        path: a file that ends in ``.alist`` (MacKay's format: sizes, largest weights, weights, and
            positions counted from 1), or any text of integers that holds the base matrix of a
            quasi-cyclic code: the lifting size alone in the first line, then one line a block row
            with its shifts to the right, -1 for a block of zeros. ``#`` begins a comment.

    Raises:
        InvalidInputError: for a file that is missing or is neither.
    """
    file = user_path(path)
    try:
        if file.stat().st_size > _MOST_FILE_BYTES:
            raise InvalidInputError(f"{path}: larger than {_MOST_FILE_BYTES // 10**6} MB")
        lines = [line.partition("#")[0].split() for line in file.read_text("utf-8").splitlines()]
        rows = [[int(word) for word in line] for line in lines if line]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InvalidInputError(f"{path}: {reason}, expected a text file of integers") from error
    read = _alist if file.suffix == ".alist" else _quasi_cyclic
    return read(str(path), rows)


def _alist(name: str, rows: list[list[int]]) -> ParityChecks:
    if len(rows) < 4 or len(rows[0]) != 2 or min(rows[0]) < 1:
        raise InvalidInputError(f"{name}: expected columns and rows of the matrix in line 1")
    n, m = rows[0]
    if len(rows) < 4 + n + m or len(rows[2]) != n or len(rows[3]) != m:
        expected = f"{n} and {m} weights, then {n} + {m} lines of positions"
        raise InvalidInputError(f"{name}: {len(rows)} lines, expected {expected}")
    by_bit = _ones(name, rows[4 : 4 + n], rows[2], m)
    by_check = _ones(name, rows[4 + n : 4 + n + m], rows[3], n)
    checks = from_entries(by_check[:, 0], by_check[:, 1], (m, n))
    transposed = from_entries(by_bit[:, 1], by_bit[:, 0], (m, n))
    if not np.array_equal(checks.columns, transposed.columns):
        raise InvalidInputError(f"{name}: columns and rows list different ones")
    return checks


def _ones(name: str, lines: list[list[int]], weights: list[int], top: int) -> np.ndarray:
    """(ones, 2) line and position, both from 0; zeros that fill a line up are left out."""
    ones = [(i, at - 1) for i, line in enumerate(lines) for at in line if at]
    entries = np.array(ones, np.int64).reshape(-1, 2)
    if entries.size and not 0 <= entries[:, 1].min() <= entries[:, 1].max() < top:
        raise InvalidInputError(f"{name}: a position outside 1..{top}")
    counted = np.bincount(entries[:, 0], minlength=len(lines))
    if not np.array_equal(counted, weights):
        wrong = int(np.flatnonzero(counted != np.array(weights))[0])
        found = f"{counted[wrong]} positions, expected {weights[wrong]}"
        raise InvalidInputError(f"{name}: line {wrong + 1} of its kind has {found}")
    return entries


def _quasi_cyclic(name: str, rows: list[list[int]]) -> ParityChecks:
    if len(rows) < 2 or len(rows[0]) != 1 or rows[0][0] < 1:
        raise InvalidInputError(f"{name}: expected the lifting size alone in line 1")
    lifting, widths = rows[0][0], {len(row) for row in rows[1:]}
    if len(widths) != 1:
        raise InvalidInputError(f"{name}: rows of {sorted(widths)} shifts, expected one length")
    shifts = np.array(rows[1:])
    if shifts.min() < -1 or shifts.max() >= lifting:
        raise InvalidInputError(f"{name}: expected shifts from -1 to {lifting - 1}")
    return lifted(shifts, lifting)


def _eliminated(checks: ParityChecks) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Jordan elimination over GF(2), from the last column on.

    Returns (rank) int64, the columns that were solved for, ascending, and (rank, n) bool, the row
    of each: zero in all other solved columns.
    """
    n = checks.num_bits
    dense = np.zeros((checks.num_checks, n), bool)
    dense[checks.check_of_edge, checks.columns] = True
    rows = np.packbits(dense, axis=1)
    solved: list[int] = []
    for column in reversed(range(n)):
        rank = len(solved)
        if rank == len(rows):
            break
        has = (rows[:, column >> 3] >> (7 - (column & 7)) & 1).astype(bool)
        below = np.flatnonzero(has[rank:])
        if not len(below):
            continue
        pivot = rank + below[0]
        rows[[rank, pivot]] = rows[[pivot, rank]]
        has[[rank, pivot]] = has[[pivot, rank]]
        has[rank] = False
        rows[has] ^= rows[rank]
        solved.append(column)
    order = np.argsort(solved)
    reduced = np.unpackbits(rows[: len(solved)], axis=1, count=n).astype(bool)
    return np.array(solved, np.int64)[order], reduced[order]
