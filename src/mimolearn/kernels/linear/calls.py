"""How detectors call the kernels of linear detection and demapping; cheap to import.

A detector chooses the path, see ``detectors.base``. Its inputs then suit the kernel: functions here
do not look at them again.

===============  =======================================================  ====================
path             when                                                     code
===============  =======================================================  ====================
torch            gradients wanted, not on a CPU, not single precision,    the detector's own
                 being traced or exported, or very large matrices
one by one       linear, fewer than 8 channels                            ``linear.single``
interleaved      linear and iterative methods else                        ``linear``, ``iterative``
triangles        tree searches and enumeration, at any number; channels   ``search``
                 that float32 cannot be trusted with go to float64
===============  =======================================================  ====================

``launch.PATHS`` says so to users. numba is imported when a kernel is first needed.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.kernels.machine.axis_tables import axis_tables
from mimolearn.kernels.machine.launch import (
    FEW_CHANNELS,
    LANES,
    Sizes,
    channel_cost,
    checked,
    complexes,
    fits,
    flat,
    floats,
    floats_of,
    in_groups,
    plain,
    run_groups,
    usable,
    vector_cost,
)

LINEAR_METHODS = ("lmmse", "biased-lmmse", "zf", "real-lmmse")
"""real-lmmse: the LMMSE estimate, its error variance that of real symbols' real part."""


class InterleavedLinear(NamedTuple):
    """What linear detection keeps of a channel: groups of 16 interleaved, see ``linear``.

    matrix, inverse, gain: (groups, floats a group). error_var: (*C, 1, Nt).
    """

    matrix: Tensor
    inverse: Tensor
    gain: Tensor
    error_var: Tensor

    def ordinary(self, num_rx: int) -> tuple[Tensor, Tensor]:
        """h (*C, Nr, Nt) and gain * A^-1 (*C, Nt, Nt), for whoever needs them in torch."""
        tx = self.error_var.shape[-1]
        n = tx + tx % 2
        blocks = self.error_var.shape[:-2]
        num, row = math.prod(blocks), self.inverse.shape[-1] // n

        def matrices(flat: Tensor, rows: int) -> Tensor:
            entries = flat[:, : rows * row].reshape(-1, rows, row)[..., : n * 2 * LANES]
            parts = entries.reshape(-1, rows, n, 2, LANES).permute(0, 4, 1, 2, 3)
            return torch.view_as_complex(parts.contiguous()).flatten(0, 1)[:num]

        u = matrices(self.inverse, n).tril()
        gain = self.gain.reshape(-1, n, LANES).mT.flatten(0, 1)[:num]
        inverse = (gain.unsqueeze(-1) * (u.mH @ u))[..., :tx, :tx]
        h = matrices(self.matrix, num_rx)[..., :tx]
        return h.reshape(*blocks, num_rx, tx), inverse.reshape(*blocks, tx, tx)


def linear(y: Tensor, h: Tensor, noise_var: Tensor, method: str) -> tuple[Tensor, Tensor]:
    """Linear detection of fresh channels: x_hat (*C, T, Nt) and error_var (*C, 1, Nt).

    y: (*C, T, Nr), h: (*C, Nr, Nt), noise_var: (*C). method: one of LINEAR_METHODS.
    Raises InvalidInputError on a non-finite h or y; a singular channel gives NaN.
    """
    *blocks, rx, tx = h.shape
    num, vectors = math.prod(blocks), y.shape[-2]
    x_hat, error_var = complexes(*blocks, vectors, tx), floats(*blocks, 1, tx)
    code = LINEAR_METHODS.index(method)
    if num < FEW_CHANNELS and method != "real-lmmse":
        # Named, because an address does not keep a copy alive.
        tensors = (plain(h), plain(y), plain(noise_var), x_hat, error_var)
        addresses = [tensor.data_ptr() for tensor in tensors]
        finite = _single_kernel()(*addresses, num, vectors, rx, tx, code)
        return checked(finite, y, h, x_hat, error_var)
    from mimolearn.kernels.linear import linear as kernels

    arrays = (h, y, in_groups(noise_var, num), x_hat, error_var)
    space, cost = floats_of(kernels.one_shot_layout, rx, tx), channel_cost(rx, tx)
    cost += vectors * vector_cost(rx, tx)
    numbers = (num, vectors, rx, tx, code)
    finite = run_groups(kernels.one_shot_kernel(), arrays, numbers, space, cost)
    return checked(finite, y, h, x_hat, error_var)


def matched(
    y: Tensor, h: Tensor, noise_var: Tensor, *, real_symbols: bool
) -> tuple[Tensor, Tensor]:
    """Maximum ratio combining: x_hat (*C, T, Nt) and error_var (*C, 1, Nt).

    Shapes and errors as in ``linear``; a stream without a channel gives NaN.
    """
    from mimolearn.kernels.linear import mrc as kernels

    sizes = Sizes.of(h, y)
    num, vectors, rx, tx = sizes
    x_hat, error_var = complexes(*y.shape[:-1], tx), floats(*h.shape[:-2], 1, tx)
    arrays = (h, y, in_groups(noise_var, num), x_hat, error_var)
    numbers, space = (*sizes, 1 if real_symbols else 2), floats_of(kernels.layout, rx, tx)
    cost = 2.0 * tx * tx * rx + vectors * 4.0 * tx * rx
    finite = run_groups(kernels.kernel(), arrays, numbers, space, cost)
    return checked(finite, y, h, x_hat, error_var)


def widely_linear(y: Tensor, h: Tensor, noise_var: Tensor) -> tuple[Tensor, Tensor]:
    """LMMSE for real symbols: x_hat (*C, T, Nt) real, and error_var (*C, 1, Nt), of both axes.

    Shapes and errors as in ``linear``.
    """
    from mimolearn.kernels.linear import widely_linear as kernels

    sizes = Sizes.of(h, y)
    num, vectors, rx, tx = sizes
    x_hat, error_var = floats(*y.shape[:-1], tx), floats(*h.shape[:-2], 1, tx)
    arrays = (h, y, in_groups(noise_var, num), x_hat, error_var)
    space, cost = floats_of(kernels.layout, rx, tx), channel_cost(rx, tx)
    cost += vectors * vector_cost(rx, tx)
    finite = run_groups(kernels.one_shot_kernel(), arrays, tuple(sizes), space, cost)
    return checked(finite, y, h, x_hat, error_var)


def successive(
    y: Tensor, h: Tensor, noise_var: Tensor, constellation: Constellation
) -> tuple[Tensor, Tensor]:
    """Unordered MMSE cancellation: x_hat (*C, T, Nt) and error_var (*C, 1, Nt), of both axes.

    Shapes and errors as in ``linear``.
    """
    from mimolearn.kernels.linear import mmse_sic as kernels

    axes = 1 if constellation.is_real else 2
    x_hat, error_var = complexes(*y.shape[:-1], h.shape[-1]), floats(*h.shape[:-2], 1, h.shape[-1])
    sizes = Sizes.of(h, y)
    num, vectors, rx, tx = sizes
    per_row = noise_var if axes == 2 else noise_var / 2
    levels = axis_tables(constellation).levels
    arrays = (h, y, in_groups(per_row, num), x_hat, error_var, levels)
    space, cost = floats_of(kernels.layout, rx, tx), channel_cost(rx, tx)
    cost += vectors * vector_cost(rx, tx)
    finite = run_groups(kernels.kernel(), arrays, (*sizes, axes), space, cost)
    return checked(finite, y, h, x_hat, error_var)


def linear_prepare(h: Tensor, noise_var: Tensor, method: str) -> InterleavedLinear:
    """The part of ``linear`` that needs no y."""
    from mimolearn.kernels.linear import linear as kernels

    sizes = Sizes.of(h)
    num, _vectors, rx, tx = sizes
    groups = -(-num // LANES)
    matrix = floats(groups, kernels.channel_floats(rx, tx))
    inverse = floats(groups, kernels.square_floats(tx))
    gain = floats(groups, kernels.padded(tx) * LANES)
    error_var = floats(*h.shape[:-2], 1, tx)
    arrays = (h, in_groups(noise_var, num), matrix, inverse, gain, error_var)
    numbers = (*sizes, LINEAR_METHODS.index(method))
    space = floats_of(kernels.prepare_layout, tx)
    run_groups(kernels.prepare_kernel(), arrays, numbers, space, channel_cost(rx, tx))
    return InterleavedLinear(matrix, inverse, gain, error_var)


def linear_prepare_few(h: Tensor, noise_var: Tensor, method: str) -> tuple[Tensor, Tensor, Tensor]:
    """What torch needs of fresh channels, one by one: A^-1 (*C, Nt, Nt), gain and error_var.

    gain: (*C, 1, Nt), the factor of an estimate A^-1 H^H y. error_var: (*C, 1, Nt).
    """
    from mimolearn.kernels.linear import single as kernels

    *blocks, rx, tx = h.shape
    inverse, gain = complexes(*blocks, tx, tx), floats(*blocks, 1, tx)
    error_var = floats(*blocks, 1, tx)
    # Named, because an address does not keep a copy alive.
    tensors = (plain(h), plain(noise_var), inverse, gain, error_var)
    addresses = [tensor.data_ptr() for tensor in tensors]
    code = LINEAR_METHODS.index(method)
    kernels.prepare_kernel()(*addresses, math.prod(blocks), rx, tx, code)
    return inverse, gain, error_var


def linear_detect(prepared: InterleavedLinear, y: Tensor) -> Tensor:
    """x_hat (*C, T, Nt) from y (*C, T, Nr)."""
    from mimolearn.kernels.linear import linear as kernels

    (vectors, rx), tx = y.shape[-2:], prepared.error_var.shape[-1]
    x_hat = complexes(*y.shape[:-1], tx)
    numbers = (math.prod(y.shape[:-2]), vectors, rx, tx)
    arrays = (prepared.matrix, prepared.inverse, prepared.gain, y, x_hat)
    space, cost = floats_of(kernels.detect_layout, rx, tx), vectors * vector_cost(rx, tx)
    run_groups(kernels.detect_kernel(), arrays, numbers, space, cost)
    return x_hat


def real_gram(h: Tensor) -> Tensor | None:
    """Re(H^H H), (*C, n, n), of complex64 h (*C, Nr, n); None where only the torch path will do."""
    if not (usable(h) and fits(h) and h.is_complex()):
        return None
    from mimolearn.kernels.dense import row_gram

    sizes = Sizes.of(h)
    _num, _vectors, rx, n = sizes
    out = floats(*h.shape[:-2], n, n)
    space = row_gram.rows_starts(rx, n)[-1]
    run_groups(row_gram.kernel(), (h, out), tuple(sizes), space, float(rx) * n * n)
    return out


def llr(constellation: Constellation, x_hat: Tensor, error_var: Tensor, method: str) -> Tensor:
    """``Constellation.llr`` by the fastest path.

    x_hat: (*C, T, Nt). error_var: (*C, T or 1, Nt), or anything that broadcasts to x_hat.
    """
    shape, given = x_hat.shape, error_var.shape
    each = given == shape
    shared = not each and given == (*shape[:-2], 1, shape[-1])
    fitting = x_hat.is_complex() or constellation.is_real or not constellation.is_separable
    if not ((each or shared) and fitting and usable(x_hat, error_var)):
        return constellation.llr(*constellation.within_range(x_hat, error_var), method)
    if not constellation.is_separable:
        return _demap_points(constellation, x_hat, error_var, shared=shared, method=method)
    values = x_hat.real if constellation.is_real else x_hat
    return _demap(constellation, values, error_var, None, shared=shared, own=False, method=method)


def _demap_points(
    constellation: Constellation, x: Tensor, error_var: Tensor, *, shared: bool, method: str
) -> Tensor:
    """As ``llr`` for points without separable axes; shared: error_var has one row a block."""
    from mimolearn.kernels.linear import demap_points

    out = floats(*x.shape, constellation.bits_per_symbol)
    if out.numel() == 0:
        return out
    vectors, n = x.shape[-2:]
    tables, sizes = _point_tables(constellation), (vectors if shared else 1, n)
    arrays = (flat(x), plain(error_var).numpy().reshape(-1), out.numpy().reshape(-1))
    demap_points.llr_kernel()(*arrays, *tables, *sizes, method == "exact")
    return out


@functools.cache
def _point_tables(constellation: Constellation) -> tuple[np.ndarray, np.ndarray]:
    """Points as pairs; for each bit those that have a 0, then those that have a 1."""
    order = np.argsort(constellation.labels.numpy().T, axis=-1, kind="stable")
    points = flat(constellation.points_as(torch.complex64))
    return points.copy(), order.reshape(-1).astype(np.int64)


def axes_llr(
    constellation: Constellation, values: Tensor, error_var: Tensor, method: str
) -> Tensor:
    """``Constellation.axes_llr`` by the fastest path: axes with variances of their own.

    values: (*C, T, Nt, A). error_var: (*C, T, Nt, A), of one real axis.
    """
    if error_var.shape != values.shape or not usable(values, error_var):
        return constellation.axes_llr(*constellation.within_range(values, error_var), method)
    x = values.squeeze(-1) if constellation.is_real else torch.view_as_complex(plain(values))
    return _demap(constellation, x, error_var, None, shared=False, own=True, method=method)


def informed_llr(
    constellation: Constellation, values: Tensor, error_var: Tensor, prior_llr: Tensor, method: str
) -> Tensor | None:
    """LLRs with priors in them; None where only the torch path will do.

    values: (*C, T, Nt, A). error_var: (*C, T, Nt, A), of one real axis. prior_llr: (*C, T, Nt, K).
    """
    if error_var.shape != values.shape or not usable(values, error_var, prior_llr):
        return None
    x = values.squeeze(-1) if constellation.is_real else torch.view_as_complex(plain(values))
    return _demap(constellation, x, error_var, prior_llr, shared=False, own=True, method=method)


def _demap(
    constellation: Constellation,
    x: Tensor,
    error_var: Tensor,
    prior_llr: Tensor | None,
    *,
    shared: bool,
    own: bool,
    method: str,
) -> Tensor:
    """x: (*C, T, Nt), complex unless the constellation is real. shared: error_var has one row a
    block; own: it has a variance for each axis. prior_llr: (*C, T, Nt, K), or None.
    """
    shape = x.shape
    out = floats(*shape, constellation.bits_per_symbol)
    if out.numel() == 0:
        return out
    levels, _to_index, labels, order = axis_tables(constellation)
    vectors, n = shape[-2:]
    sizes = (x.numel() // n, vectors if shared else 1, n, 1 if constellation.is_real else 2)
    # Named, because an address does not keep a copy alive.
    informed = prior_llr is not None
    # Without priors the kernel reads nothing there.
    tensors = (plain(x), plain(error_var), plain(prior_llr) if informed else out, out)
    addresses = [tensor.data_ptr() for tensor in tensors]
    tables, flags = (levels, order, labels), (own, informed, method == "exact")
    _demap_kernel()(*addresses, *tables, *sizes, *flags)
    return out


# One vector a call takes less than 30 us, of which an import statement is 1 us.
@functools.cache
def _single_kernel() -> Callable[..., bool]:
    from mimolearn.kernels.linear import single as linear_single

    return linear_single.one_shot_kernel()


@functools.cache
def _demap_kernel() -> Callable[..., None]:
    from mimolearn.kernels.linear import demap

    return demap.llr_kernel()
