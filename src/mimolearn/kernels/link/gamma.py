"""Gamma variates by counter, for the diagonals of reduced channels.

Marsaglia and Tsang (2000, "A simple method for generating gamma variables"), exact by rejection:
with d = a - 1/3 and v = (1 + x / sqrt(9 d))^3, x normal, d v is Gamma(a, 1) if accepted. The
exponential that decides on it is half the sum of two squared normals. Variate i tries with normals
4 i ... 4 i + 2 of its stream, and after each rejection with those of the stream 2^32 further on:
like the normals themselves it is a function of (key, stream, i) alone. Nine in ten are
accepted at once at a = 1, more above.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mimolearn.foundation.errors import invalid
from mimolearn.kernels.machine.compile import compiled, inlined
from mimolearn.kernels.machine.philox import Stream, store_normals

_EACH = 4  # normals a try, the last of them unused
_AT_ONCE = 16  # variates of one group of normals
_RETRY = np.uint64(2**32)


def fill_gamma(
    out: NDArray[np.float32], shapes: NDArray[np.float32], stream: Stream, start: int = 0
) -> None:
    """Write Gamma(shape, 1) variates start, start + 1, ... of a stream, rows of shapes.size each.

    out: C-contiguous float32. shapes: 1/2, 1, 3/2, ...; start: a multiple of their number.
    Uses the streams stream.stream + k 2^32, k = 0, 1, ...

    >>> out = np.empty((2, 2), np.float32)
    >>> fill_gamma(out, np.array([1.0, 64.0], np.float32), Stream(3)); out.round(1).tolist()
    [[1.100000023841858, 60.5], [0.8999999761581421, 71.0999984741211]]
    """
    halves = shapes * 2
    if shapes.size == 0 or not (np.all(halves >= 1) and np.array_equal(halves, np.rint(halves))):
        raise invalid("shapes", f"<{shapes.size} values>", "multiples of 1/2 above 0")
    scratch = np.empty(2 * _EACH * _AT_ONCE, np.float32)
    _kernel()(out.reshape(-1), shapes, *stream, start, scratch)


@inlined
def _try(shape, normals, at):
    """A variate from three normals, or -1 if it is rejected."""
    x = np.float64(normals[at])
    if shape == 0.5:
        return 0.5 * x * x
    d = np.float64(shape) - 1.0 / 3.0
    root = 1.0 + x / math.sqrt(9.0 * d)
    if root <= 0.0:
        return -1.0
    v = root * root * root
    a, b = np.float64(normals[at + 1]), np.float64(normals[at + 2])
    exponential = 0.5 * (a * a + b * b)
    # The paper's squeeze, u < 1 - 0.0331 x^4, in terms of -ln u: it saves most logarithms.
    z = 0.0331 * (x * x) * (x * x)
    if z < 1.0 and exponential * (1.0 - z) > z:
        return d * v
    if exponential > d * (v - 1.0 - math.log(v)) - 0.5 * x * x:
        return d * v
    return -1.0


@inlined
def gammas(out, shapes, key, stream, start, scratch):
    """What ``fill_gamma`` writes. scratch: 128 floats."""
    first_try, retries = scratch[:64], scratch[64:128]
    ready = -1
    for i in range(out.size):
        number = start + i
        group, first = number // _AT_ONCE, number % _AT_ONCE * _EACH
        if group != ready:
            store_normals(first_try, 0, key, stream, np.uint64(group), np.float32(1.0))
            ready = group
        shape = shapes[i % shapes.size]
        value, again = _try(shape, first_try, first), stream
        while value < 0.0:
            again = np.uint64(again + _RETRY)
            store_normals(retries, 0, key, again, np.uint64(group), np.float32(1.0))
            value = _try(shape, retries, first)
        out[i] = value


@functools.cache
def _kernel() -> Callable[..., None]:
    def gamma_variates(out, shapes, key, stream, start, scratch):
        gammas(out, shapes, key, stream, start, scratch)

    signature = "void(float32[::1], float32[::1], uint64, uint64, int64, float32[::1])"
    return compiled(signature, gamma_variates)
