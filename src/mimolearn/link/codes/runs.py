"""Parity checks in runs: up to 16 checks behind one another whose bits lie behind one another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mimolearn.link.codes.parity import ParityChecks

LANES = 16


class Runs(NamedTuple):
    """Checks of a quasi-cyclic code, 16 at a time.

    Run r has counts[r] checks. Slot e of it, starts[r] <= e < starts[r + 1], takes bit first[e] + i
    in its check i.

    Attributes:
        starts: (R + 1) int64.
        first: (slots) int64.
        counts: (R) int64, 1 ... 16.
        share: of the lanes of all slots, those that have a check.
    """

    starts: np.ndarray
    first: np.ndarray
    counts: np.ndarray
    share: float


def runs_of(checks: ParityChecks) -> Runs:
    """Cut parity checks into runs, in their order."""
    starts, columns, _ = checks
    degrees = np.diff(starts)
    # Whether each edge takes the bit behind that of the check before, slot by slot.
    degree_of_edge = np.repeat(degrees, degrees)
    before = np.maximum(np.arange(columns.size) - degree_of_edge, 0)
    broken = np.zeros(columns.size + 1, np.int64)
    np.cumsum(columns - columns[before] != 1, out=broken[1:])
    follows = np.zeros(degrees.size, bool)
    follows[1:] = (degrees[1:] == degrees[:-1]) & (broken[starts[2:]] == broken[starts[1:-1]])
    check = np.arange(degrees.size)
    run_start = np.maximum.accumulate(np.where(follows, 0, check))
    heads = check[(check - run_start) % LANES == 0]
    counts = np.diff(np.append(heads, degrees.size))
    of_heads = degrees[heads]
    slots = np.concatenate([[0], np.cumsum(of_heads)])
    at = np.repeat(starts[heads] - slots[:-1], of_heads) + np.arange(slots[-1])
    share = float((counts * of_heads).sum() / max(LANES * of_heads.sum(), 1))
    return Runs(slots.astype(np.int64), columns[at], counts.astype(np.int64), share)
