"""The pseudo-random bits of 3GPP TS 38.211, section 5.2.1."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

Bits = np.ndarray[Any, np.dtype[np.uint8]]

_DEGREE = 31
_SKIPPED = 1600
# Bit n + 31 needs bit n + 3 at most, so 28 bits are made at a time.
_STEP = 28


def gold_bits(length: int, c_init: int) -> Bits:
    """Compute the first bits c(0), c(1), ... of the length-31 Gold sequence of c_init.

    Args:
        length: how many.
        c_init: 0 ... 2^31 - 1.

    Returns:
        (length) uint8.

    >>> gold_bits(8, 1)
    array([0, 1, 1, 0, 0, 0, 1, 0], dtype=uint8)
    """
    start = np.array([c_init >> i & 1 for i in range(_DEGREE)], np.uint8)
    return _first_sequence(length) ^ _run(start, length, (0, 1, 2, 3))


@functools.lru_cache(maxsize=16)
def _first_sequence(length: int) -> Bits:
    start = np.zeros(_DEGREE, np.uint8)
    start[0] = 1
    return _run(start, length, (0, 3))


def _run(start: Bits, length: int, taps: tuple[int, ...]) -> Bits:
    """Bits 1600, 1601, ... of x(n + 31) = sum of x(n + tap) mod 2."""
    total = -(-(length + _SKIPPED) // _STEP) * _STEP
    x = np.empty(total + _DEGREE, np.uint8)
    x[:_DEGREE] = start
    for n in range(0, total, _STEP):
        made = x[n + _DEGREE : n + _DEGREE + _STEP]
        made[:] = x[n + taps[0] : n + taps[0] + _STEP]
        for tap in taps[1:]:
            made ^= x[n + tap : n + tap + _STEP]
    return x[_SKIPPED : _SKIPPED + length]
