"""The door to the kernels of iterative detectors; cheap to import, as ``dispatch``."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mimolearn.kernels.door import (
    channel_cost,
    checked,
    fits,
    flat,
    in_threads,
    padded,
    usable,
    vector_cost,
    workspace,
)


def conjugate_gradient(
    y: Tensor, h: Tensor, noise_var: Tensor, num_iter: int, *, real: bool
) -> tuple[Tensor, Tensor] | None:
    """Unbiased estimates (*C, T, Nt) and error variances (*C, 1, Nt) of ``cg``, or of ``wl-cg``.

    y: (*C, T, Nr), h: (*C, Nr, Nt), noise_var: (*C), total per antenna in both cases. real: the
    widely linear form; its error variance is twice that of the real axis. None where only the torch
    path will do. Raises InvalidInputError on a non-finite h or y.
    """
    if not (usable(y, h, noise_var) and fits(h) and y.numel() > 0):
        return None
    from mimolearn.kernels import cg as kernels

    num = math.prod(h.shape[:-2])
    (vectors, rx), tx = y.shape[-2:], h.shape[-1]
    x_hat = torch.empty((*y.shape[:-1], tx), dtype=torch.complex64)
    error_var = torch.empty((*h.shape[:-2], 1, tx), dtype=torch.float32)
    per_row = noise_var / 2 if real else noise_var
    arrays = (flat(h), flat(y), padded(per_row, num), flat(x_hat), flat(error_var))
    kernel, size = kernels.kernel(), kernels.workspace(rx, tx)

    def work(first: int, last: int) -> bool:
        sizes = (num, vectors, rx, tx, num_iter, int(real))
        return kernel(*arrays, first, last, *sizes, workspace(size))

    cost = channel_cost(rx, tx) + vectors * num_iter * vector_cost(rx, tx)
    finite = all(in_threads(work, num, cost))
    return checked(finite, y, h, x_hat, error_var.mul_(2) if real else error_var)
