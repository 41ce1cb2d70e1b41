"""Between the bits of a word and those that are transmitted: gathered, flipped, added, taken back.

Row w of the transmitted bits belongs to stream streams[w] of F, whose bits are flipped where flips
(F, G) uint8 is 1. Transmitted bit i is bit take[i] of its word; several may be the same bit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled

_TABLES = "int64[::1], uint8[:, ::1], int64[::1]"


@functools.cache
def match_kernel() -> Callable[..., None]:
    """kernel(words, take, flips, streams, sent): words (W, S) uint8; out: sent (W, G) uint8."""

    def match(words, take, flips, streams, sent):
        for row in range(words.shape[0]):
            stream = streams[row]
            for i in range(take.size):
                sent[row, i] = words[row, take[i]] ^ flips[stream, i]

    return compiled(f"void(uint8[:, ::1], {_TABLES}, uint8[:, ::1])", match)


@functools.cache
def combine_kernel() -> Callable[..., None]:
    """kernel(llr, take, flips, streams, soft).

    Adds the LLRs (W, G) of transmitted bits to soft (W, S).
    """

    def combine(llr, take, flips, streams, soft):
        for row in range(llr.shape[0]):
            stream = streams[row]
            for i in range(take.size):
                value = llr[row, i]
                soft[row, take[i]] += -value if flips[stream, i] else value

    return compiled(f"void(float32[:, ::1], {_TABLES}, float32[:, ::1])", combine)


@functools.cache
def extrinsic_kernel() -> Callable[..., None]:
    """kernel(posterior, take, flips, streams, llr, extrinsic).

    Out: the posteriors (W, S) of transmitted bits less their LLRs (W, G).
    """

    def subtract(posterior, take, flips, streams, llr, extrinsic):
        for row in range(llr.shape[0]):
            stream = streams[row]
            for i in range(take.size):
                value = posterior[row, take[i]]
                extrinsic[row, i] = (-value if flips[stream, i] else value) - llr[row, i]

    floats = "float32[:, ::1]"
    return compiled(f"void({floats}, {_TABLES}, {floats}, {floats})", subtract)


@functools.cache
def gold_kernel() -> Callable[..., None]:
    """kernel(c_init, sequence): the pseudo-random bits of 3GPP TS 38.211, section 5.2.1.

    sequence: uint8, filled. Both registers are 31 bits of an integer, bit 0 being the oldest.
    """

    def fill(c_init, sequence):
        first, second = np.int64(1), np.int64(c_init)
        for i in range(1600 + sequence.size):
            if i >= 1600:
                sequence[i - 1600] = (first ^ second) & 1
            new_first = (first ^ (first >> 3)) & 1
            new_second = (second ^ (second >> 1) ^ (second >> 2) ^ (second >> 3)) & 1
            first = (first >> 1) | (new_first << 30)
            second = (second >> 1) | (new_second << 30)

    return compiled("void(int64, uint8[::1])", fill)
