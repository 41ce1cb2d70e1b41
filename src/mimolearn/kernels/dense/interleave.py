"""From torch's layout to 16 interleaved problems and back: the parts of kernels."""

from __future__ import annotations

from mimolearn.kernels.machine.compile import inlined
from mimolearn.kernels.machine.memory import (
    load_lines,
    load_tile,
    prefetch_tile,
    store_lines,
    store_tile,
)

# Floats of a problem from which on the processor does not see by itself what comes next: while one
# group is worked on, the next is fetched.
_LARGE = 512


@inlined
def interleave(source, span, column, rows, width, out, out_row):
    """rows x width numbers of each of 16 problems, from ``column`` on, to out[r out_row + c 16].

    span: (first problem, last problem, floats a problem). Rows lie one after the other in the
    source. Padding: what lies between ``width`` and the next multiple of 16 is zero, unless the
    next row overwrites it.
    """
    first, last, stride = span
    if out_row == width * 16:
        width, rows = width * rows, 1
    for r in range(rows):
        for c in range(0, width, 16):
            start = column + r * width + c
            tile = load_tile(source, first, last, stride, start, min(16, width - c))
            if stride >= _LARGE:
                prefetch_tile(source, first + 16, stride, start)
            store_lines(out, r * out_row + c * 16, tile)


@inlined
def deinterleave(source, source_row, rows, width, out, span, column):
    """The inverse of ``interleave``; lanes of problems beyond the last are dropped."""
    first, last, stride = span
    if source_row == width * 16:
        width, rows = width * rows, 1
    for r in range(rows):
        for c in range(0, width, 16):
            start = column + r * width + c
            tile = load_lines(source, r * source_row + c * 16)
            store_tile(out, first, last, stride, start, min(16, width - c), tile)
