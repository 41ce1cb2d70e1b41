"""How detectors call the tree searches in single precision; cheap to import.

A detector calls them with inputs that suit compiled code, see ``detectors.base``. Channels that
single precision cannot be trusted with come back marked, and so do those with too many vectors or
survivors. The detector takes its double-precision path for them alone; see ``triangle_float32``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.kernels.machine.axis_tables import axis_tables
from mimolearn.kernels.machine.launch import (
    Sizes,
    fill_lanes,
    flat,
    floats,
    floats_of,
    in_groups,
    in_threads,
    workspace,
)
from mimolearn.kernels.triangles.mmse_tree import ordered_by_variance, penalties, prior_precision

# A part of the second-level cache: rows of a Gram matrix are read in the order of the pivots.
_CACHE_FLOATS = 2**16
# Beyond, columns fill the lanes well enough to be better there than channels.
_FEW_COLUMNS = 12
# Of one channel: all of them are in memory at once, 16 channels at a time.
_MOST_VECTORS = 4096


class Leaves(NamedTuple):
    """The leaves of a K-best search, in no order; the nearest alone where no list is wanted.

    metrics: (*C, T, k) or (*C, T, 1), with the penalties of all levels in them. levels:
    (*C, T, k, Nt, A) int8, or (*C, T, 0, Nt, A). log_diagonal: (*C, T), the logarithm of the
    product of the triangle's diagonal.
    """

    metrics: Tensor
    levels: Tensor
    log_diagonal: Tensor


def k_best(
    y: Tensor,
    h: Tensor,
    noise_var: Tensor,
    constellation: Constellation,
    k: int,
    clip: float,
    listed: bool = False,
) -> tuple[Tensor, Tensor, Leaves, Tensor]:
    """LLRs (*C, T, Nt, K), decisions (*C, T, Nt) and leaves of a K-best search; valid ones, (*C).

    y: (*C, T, Nr), h: (*C, Nr, Nt), noise_var: (*C). listed: whether all leaves are wanted.
    """
    from mimolearn.kernels.search import k_best_float32 as kernels

    tx, axes, levels = h.shape[-1], 1 if constellation.is_real else 2, constellation.num_levels
    in_order = ordered_by_variance(constellation, tx)
    k = min(k, levels ** (axes * tx))
    llr = floats(*y.shape[:-1], tx, constellation.bits_per_symbol)
    decided = torch.empty(*y.shape[:-1], tx, dtype=torch.int64, device="cpu")
    leaves = Leaves(
        floats(*y.shape[:-1], k if listed else 1),
        torch.empty(*y.shape[:-1], k if listed else 0, tx, axes, dtype=torch.int8, device="cpu"),
        floats(*y.shape[:-1]),
    )
    if k > kernels.MOST_SURVIVORS:
        none_valid = torch.zeros(h.shape[:-2], dtype=torch.bool, device="cpu")
        return llr, decided, leaves, none_valid
    settings, bits = _settings(constellation, clip, mmse=True)
    to_index = axis_tables(constellation).to_index
    space = kernels.lists_of(tx, axes, k, levels).end
    kernel, out = kernels.kernel(), (bits, to_index, flat(llr), flat(decided), *map(flat, leaves))

    def search(problems: ndarray, ok: ndarray, first: int, last: int, vectors: int) -> None:
        numbers = (vectors, tx, axes, k, int(listed), int(in_order))
        kernel(problems, settings, *out, ok, first, last, numbers, workspace(space))

    cost = k * float(axes * tx) ** 2
    ok = _on_triangles(y, h, noise_var, axes, settings, search, cost, in_order)
    return llr, decided, leaves, ok


def fill_missing(
    llr: Tensor, nearest: Tensor, log_evidence: Tensor, linear: Tensor, clip: float
) -> Tensor:
    """LLRs (*C, T, Nt, K), clipped; see ``detectors.search.filled.fill``.

    llr, linear: (*C, T, Nt, K). nearest, log_evidence: (*C, T). clip: may be infinite.
    """
    from mimolearn.kernels.search import fill_missing as kernels

    out, vectors = llr.clone(memory_format=torch.contiguous_format), nearest.numel()
    if out.numel():
        rows = flat(out).reshape(vectors, -1), flat(linear).reshape(vectors, -1)
        kernels.kernel()(rows[0], flat(nearest), flat(log_evidence), rows[1], clip)
    return out


def sphere(
    y: Tensor, h: Tensor, noise_var: Tensor, constellation: Constellation, max_nodes: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """ML indices (*C, T, Nt), incomplete and multiplications (*C, T); valid ones, (*C).

    Inputs as of ``k_best``. The multiplications are those of the search alone.
    """
    from mimolearn.kernels.search import sphere as kernels
    from mimolearn.kernels.search import sphere_lanes
    from mimolearn.kernels.triangles.triangle_float32 import search_memory

    tx, axes = h.shape[-1], 1 if constellation.is_real else 2
    indices = torch.empty(*y.shape[:-1], tx, dtype=torch.int64, device="cpu")
    incomplete = torch.empty(y.shape[:-1], dtype=torch.bool, device="cpu")
    spent = torch.empty(y.shape[:-1], dtype=torch.int64, device="cpu")
    settings, _ = _settings(constellation)
    to_index = axis_tables(constellation).to_index
    if axes == 1 and constellation.num_levels == 2:
        space, kernel = floats_of(sphere_lanes.layout, tx), sphere_lanes.kernel()
    else:
        space, kernel = search_memory(tx, axes)[-1], kernels.float32_kernel()
    out = to_index, flat(indices), flat(incomplete), flat(spent)

    def search(problems: ndarray, ok: ndarray, first: int, last: int, vectors: int) -> None:
        numbers = (vectors, tx, axes, max_nodes)
        kernel(problems, settings, *out, ok, first, last, numbers, workspace(space))

    ok = _on_triangles(y, h, noise_var, axes, settings, search, float(axes * tx) ** 2)
    return indices, incomplete, spent, ok


def soft_sphere(
    y: Tensor, h: Tensor, noise_var: Tensor, constellation: Constellation, clip: float, nodes: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """LLRs (*C, T, Nt, K), decisions (*C, T, Nt), incomplete, multiplications (*C, T); ok (*C).

    nodes: the most that a search may visit. Other inputs as of ``sphere``.
    """
    from mimolearn.kernels.search import soft_sphere as kernels
    from mimolearn.kernels.triangles.triangle_float32 import search_memory

    tx, axes = h.shape[-1], 1 if constellation.is_real else 2
    llr = floats(*y.shape[:-1], tx, constellation.bits_per_symbol)
    incomplete = torch.empty(y.shape[:-1], dtype=torch.bool, device="cpu")
    spent = torch.empty(y.shape[:-1], dtype=torch.int64, device="cpu")
    settings, bits = _settings(constellation, clip)
    kernel, space = kernels.float32_kernel(), search_memory(tx, axes)[-1]
    decided = torch.empty(*y.shape[:-1], tx, dtype=torch.int64, device="cpu")
    to_index = axis_tables(constellation).to_index
    out = bits, to_index, flat(llr), flat(decided), flat(incomplete), flat(spent)

    def search(problems: ndarray, ok: ndarray, first: int, last: int, vectors: int) -> None:
        numbers = (vectors, tx, axes, nodes)
        kernel(problems, settings, *out, ok, first, last, numbers, workspace(space))

    ok = _on_triangles(y, h, noise_var, axes, settings, search, float(axes * tx) ** 3)
    return llr, decided, incomplete, spent, ok


def ml(
    y: Tensor, h: Tensor, noise_var: Tensor, constellation: Constellation, method: str
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits of all levels (*C, T, Nt, A, L), LLRs (*C, T, Nt, K), joint decisions (*C, T, Nt).

    The last one says which channels are valid, (*C). method: "exact" or "max-log". Other inputs as
    of ``k_best``.
    """
    from mimolearn.kernels.search import ml_enumeration
    from mimolearn.kernels.search import ml_float32 as kernels

    tx, axes = h.shape[-1], 1 if constellation.is_real else 2
    num_levels, num_points = constellation.num_levels, constellation.num_points
    logits = floats(*y.shape[:-1], tx, axes, num_levels)
    llr = floats(*y.shape[:-1], tx, constellation.bits_per_symbol)
    decided = torch.empty(*y.shape[:-1], tx, dtype=torch.int64, device="cpu")
    settings, bits = _settings(constellation)
    to_index = axis_tables(constellation).to_index
    in_lanes = ml_enumeration.lane_streams(tx, num_points)
    space = ml_enumeration.enumeration(tx, num_levels, axes, in_lanes).end
    kernel = kernels.kernel(num_levels, axes, method == "exact")
    out = (bits, to_index, flat(logits), flat(llr), flat(decided))

    def search(problems: ndarray, ok: ndarray, first: int, last: int, vectors: int) -> None:
        numbers = (vectors, tx, in_lanes)
        kernel(problems, settings, *out, ok, first, last, numbers, workspace(space))

    cost = float(num_points) ** (tx - 1)
    ok = _on_triangles(y, h, noise_var, axes, settings, search, cost)
    return logits, llr, decided, ok


def _on_triangles(
    y: Tensor,
    h: Tensor,
    noise_var: Tensor,
    axes: int,
    settings: np.ndarray,
    search: Callable[[ndarray, ndarray, int, int, int], None],
    cost: float,
    in_order: bool = False,
) -> Tensor:
    """Run ``search(problems, ok, first channel, last, vectors)`` on all; returns ok (*C).

    The front end fills ``problems`` for as many channels as stay in the cache. cost: real
    multiplications of a vector's search, about. in_order: whether the search takes triangles that
    are factored and in order.
    """
    from mimolearn.kernels.triangles import ordered_triangles
    from mimolearn.kernels.triangles import triangle_front_end as kernels

    blocks, (rx, tx) = h.shape[:-2], h.shape[-2:]
    if y.shape[-2] > _MOST_VECTORS:
        return torch.zeros(blocks, dtype=torch.bool, device="cpu")
    if in_order:
        front_end, size = ordered_triangles.kernel(), floats_of(ordered_triangles.layout, rx, tx)
    elif axes == 1 and tx > _FEW_COLUMNS:
        front_end, size = kernels.rows_front_end(), kernels.rows_starts(rx, tx)[-1]
    else:
        front_end, size = kernels.front_end(), floats_of(kernels.layout, rx, tx)
    h, y, noise_var = fill_lanes(h, y, noise_var)
    numbers = (*Sizes.of(h, y), axes)
    num, vectors = numbers[:2]
    ok = torch.empty(h.shape[:-2], dtype=torch.bool, device="cpu")
    arrays, flat_ok = (flat(h), flat(y), in_groups(noise_var, num), settings), flat(ok)
    width = (tx + 15) // 16 * 16
    stride = axes * width * (tx + vectors) + width
    if in_order:
        stride = ordered_triangles.ordered(tx, vectors).stride
    most = max(1, _CACHE_FLOATS // (16 * stride))

    def work(first: int, last: int) -> None:
        problems = workspace(min(most, last - first) * 16 * stride)
        space = workspace(size)
        for group in range(first, last, most):
            end = min(group + most, last)
            front_end(*arrays, problems, group, end, numbers, space)
            search(problems, flat_ok, 16 * group, min(16 * end, num), vectors)

    in_threads(work, num, 2.0 * tx * tx * (rx + tx) + vectors * cost)
    # Vectors may have become channels of their own.
    return ok if ok.shape == blocks else ok.all(-1)


@functools.cache
def _settings(
    constellation: Constellation, last: float = 0.0, mmse: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers that the kernels take, ``last`` after those for all, and the bits of the levels.

    mmse: whether the triangle is that of the MMSE receiver for every constellation; the penalties
    of the levels then follow.
    """
    from mimolearn.kernels.triangles.triangle_float32 import MOST_ENERGY

    axis = constellation.axis(torch.float64)
    spacing, lowest = constellation.min_distance(), float(axis.levels[0])
    # As in the double-precision triangle: where ||x|| is constant, that of the MMSE receiver.
    mmse = mmse or constellation.num_levels == 2
    loading = prior_precision(constellation) if mmse else 0.0
    numbers = [spacing, loading, lowest / spacing, MOST_ENERGY * spacing**2, MOST_ENERGY, last]
    numbers += penalties(constellation).tolist()
    return np.array(numbers, np.float32), axis.bits.to(torch.int8).contiguous().numpy()
