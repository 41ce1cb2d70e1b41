"""Random numbers by counter: number i of a stream is a function of (key, stream, i).

Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3")
encrypts a 128-bit counter under a 64-bit key into four 32-bit words. So a simulation may be cut
into pieces in any way, and run in any order on any number of threads and machines: it draws the
same numbers. Normal numbers come by Box and Muller (1958), in float32.

Choose it over ``torch.randn`` on a CPU: about three times as fast, and no state to carry around.

Counter of a block: (low and high half of its number, low and high half of the stream). Element
i = 64 g + 16 w + l takes word w of block 16 g + l, so that 16 blocks fill 16 lanes.
Normals: words (0, 1) and (2, 3) of a block give radius and angle of a pair.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mimolearn.foundation.errors import invalid
from mimolearn.kernels.machine.compile import compiled, inlined
from mimolearn.kernels.machine.mathematics import log_of_normal, sincos_turns
from mimolearn.kernels.machine.memory import store, store_int
from mimolearn.kernels.machine.simd import (
    int_to_float,
    lane_numbers,
    multiply_high,
    splat_int,
    sqrt,
    uint_to_float,
)

_GROUP = 64  # elements that 16 blocks of four words give
_MULTIPLIER_0 = np.uint32(0xD2511F53)
_MULTIPLIER_1 = np.uint32(0xCD9E8D57)
_WEYL_0 = np.uint32(0x9E3779B9)
_WEYL_1 = np.uint32(0xBB67AE85)


class Stream(NamedTuple):
    """One endless sequence of random numbers: key and stream, each 0 ... 2^64 - 1.

    Sequences that differ in either are independent. Normals and integers of one stream share
    their bits: draw them from two streams.
    """

    key: int
    stream: int = 0


def fill_normal(
    out: NDArray[np.float32], stream: Stream, start: int = 0, scale: float = 1.0
) -> None:
    """Write N(0, 1) numbers start, start + 1, ... of a stream into a C-contiguous float32 array.

    scale: what they are multiplied by. Their largest magnitude is 6.77 without it (32 bits decide
    on the radius).

    >>> whole, part = np.empty(100, np.float32), np.empty(40, np.float32)
    >>> fill_normal(whole, Stream(1)); fill_normal(part, Stream(1), start=60)
    >>> bool((whole[60:] == part).all())
    True
    """
    words, scratch = _words(stream, start), np.empty(_GROUP, np.float32)
    _normal_kernel()(_flat(out, np.float32), *words, scale, scratch)


def fill_integers(out: NDArray[np.int64], num_values: int, stream: Stream, start: int = 0) -> None:
    """Write uniform integers 0 ... num_values - 1 into a C-contiguous int64 array.

    num_values: 1 ... 2^16, uniform to 2^-16, and exactly if it is a power of two.

    >>> out = np.empty(4, np.int64)
    >>> fill_integers(out, 4, Stream(7)); out
    array([3, 1, 0, 1])
    """
    if not 1 <= num_values <= 2**16:
        raise invalid("num_values", num_values, "an integer from 1 to 65536")
    scratch = np.empty(_GROUP, np.uint32)
    words = _words(stream, start)
    _integer_kernel()(_flat(out, np.int64), np.uint32(num_values), *words, scratch)


def _flat(out: np.ndarray, dtype: type) -> np.ndarray:
    if out.dtype != dtype or not out.flags.c_contiguous or not out.flags.writeable:
        raise invalid("out", f"<{out.dtype} array>", f"a writable C-contiguous {dtype.__name__}")
    return out.reshape(-1)


def _words(stream: Stream, start: int) -> tuple[int, int, int]:
    for field, value in (("key", stream.key), ("stream", stream.stream), ("start", start)):
        if not 0 <= value < 2 ** (63 if field == "start" else 64):
            raise invalid(field, value, "an integer of 64 bits, not negative")
    return stream.key, stream.stream, start


@inlined
def _blocks(key, stream, first):
    """The four words of blocks first ... first + 15, in lanes."""
    number = lane_numbers() + np.uint32(first)
    # first is a multiple of 16, so the lanes never carry into the upper half.
    c0, c1 = number, splat_int(np.uint32(first >> np.uint64(32)))
    c2, c3 = splat_int(np.uint32(stream)), splat_int(np.uint32(stream >> np.uint64(32)))
    k0, k1 = np.uint32(key), np.uint32(key >> np.uint64(32))
    for _ in range(10):
        high_0, low_0 = multiply_high(c0, _MULTIPLIER_0), c0 * _MULTIPLIER_0
        high_1, low_1 = multiply_high(c2, _MULTIPLIER_1), c2 * _MULTIPLIER_1
        c0, c1, c2, c3 = high_1 ^ c1 ^ k0, low_1, high_0 ^ c3 ^ k1, low_0
        k0, k1 = np.uint32(k0 + _WEYL_0), np.uint32(k1 + _WEYL_1)
    return c0, c1, c2, c3


@inlined
def _box_muller(a, b):
    """Two independent N(0, 1) from two words."""
    # (a + 1/2) / 2^32, in (0, 1]: never zero, so that the radius is finite.
    uniform = uint_to_float(a) * np.float32(2.0**-32) + np.float32(2.0**-33)
    radius = sqrt(log_of_normal(uniform) * np.float32(-2.0))
    sine, cosine = sincos_turns(int_to_float(b >> 8) * np.float32(2.0**-24))
    return radius * cosine, radius * sine


@inlined
def store_normals(out, at, key, stream, group, scale):
    """Normals 64 group ... 64 group + 63 of a stream, times scale."""
    a, b, c, d = _blocks(key, stream, group * np.uint64(16))
    x0, x1 = _box_muller(a, b)
    x2, x3 = _box_muller(c, d)
    store(out, at, x0 * scale)
    store(out, at + 16, x1 * scale)
    store(out, at + 32, x2 * scale)
    store(out, at + 48, x3 * scale)


@inlined
def normals(out, key, stream, start, scale, scratch):
    """What ``fill_normal`` writes. scratch: 64 floats."""
    group, done = start // 64, 0
    skip = start - group * 64
    while done < out.size:
        if skip == 0 and out.size - done >= 64:
            store_normals(out, done, key, stream, np.uint64(group), scale)
            done += 64
        else:
            store_normals(scratch, 0, key, stream, np.uint64(group), scale)
            count = min(64 - skip, out.size - done)
            for i in range(count):
                out[done + i] = scratch[skip + i]
            done += count
        skip = 0
        group += 1


@inlined
def integers(out, num_values, key, stream, start, scratch):
    """What ``fill_integers`` writes. scratch: 64 uint32."""
    group, done = start // 64, 0
    skip = start - group * 64
    while done < out.size:
        words = _blocks(key, stream, np.uint64(group) * np.uint64(16))
        for w in range(4):
            store_int(scratch, 16 * w, multiply_high(words[w], num_values))
        count = min(64 - skip, out.size - done)
        for i in range(count):
            out[done + i] = scratch[skip + i]
        done += count
        skip = 0
        group += 1


@functools.cache
def _normal_kernel() -> Callable[..., None]:
    def philox_normals(out, key, stream, start, scale, scratch):
        normals(out, key, stream, start, scale, scratch)

    signature = "void(float32[::1], uint64, uint64, int64, float32, float32[::1])"
    return compiled(signature, philox_normals)


@functools.cache
def _integer_kernel() -> Callable[..., None]:
    def philox_integers(out, num_values, key, stream, start, scratch):
        integers(out, num_values, key, stream, start, scratch)

    signature = "void(int64[::1], uint32, uint64, uint64, int64, uint32[::1])"
    return compiled(signature, philox_integers)
