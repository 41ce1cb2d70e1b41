"""Putting the triangles of reduced channels together."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled, inlined


@inlined
def assemble(energy, above, out, num, size, parts, scale):
    """What ``assemble_kernel`` does."""
    taken = 0
    for n in range(num):
        for i in range(size):
            row = (n * size + i) * size * 2
            for k in range(row, row + 2 * i):
                out[k] = np.float32(0.0)
            out[row + 2 * i] = np.float32(math.sqrt(energy[n * size + i])) * scale
            out[row + 2 * i + 1] = np.float32(0.0)
            count, start = size - 1 - i, row + 2 * i + 2
            if parts == 2:
                for k in range(2 * count):
                    out[start + k] = above[taken + k] * scale
            else:
                for k in range(count):
                    out[start + 2 * k] = above[taken + k] * scale
                    out[start + 2 * k + 1] = np.float32(0.0)
            taken += parts * count


@functools.cache
def assemble_kernel() -> Callable[..., None]:
    """kernel(energy, above, out, num, size, parts, scale).

    energy (N, Nt), above (N, Nt (Nt - 1) / 2, parts), out (N, Nt, Nt, 2), all flat. Entries above
    the diagonal come row by row, those on it are the roots of the energies, all times scale.
    """

    def assemble_triangle(energy, above, out, num, size, parts, scale):
        assemble(energy, above, out, num, size, parts, scale)

    floats = "float32[::1], float32[::1], float32[::1]"
    return compiled(f"void({floats}, int64, int64, int64, float32)", assemble_triangle)
