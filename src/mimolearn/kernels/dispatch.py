"""The one door to the compiled kernels: which path serves a call, and the call itself.

===============  =======================================================  ====================
path             when                                                     code
===============  =======================================================  ====================
torch            gradients wanted, not on a CPU, not single precision,    the detector's own
                 being traced or exported, or very large matrices
one by one       fewer than 8 channels                                    ``linear_single``
interleaved      else                                                     ``linear``
===============  =======================================================  ====================

This module is cheap to import: numba is imported when a kernel is first needed.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.errors import check_finite

LINEAR_METHODS = ("lmmse", "biased-lmmse", "zf", "real-lmmse")
"""real-lmmse: the LMMSE estimate, its error variance that of real symbols' real part."""

_DTYPES = (torch.complex64, torch.float32)
_FEW_CHANNELS = 8
_LANES = 16
# Beyond this a group of channels leaves the cache, and one large product is as good.
_MOST_ENTRIES = 256 * 64
# Real multiplications below which starting threads costs more than it saves.
_WORTH_THREADS = 5e7


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
            entries = flat[:, : rows * row].reshape(-1, rows, row)[..., : n * 2 * _LANES]
            parts = entries.reshape(-1, rows, n, 2, _LANES).permute(0, 4, 1, 2, 3)
            return torch.view_as_complex(parts.contiguous()).flatten(0, 1)[:num]

        u = matrices(self.inverse, n).tril()
        gain = self.gain.reshape(-1, n, _LANES).mT.flatten(0, 1)[:num]
        inverse = (gain.unsqueeze(-1) * (u.mH @ u))[..., :tx, :tx]
        h = matrices(self.matrix, num_rx)[..., :tx]
        return h.reshape(*blocks, num_rx, tx), inverse.reshape(*blocks, tx, tx)


def usable(*tensors: Tensor) -> bool:
    """Whether compiled kernels can serve these tensors at all."""
    if torch.compiler.is_compiling():
        return False
    grad = torch.is_grad_enabled()
    for tensor in tensors:
        if not tensor.is_cpu or tensor.dtype not in _DTYPES or (grad and tensor.requires_grad):
            return False
    return True


def _fits(h: Tensor) -> bool:
    return h.shape[-2] * h.shape[-1] <= _MOST_ENTRIES and h.shape[-1] <= 64 and h.numel() > 0


def linear(y: Tensor, h: Tensor, noise_var: Tensor, method: str) -> tuple[Tensor, Tensor] | None:
    """Linear detection of fresh channels: x_hat (*C, T, Nt) and error_var (*C, 1, Nt).

    y: (*C, T, Nr), h: (*C, Nr, Nt), noise_var: (*C). method: one of LINEAR_METHODS.
    None where only the torch path will do. Raises InvalidInputError on a non-finite h or y; a
    singular channel gives NaN.
    """
    if not (usable(y, h, noise_var) and _fits(h) and y.numel() > 0):
        return None
    num = math.prod(h.shape[:-2])
    (vectors, rx), tx = y.shape[-2:], h.shape[-1]
    x_hat = torch.empty((*y.shape[:-1], tx), dtype=torch.complex64)
    error_var = torch.empty((*h.shape[:-2], 1, tx), dtype=torch.float32)
    code = LINEAR_METHODS.index(method)
    if num < _FEW_CHANNELS and method != "real-lmmse":
        from mimolearn.kernels import linear_single

        arrays = (_flat(h), _flat(y), _flat(noise_var), _flat(x_hat), _flat(error_var))
        space = _space(linear_single.workspace(rx, tx))
        finite = linear_single.one_shot_kernel()(*arrays, num, vectors, rx, tx, code, space)
        return _checked(finite, y, h, x_hat, error_var)
    from mimolearn.kernels import linear as kernels

    kernel, sizes = kernels.one_shot_kernel(), kernels.Sizes.of(rx, tx)
    arrays = (_flat(h), _flat(y), _padded(noise_var, num), _flat(x_hat), _flat(error_var))

    def work(first: int, last: int) -> bool:
        space = _space(sizes.one_shot_space)
        return kernel(*arrays, first, last, num, vectors, rx, tx, code, space)

    finite = _in_threads(work, num, _channel_cost(rx, tx) + vectors * _vector_cost(rx, tx))
    return _checked(all(finite), y, h, x_hat, error_var)


def _checked(
    finite: bool, y: Tensor, h: Tensor, x_hat: Tensor, error_var: Tensor
) -> tuple[Tensor, Tensor]:
    """The outputs, unless they are not finite because the inputs were not."""
    if not finite:
        check_finite("h", h)
        check_finite("y", y)
    return x_hat, error_var


def widely_linear(y: Tensor, h: Tensor, noise_var: Tensor) -> tuple[Tensor, Tensor] | None:
    """LMMSE for real symbols: x_hat (*C, T, Nt) real, and error_var (*C, 1, Nt), of both axes.

    Shapes and errors as in ``linear``. None where only the torch path will do.
    """
    if not (usable(y, h, noise_var) and _fits(h) and y.numel() > 0):
        return None
    from mimolearn.kernels import linear_real as kernels

    num = math.prod(h.shape[:-2])
    (vectors, rx), tx = y.shape[-2:], h.shape[-1]
    x_hat = torch.empty((*y.shape[:-1], tx), dtype=torch.float32)
    error_var = torch.empty((*h.shape[:-2], 1, tx), dtype=torch.float32)
    arrays = (_flat(h), _flat(y), _padded(noise_var, num), _flat(x_hat), _flat(error_var))
    kernel, size = kernels.one_shot_kernel(), kernels.workspace(rx, tx)

    def work(first: int, last: int) -> bool:
        return kernel(*arrays, first, last, num, vectors, rx, tx, _space(size))

    finite = _in_threads(work, num, _channel_cost(rx, tx) + vectors * _vector_cost(rx, tx))
    return _checked(all(finite), y, h, x_hat, error_var)


def linear_prepare(h: Tensor, noise_var: Tensor, method: str) -> InterleavedLinear | None:
    """The part of ``linear`` that needs no y; None where only the torch path will do."""
    num = math.prod(h.shape[:-2])
    if num < _FEW_CHANNELS or not (usable(h, noise_var) and _fits(h)):
        return None
    from mimolearn.kernels import linear as kernels

    rx, tx = h.shape[-2:]
    kernel, sizes = kernels.prepare_kernel(), kernels.Sizes.of(rx, tx)
    groups = -(-num // _LANES)
    matrix, inverse, gain = (
        torch.empty(groups, size) for size in (sizes.matrix, sizes.inverse, sizes.gain)
    )
    error_var = torch.empty((*h.shape[:-2], 1, tx), dtype=torch.float32)
    inputs = (_flat(h), _padded(noise_var, num))
    outputs = (_flat(matrix), _flat(inverse), _flat(gain), _flat(error_var))
    code = LINEAR_METHODS.index(method)

    def work(first: int, last: int) -> None:
        space = _space(sizes.prepare_space)
        kernel(*inputs, *outputs, first, last, num, rx, tx, code, space)

    _in_threads(work, num, _channel_cost(rx, tx))
    return InterleavedLinear(matrix, inverse, gain, error_var)


def linear_detect(prepared: InterleavedLinear, y: Tensor) -> Tensor:
    """x_hat (*C, T, Nt) from y (*C, T, Nr), in torch if gradients have to reach y."""
    (vectors, rx), tx = y.shape[-2:], prepared.error_var.shape[-1]
    if not usable(y):
        h, inverse = prepared.ordinary(rx)
        return y @ h.conj() @ inverse.mT
    from mimolearn.kernels import linear as kernels

    num = math.prod(y.shape[:-2])
    x_hat = torch.empty((*y.shape[:-1], tx), dtype=torch.complex64)
    if y.numel() == 0:
        return x_hat
    kernel, sizes = kernels.detect_kernel(), kernels.Sizes.of(rx, tx)
    matrices = (_flat(prepared.matrix), _flat(prepared.inverse), _flat(prepared.gain))
    arrays = (*matrices, _flat(y), _flat(x_hat))

    def work(first: int, last: int) -> None:
        kernel(*arrays, first, last, num, vectors, rx, tx, _space(sizes.detect_space))

    _in_threads(work, num, vectors * _vector_cost(rx, tx))
    return x_hat


def expectation_propagation(
    y: Tensor,
    h: Tensor,
    noise_var: Tensor,
    constellation: Constellation,
    num_iter: int,
    damping: float,
    least_var: float,
) -> tuple[Tensor, Tensor] | None:
    """EP in real form: mean and variance of the last cavities, (*C, T, Nt, axes) each.

    y: (*C, T, Nr), h: (*C, Nr, Nt), noise_var: (*C). least_var: floor of a posterior variance,
    as a share of its cavity's. None where only the torch path will do.
    """
    if not (usable(y, h, noise_var) and _fits(h) and y.numel() > 0):
        return None
    from mimolearn.kernels import ep as kernels

    kernel = kernels.kernel()
    axes = 1 if constellation.is_real else 2
    mean, var = (torch.empty((*y.shape[:-1], h.shape[-1], axes)) for _ in range(2))
    h, y, noise_var = _fill_lanes(h, y, noise_var)
    num = math.prod(h.shape[:-2])
    (vectors, rx), tx = y.shape[-2:], h.shape[-1]
    settings = np.array([1 if axes == 1 else 2, damping, least_var], np.float32)
    levels = _axis_tables(constellation)[0]
    arrays = (_flat(h), _flat(y), _padded(noise_var, num), _flat(mean), _flat(var))

    def work(first: int, last: int) -> bool:
        sizes, space = (num, vectors, rx, tx, axes, num_iter), kernels.workspace(rx, tx)
        return kernel(*arrays, levels, settings, first, last, *sizes, _space(space))

    finite = _in_threads(work, num, vectors * num_iter * float(tx * axes) ** 3)
    return _checked(all(finite), y, h, mean, var)


def _fill_lanes(h: Tensor, y: Tensor, noise_var: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Make every vector a channel of its own where there are too few channels for all lanes."""
    vectors = y.shape[-2]
    if vectors == 1 or math.prod(h.shape[:-2]) >= _LANES:
        return h, y, noise_var
    h = h.unsqueeze(-3).expand(*h.shape[:-2], vectors, *h.shape[-2:])
    return h, y.unsqueeze(-2), noise_var.unsqueeze(-1).expand(*noise_var.shape, vectors)


def llr(constellation: Constellation, x_hat: Tensor, error_var: Tensor, method: str) -> Tensor:
    """``Constellation.llr`` by the fastest path.

    x_hat: (*C, T, Nt). error_var: (*C, T or 1, Nt), or anything that broadcasts to x_hat.
    """
    shared = error_var.shape == (*x_hat.shape[:-2], 1, x_hat.shape[-1])
    if not ((shared or error_var.shape == x_hat.shape) and usable(x_hat, error_var)):
        return constellation.llr(x_hat, error_var, method)
    values = (
        x_hat.real.unsqueeze(-1)
        if constellation.is_real
        else torch.view_as_real(x_hat.resolve_conj())
    )
    return _demap(constellation, values, error_var, shared=shared, own=False, method=method)


def axes_llr(
    constellation: Constellation, values: Tensor, error_var: Tensor, method: str
) -> Tensor:
    """``Constellation.axes_llr`` by the fastest path: axes with variances of their own.

    values: (*C, T, Nt, A). error_var: (*C, T, Nt, A), of one real axis.
    """
    if error_var.shape != values.shape or not usable(values, error_var):
        return constellation.axes_llr(values, error_var, method)
    return _demap(constellation, values, error_var, shared=False, own=True, method=method)


def _demap(
    constellation: Constellation,
    values: Tensor,
    error_var: Tensor,
    *,
    shared: bool,
    own: bool,
    method: str,
) -> Tensor:
    """shared: error_var has one row a block; own: it has a variance for each axis."""
    vectors, n, axes = values.shape[-3:]
    out = torch.empty((*values.shape[:-1], constellation.bits_per_symbol), dtype=torch.float32)
    if out.numel() == 0:
        return out
    from mimolearn.kernels import demap

    levels, order = _axis_tables(constellation)
    arrays = (_flat(values), _flat(error_var), _flat(out))
    sizes = (values.numel() // (n * axes), vectors if shared else 1, n, axes)
    space = _space(demap.workspace(constellation.bits_per_axis, n * axes))
    demap.llr_kernel()(*arrays, levels, order, *sizes, own, method == "exact", space)
    return out


@functools.cache
def _axis_tables(constellation: Constellation) -> tuple[np.ndarray, np.ndarray]:
    """Levels of an axis, and for each bit those that have a 0, then those that have a 1."""
    axis = constellation.axis(torch.float32)
    order = np.argsort(axis.bits.numpy().T, axis=-1, kind="stable")
    return axis.levels.numpy(), order.reshape(-1).astype(np.int64)


def _flat(tensor: Tensor) -> np.ndarray:
    """The memory of a contiguous tensor (a copy of any other) as flat float32 numbers."""
    if tensor.is_conj() or tensor.is_neg() or not tensor.is_contiguous():
        tensor = tensor.resolve_conj().resolve_neg().contiguous()
    array = (tensor.detach() if tensor.requires_grad else tensor).numpy().reshape(-1)
    return array.view(np.float32) if tensor.is_complex() else array


def _padded(noise_var: Tensor, num: int) -> np.ndarray:
    """noise_var, one a channel, continued with ones to whole groups."""
    out = np.ones(-(-num // _LANES) * _LANES, np.float32)
    out[:num] = noise_var.detach().reshape(-1).numpy()
    return out


def _space(floats: int) -> np.ndarray:
    """Workspace, aligned by torch to cache lines."""
    return torch.empty(floats, dtype=torch.float32).numpy()


def _channel_cost(rx: int, tx: int) -> float:
    return 2.0 * tx * tx * (rx + tx)


def _vector_cost(rx: int, tx: int) -> float:
    return 4.0 * tx * (rx + tx)


def _in_threads(work: Callable[[int, int], Any], num: int, cost: float) -> list[Any]:
    """Work on all groups of channels, on as many threads as torch may use; what each returned."""
    groups = -(-num // _LANES)
    threads = min(torch.get_num_threads(), groups)
    if threads < 2 or num * cost < _WORTH_THREADS:
        return [work(0, groups)]
    cuts = [groups * i // threads for i in range(threads + 1)]
    # Threads of its own for every call: a kept pool would not survive a fork.
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, cuts[:-1], cuts[1:]))
