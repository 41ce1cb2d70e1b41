"""Encoding of binary linear codes: 64 words side by side, one bit of each in a 64-bit integer."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled, uncounted

LANES = 64


@uncounted
def pack(rows, first, count, planes, words):
    """Into bit i of words[j]: rows[first + i, j], for i below count; rows: uint8 of 0 and 1.

    planes: (8, bits) uint8; a plane holds eight rows, bit by bit. Two steps, because shifts of
    bytes work on eight times as many numbers as shifts of 64-bit integers.
    """
    num_bits = rows.shape[1]
    for plane in range(8):
        for j in range(num_bits):
            planes[plane, j] = 0
        for bit in range(min(8, count - 8 * plane)):
            row = first + 8 * plane + bit
            for j in range(num_bits):
                planes[plane, j] |= (rows[row, j] & np.uint8(1)) << np.uint8(bit)
    for j in range(num_bits):
        word = np.uint64(0)
        for plane in range(8):
            word |= np.uint64(planes[plane, j]) << np.uint64(8 * plane)
        words[j] = word


@uncounted
def unpack(words, num_bits, first, count, planes, rows):
    """The inverse of ``pack``, of the first num_bits words."""
    for plane in range(8):
        for j in range(num_bits):
            planes[plane, j] = np.uint8(words[j] >> np.uint64(8 * plane))
        for bit in range(min(8, count - 8 * plane)):
            row = first + 8 * plane + bit
            for j in range(num_bits):
                rows[row, j] = (planes[plane, j] >> np.uint8(bit)) & np.uint8(1)


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(info, starts, columns, made, take, coded, words, taken, planes).

    info: (W, k) uint8 of 0 and 1, the first k bits of a word. Step s makes bit made[s], the sum
    over GF(2) of the bits columns[starts[s] : starts[s + 1]]. Out: coded (W, n) uint8, coded bit i
    being bit take[i]. words: as many uint64 as a word has bits; taken: n of them; planes: uint8
    (8, most of k and n).
    """

    def encode(info, starts, columns, made, take, coded, words, taken, planes):
        for first in range(0, info.shape[0], LANES):
            count = min(LANES, info.shape[0] - first)
            pack(info, first, count, planes, words)
            for step in range(made.size):
                total = np.uint64(0)
                for edge in range(starts[step], starts[step + 1]):
                    total ^= words[columns[edge]]
                words[made[step]] = total
            for i in range(take.size):
                taken[i] = words[take[i]]
            unpack(taken, take.size, first, count, planes, coded)

    bits, tables, packed = "uint8[:, ::1]", "int64[::1]", "uint64[::1]"
    arguments = [bits, *[tables] * 4, bits, packed, packed, bits]
    return compiled(f"void({', '.join(arguments)})", encode)
