"""Offset min-sum decoding in fixed point: 64 words side by side, one a lane of small integers."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.codes.encode import unpack
from mimolearn.kernels.machine.compile import compiled, inlined, uncounted
from mimolearn.kernels.machine.memory import load_tile
from mimolearn.kernels.machine.narrow import (
    LANES,
    add,
    exclusive,
    larger,
    less,
    load,
    magnitude,
    negative_lanes,
    smaller,
    spread,
    store,
    store_rounded,
    subtract,
    where_equal,
    with_sign,
)

RESTART = -2
_NONE = np.uint64(0)
_ONE = np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@uncounted
def _check(first, last, columns, totals, messages, limit, low, high, other):
    """One parity check on all lanes: from the totals take its message, and put in the new one.

    What a bit is told is the smallest magnitude among the others, less an offset. All but the
    bit that has it are told the smallest one. Its offset is ``high`` less its distance to the
    second smallest, and at least ``low``; the bit itself is told the second, less ``other``.
    """
    one = two = spread(totals, limit)
    signs = spread(totals, 0)
    for edge in range(first, last):
        value = subtract(load(totals, columns[edge] * LANES), load(messages, edge * LANES))
        signs = exclusive(signs, value)
        size = magnitude(value)
        two = smaller(two, larger(one, size))
        one = smaller(one, size)
    offset = larger(less(spread(totals, high), less(two, one)), spread(totals, low))
    usual = with_sign(less(one, offset), signs)
    unusual = with_sign(less(two, spread(totals, other)), signs)
    for edge in range(first, last):
        value = subtract(load(totals, columns[edge] * LANES), load(messages, edge * LANES))
        message = with_sign(where_equal(magnitude(value), one, unusual, usual), value)
        store(messages, edge * LANES, message)
        store(totals, columns[edge] * LANES, add(value, message))


@inlined
def _failed(starts, columns, totals, open_lanes):
    """Bit i is set where a check of lane i does not hold; exact unless all open lanes fail."""
    failed = _NONE
    for check in range(starts.size - 1):
        parity = spread(totals, 0)
        for edge in range(starts[check], starts[check + 1]):
            parity = exclusive(parity, load(totals, columns[edge] * LANES))
        failed |= negative_lanes(parity)
        if open_lanes & ~failed == _NONE:
            break
    return failed


@functools.cache
def kernel(bits: int) -> Callable[..., None]:
    """kernel(llr, start, starts, columns, offsets, most, leave, scale, top, limit, info, spent,
    posterior, totals, messages, decided, planes).

    bits: 8 or 16, of the sums. llr: (W, n) float32, ln P(1)/P(0), finite, of the bits from start
    on, the others having none; scaled, rounded and limited to +-top. Check c is over bits
    columns[starts[c] : starts[c + 1]], and has offsets[c], see ``_check``. limit: the largest
    magnitude before the offset. most: iterations. leave: a batch of 64 words is left when so few
    are still to be decoded (0: none); these get RESTART.
    Out: info (W, k) uint8, the first k bits; spent (W) int32, iterations, -1 where no codeword
    was found; posterior (W, bits) float32, the LLRs that were decided by, or (0, bits) where they
    are not wanted.
    Memory: totals and messages, 64 integers a bit (and 16 bits more) and an edge; decided, uint64
    a bit; planes, (8, k) uint8.

    The schedule is serial, see ``sum_product``. The decoder goes on with a word that it has
    found as long as others of its batch are open, and saturated sums would spoil it: its bits
    are kept when it is found. So no word sees the others.
    """

    def decode(
        llr,
        start,
        starts,
        columns,
        offsets,
        most,
        leave,
        scale,
        top,
        limit,
        info,
        spent,
        posterior,
        totals,
        messages,
        decided,
        planes,
    ):
        num_words, num_given = llr.shape
        num_bits = decided.size
        for first in range(0, num_words, LANES):
            count = min(LANES, num_words - first)
            for column in range(0, num_given, 16):
                width = min(16, num_given - column)
                at = (start + column) * LANES
                for part in range(0, LANES, 16):
                    tile = load_tile(llr, first + part, num_words - 1, num_given, column, width)
                    # Positive means 1 outside, and 0 in here.
                    store_rounded(totals, at + part, tile, -scale, top)
            totals[: start * LANES] = 0
            totals[(start + num_given) * LANES :] = 0
            messages[:] = 0
            open_lanes = _ALL >> np.uint64(LANES - count)
            for iteration in range(most + 1):
                failed = _failed(starts, columns, totals, open_lanes)
                done = open_lanes if iteration == most else open_lanes & ~failed
                if done != _NONE:
                    for bit in range(num_bits):
                        signs = negative_lanes(load(totals, bit * LANES))
                        decided[bit] = (decided[bit] & ~done) | (signs & done)
                    for lane in range(count):
                        if (done >> np.uint64(lane)) & _ONE != _NONE:
                            good = (failed >> np.uint64(lane)) & _ONE == _NONE
                            spent[first + lane] = iteration if good else -1
                            if posterior.shape[0] > 0:
                                for bit in range(num_bits):
                                    total = np.float32(totals[bit * LANES + lane])
                                    posterior[first + lane, bit] = -total / scale
                    open_lanes &= ~done
                left = 0
                for lane in range(count):
                    left += np.int64((open_lanes >> np.uint64(lane)) & _ONE)
                if left <= leave:
                    for lane in range(count):
                        if (open_lanes >> np.uint64(lane)) & _ONE != _NONE:
                            spent[first + lane] = RESTART
                    break
                for check in range(starts.size - 1):
                    _check(
                        starts[check],
                        starts[check + 1],
                        columns,
                        totals,
                        messages,
                        limit,
                        offsets[check, 0],
                        offsets[check, 1],
                        offsets[check, 2],
                    )
            unpack(decided, info.shape[1], first, count, planes, info)

    sums = f"int{bits}[::1]"
    tables = "float32[:, ::1], int64, int64[::1], int64[::1], int64[:, ::1]"
    numbers = "int64, int64, float32, float32, int64"
    memory = f"{sums}, {sums}, uint64[::1], uint8[:, ::1]"
    results = "uint8[:, ::1], int32[::1], float32[:, ::1]"
    return compiled(f"void({tables}, {numbers}, {results}, {memory})", decode)
