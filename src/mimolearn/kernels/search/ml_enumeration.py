"""Which hypotheses maximum likelihood enumerates, and where what it needs of them lies.

All streams but the weakest are enumerated: as many as fill the lanes in a table that is made once
for a channel, the others one choice after the other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mimolearn.kernels.machine.compile import inlined, sizing
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import fnma
from mimolearn.kernels.triangles.triangle_float32 import lanes_of, triangle_memory

# Of what is padding: finite, so that no difference of two is NaN.
FAR = np.float32(1e30)


def lane_streams(num_tx: int, num_points: int) -> int:
    """How many streams are enumerated in the lanes: as many as fill them."""
    count = 0
    while count < num_tx - 1 and num_points**count < 16:
        count += 1
    return count


class Enumeration(NamedTuple):
    """Where things lie in the workspace, and sizes.

    residual (n') of the outer streams' choice; table (rows, width): R u of the lane streams;
    padding (width): 0, or far for padding; axis (2, L, 16): distances of the sliced stream; then
    logarithms of sums, as references and sums: lane_sums (2, width), of what each lane means;
    outer (2, 16), of one choice of the outer streams; levels (2, n L', 16), of every level;
    logits (n L'), their sums over the lanes; gathered (17, n'), one axis a lane.
    """

    residual: int
    table: int
    padding: int
    axis: int
    lane_sums: int
    outer: int
    levels: int
    num_sums: int
    logits: int
    gathered: int
    width: int
    in_lanes: int
    axes: int
    end: int


@sizing
def enumeration(num_tx, num_levels, axes, in_lanes):
    """``Enumeration`` after the triangle. in_lanes: streams that are enumerated in the lanes."""
    start, n = triangle_memory(num_tx, axes).end, axes * num_tx
    real, width = lanes_of(n), lanes_of((num_levels**axes) ** in_lanes)
    num_sums = lanes_of(n * num_levels)
    table = start + real
    padding = table + n * width
    axis = padding + width
    lane_sums = axis + 2 * 16 * 16
    outer = lane_sums + 2 * width
    levels = outer + 32
    logits = levels + 2 * num_sums * 16
    return Enumeration(
        start, table, padding, axis, lane_sums, outer, levels, num_sums, logits,
        logits + num_sums, width, in_lanes, axes, logits + num_sums + 17 * real,
    )  # fmt: skip


@inlined
def digit_axes(value, stream, num_levels, num_points, axis):
    """Level on one axis of the stream that is digit ``stream`` of a number in base M."""
    digit = value // num_points**stream % num_points
    return digit // num_levels if axis == 1 else digit % num_levels


@inlined
def fill_table(space, e, columns, real, axes, num_levels, num_points):
    count = num_points**e.in_lanes
    for p in range(e.width):
        space[e.padding + p] = np.float32(0.0) if p < count else FAR
        for row in range(axes * (e.in_lanes + 1)):
            total = np.float32(0.0)
            if p < count:
                for j in range(e.in_lanes):
                    for axis in range(axes):
                        level = digit_axes(p, j, num_levels, num_points, axis)
                        at = columns + ((j + 1) * axes + axis) * real + row
                        total += space[at] * np.float32(level)
            space[e.table + row * e.width + p] = total


@inlined
def outer_residual(space, e, columns, z, number, n, real, axes, num_levels, num_points):
    """z less what the outer streams explain; returns their share of the metric."""
    first = axes * (e.in_lanes + 1)
    for c in range(0, real, 16):
        rest = load(space, z + c)
        digits = number
        for column in range(first, n, axes):
            digit = digits % num_points
            digits //= num_points
            low = np.float32(digit % num_levels)
            rest = fnma(load(space, columns + column * real + c), low, rest)
            if axes == 2:
                high = np.float32(digit // num_levels)
                rest = fnma(load(space, columns + (column + 1) * real + c), high, rest)
        store(space, e.residual + c, rest)
    total = np.float32(0.0)
    for row in range(first, n):
        total += space[e.residual + row] * space[e.residual + row]
    return total
