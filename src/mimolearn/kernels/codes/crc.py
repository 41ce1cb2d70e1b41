"""Remainders of a CRC, a byte at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(bits, polynomial, length, remainders).

    bits: (W, n) uint8 of 0 and 1, the first is that of the highest power. polynomial: its
    coefficients below the power ``length``, the highest first. Out: remainders (W) uint32 of
    bits(x) x^length.
    """

    def remainders_of(bits, polynomial, length, remainders):
        top, mask = np.int64(1) << (length - 1), (np.int64(1) << length) - 1
        table = np.empty(256, np.int64)
        for byte in range(256):
            register = np.int64(byte) << (length - 8)
            for _ in range(8):
                register = (register << 1) ^ (polynomial if register & top else 0)
            table[byte] = register & mask
        num_bits = bits.shape[1]
        for word in range(bits.shape[0]):
            register = np.int64(0)
            for i in range(0, num_bits - 7, 8):
                byte = np.int64(0)
                for j in range(8):
                    byte = (byte << 1) | bits[word, i + j]
                byte ^= register >> (length - 8)
                register = ((register << 8) & mask) ^ table[byte]
            for i in range(num_bits // 8 * 8, num_bits):
                carry = (register >> (length - 1)) ^ bits[word, i]
                register = ((register << 1) & mask) ^ (polynomial if carry else 0)
            remainders[word] = register

    return compiled("void(uint8[:, ::1], int64, int64, uint32[::1])", remainders_of)
