"""Where the K-best search in single precision keeps its survivors, their children and paths."""

from __future__ import annotations

from typing import NamedTuple

from mimolearn.kernels.machine.compile import sizing, uncounted
from mimolearn.kernels.triangles.triangle_float32 import lanes_of, triangle_memory


@uncounted
def rows_of_block(num_bits):
    """Rows of a path: their bits are 16 at most, and whole blocks make 16 rows."""
    return 4 if num_bits > 2 else 16 // num_bits


class Lists(NamedTuple):
    """Where survivors, ``capacity`` of them (k rounded up to whole vectors), and children lie.

    In the workspace: residuals (2, capacity, n') and their rows in work (2, capacity, 16); distance
    (capacity and a vector), rest (capacity), the row in work; child (L, survivors in whole
    vectors); bits: 16 vectors; sums (4, 16): vectors. Among the whole numbers,
    ``size`` apart: parent, and twice path: the ancestor at the start of the block of rows, and
    below it the bits since; ends (L + 1), first survivor of each level; from history on, path at
    the end of each block. end: of the workspace.
    """

    capacity: int
    residual: int
    near: int
    distance: int
    rest: int
    child: int
    bits: int
    sums: int
    size: int
    ends: int
    history: int
    end: int


@sizing
def lists_of(num_tx, axes, k, num_levels):
    """``Lists`` after the triangle."""
    start = triangle_memory(num_tx, axes).end
    real, capacity = lanes_of(axes * num_tx), lanes_of(k)
    near = start + 2 * capacity * real
    distance = near + 2 * capacity * 16
    rest = distance + capacity + 16
    child, size = rest + capacity, capacity + 16
    bits = child + num_levels * capacity
    return Lists(
        capacity,
        start,
        near,
        distance,
        rest,
        child,
        bits,
        bits + 256,
        size,
        3 * size,
        3 * size + num_levels + 1,
        bits + 5 * 256,
    )
