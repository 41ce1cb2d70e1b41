"""Sum-product decoding of quasi-cyclic codes: 16 checks of one word side by side, one a lane.

It does what ``sum_product`` does with each word, to the last bit, and takes one word at a time:
few words do not leave lanes empty, none waits for the slowest of 16, and all that belongs to a word
stays in the cache. It needs checks in runs (``link.codes.runs``), which quasi-cyclic codes have: 16
checks behind one another share no bit, and each slot of them takes bits that lie behind one
another.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.codes.sum_product import SIGN, come_back, come_to
from mimolearn.kernels.machine.compile import compiled, uncounted
from mimolearn.kernels.machine.memory import load, store, store_first
from mimolearn.kernels.machine.simd import (
    any_lane,
    as_int_bits,
    lane_numbers,
    splat,
    splat_int,
)


@uncounted
def _run(begin, end, count, first, totals, messages, values, terms):
    """The checks of a run on all lanes: from the totals take their messages, put in new ones."""
    signs = splat_int(0)
    n, d = splat(np.float32(0.0)), splat(np.float32(1.0))
    for slot in range(begin, end):
        at = (slot - begin) * 16
        value = load(totals, first[slot]) - load(messages, slot * 16)
        signs, n, d = come_to(at, value, signs, n, d, values, terms)
    n, d = splat(np.float32(0.0)), splat(np.float32(1.0))
    for slot in range(end - 1, begin - 1, -1):
        at = (slot - begin) * 16
        message, total, n, d = come_back(at, signs, n, d, values, terms)
        # Lanes beyond the run write messages that nobody reads.
        store(messages, slot * 16, message)
        if count == 16:
            store(totals, first[slot], total)
        else:
            store_first(totals, first[slot], total, count)


@uncounted
def _holds(starts, first, counts, totals):
    """Whether all checks hold."""
    for run in range(counts.size):
        parity = splat_int(0)
        for slot in range(starts[run], starts[run + 1]):
            parity = parity ^ as_int_bits(load(totals, first[slot]))
        odd = (parity & SIGN) != splat_int(0)
        if any_lane(odd & (lane_numbers() < splat_int(counts[run]))):
            return False
    return True


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(llr, start, starts, first, counts, most, decided, spent, posterior, space).

    starts, first and counts are those of ``Runs``, space is ``workspace`` floats, and all else is
    as in ``sum_product``.
    """

    def decode(llr, start, starts, first, counts, most, decided, spent, posterior, space):
        num_words, num_bits = decided.shape
        # A run may read 15 bits beyond the last one.
        room = (num_bits + 31) // 16 * 16
        slots = first.size
        totals, messages = space[:room], space[room : room + slots * 16]
        values = space[room + slots * 16 :]
        terms = values[(values.size // 64) * 16 :]
        for word in range(num_words):
            totals[:] = np.float32(0.0)
            for i in range(llr.shape[1]):
                totals[start + i] = np.float32(0.0) - llr[word, i]
            messages[:] = np.float32(0.0)
            count = 0
            done = _holds(starts, first, counts, totals)
            while not done and count < most:
                for run in range(counts.size):
                    _run(
                        starts[run], starts[run + 1], counts[run],
                        first, totals, messages, values, terms,
                    )  # fmt: skip
                count += 1
                done = _holds(starts, first, counts, totals)
            spent[word] = count if done else -1
            for i in range(num_bits):
                decided[word, i] = totals[i] < 0
            if posterior.shape[0] > 0:
                for i in range(num_bits):
                    posterior[word, i] = np.float32(0.0) - totals[i]

    arrays = "float32[:, ::1], int64, int64[::1], int64[::1], int64[::1], int64"
    results = "uint8[:, ::1], int32[::1], float32[:, ::1]"
    return compiled(f"void({arrays}, {results}, float32[::1])", decode)


def workspace(num_bits: int, num_slots: int, most_in_check: int) -> int:
    """Floats of workspace; most_in_check: bits of the largest check."""
    return (num_bits + 31) // 16 * 16 + 16 * (num_slots + 4 * most_in_check)
