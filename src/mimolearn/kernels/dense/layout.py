"""How matrices of 16 channels lie in memory, and how a workspace is divided into parts.

A kernel's layout function takes a workspace and sizes, and returns the parts of the workspace in
their order, then the number of floats up to their end. Kernels call it to get the parts. Python
calls it with an empty workspace to get the number (``launch.floats_of``), so that the two agree.
"""

from __future__ import annotations

from mimolearn.kernels.machine.compile import sizing
from mimolearn.kernels.machine.launch import SLACK


@sizing
def cut(space, start, size):
    """``size`` floats of a workspace from ``start`` on, and where they end."""
    return space[start : start + size], start + size


@sizing
def padded(columns):
    """Columns of a complex matrix, rounded up to an even number."""
    return columns + columns % 2


@sizing
def row_length(columns):
    """Floats from one row of a complex matrix to the next: an odd number of cache lines where
    rows are long.
    """
    n = padded(columns)
    return n * 32 + (16 if n >= 8 else 0)


@sizing
def padded_real(n):
    """Rows and columns of a real matrix, rounded up to a multiple of four."""
    return (n + 3) // 4 * 4


@sizing
def real_row(n):
    """Floats from one row of a real matrix to the next, as ``row_length``."""
    return padded_real(n) * 16 + (16 if n > 8 else 0)


@sizing
def channel_floats(rx, tx):
    """Floats of an interleaved channel."""
    return rx * row_length(tx) + SLACK


@sizing
def square_floats(tx):
    """Floats of a square complex matrix."""
    return padded(tx) * row_length(tx)
