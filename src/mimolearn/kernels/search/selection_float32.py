"""The k smallest of many floats in memory, without a sort: parts of kernels.

Bit patterns order non-negative floats as whole numbers, so that counting finds the k-th smallest.
"""

from __future__ import annotations

from mimolearn.kernels.machine.compile import uncounted
from mimolearn.kernels.machine.memory import load, store_int
from mimolearn.kernels.machine.simd import as_int_bits, compress, count_lanes, lane_numbers


@uncounted
def threshold_of(space, start, count, present, k, low, high):
    """The bit pattern below which lie the k smallest of ``count`` floats, and how many with it.

    The floats lie from ``start`` on, ``present`` of them finite, in patterns from low to high.
    A guess lies between two patterns in proportion to how many floats lie below each, every fourth
    one halfway, so that no distribution makes many guesses.
    """
    below, above, guess = 0, present, 0
    while low < high:
        guess += 1
        part = (high - low) // 2
        if guess % 4 > 0:
            part = (high - low) * (2 * (k - below) + 1) // (2 * (above - below))
        middle = low + min(part, high - low - 1)
        within = 0
        for i in range(start, start + count, 16):
            within += count_lanes(as_int_bits(load(space, i)) <= middle)
        if within == k:
            return middle + 1, 0
        if within > k:
            high, above = middle, within
        else:
            low, below = middle + 1, within
    return low, k - below


@uncounted
def first_lanes(ints, scratch, mask, count):
    """The first ``count`` of the lanes where the mask is true."""
    if count == 0:
        return lane_numbers() < 0
    store_int(ints, scratch, compress(lane_numbers(), mask))
    return mask & (lane_numbers() <= ints[scratch + count - 1])
