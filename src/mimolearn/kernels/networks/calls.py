"""How detectors call the kernels of unfolded networks; cheap to import."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.kernels.machine.launch import (
    LANES,
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

# Below, a group of 16 channels is mostly empty, and torch is faster unless vectors are few too.
_FEW_CHANNELS = 8


class Steps(NamedTuple):
    """alpha (L, D), beta (L - 1, D), gamma (D); D = 1 or 2Nt, real unknowns first."""

    alpha: Tensor
    beta: Tensor
    gamma: Tensor


class System(NamedTuple):
    """A over its mean diagonal, (*C, Nt, Nt) complex; one over that mean, (*C, 1, 1); error_var:
    (*C, 1, Nt), of one axis if the receiver is widely linear.
    """

    system: Tensor
    inverse_diagonal: Tensor
    error_var: Tensor


def as_matrix(vectors: int, num_tx: int, num_layers: int) -> bool:
    """Whether the layers, applied to the identity once, cost less than applied to all vectors."""
    return vectors * (num_layers - 1) > 2 * num_tx * num_layers


def unfolded_cg(
    y: Tensor, h: Tensor, noise_var: Tensor, steps: Steps, *, widely: bool, real: bool
) -> tuple[Tensor, Tensor] | None:
    """Unbiased last estimate (*C, T, Nt) and error variance (*C, 1, Nt) of the LcgNets.

    y: (*C, T, Nr), h: (*C, Nr, Nt), noise_var: (*C). widely: error variances of a widely linear
    receiver; real: of real symbols, without the imaginary part. None where only the torch path will
    do. Raises InvalidInputError on a non-finite h or y.
    """
    if not (usable(y, h, noise_var, *steps) and fits(h) and _worth_it(h, y)):
        return None
    from mimolearn.kernels.networks import lcgnet as kernels

    num, (vectors, rx), tx = math.prod(h.shape[:-2]), y.shape[-2:], h.shape[-1]
    x_hat = torch.empty((*y.shape[:-1], tx), dtype=torch.complex64, device="cpu")
    error_var = torch.empty((*h.shape[:-2], 1, tx), dtype=torch.float32, device="cpu")
    tables, num_layers = _tables(steps, tx), len(steps.alpha)
    matrix = as_matrix(vectors, tx, num_layers)
    arrays = (flat(h), flat(y), padded(noise_var, num), *tables, flat(x_hat), flat(error_var))
    kernel = kernels.one_shot_kernel()
    size = kernels.one_shot_workspace(rx, tx, as_matrix=matrix)

    def work(first: int, last: int) -> bool:
        sizes = (num, vectors, rx, tx, int(widely), int(real), int(matrix))
        return kernel(*arrays, first, last, *sizes, workspace(size))

    cost = channel_cost(rx, tx) + vectors * num_layers * vector_cost(rx, tx)
    return checked(all(in_threads(work, num, cost)), y, h, x_hat, error_var)


def unfolded_cg_prepare(
    h: Tensor, noise_var: Tensor, num_layers: int, learned: Tensor, *, widely: bool
) -> System | None:
    """The part of ``unfolded_cg`` that needs no y; None where only the torch path will do.

    learned: a parameter of the network, whose gradients torch serves.
    """
    num = math.prod(h.shape[:-2])
    if not (usable(h, noise_var, learned) and fits(h) and num >= _FEW_CHANNELS):
        return None
    from mimolearn.kernels.networks import lcgnet as kernels

    rx, tx = h.shape[-2:]
    system = torch.empty((*h.shape[:-2], tx, tx), dtype=torch.complex64, device="cpu")
    error_var = torch.empty((*h.shape[:-2], 1, tx), dtype=torch.float32, device="cpu")
    inverse = padded(noise_var, num)
    arrays = (flat(h), padded(noise_var, num), flat(system), inverse, flat(error_var))
    kernel, size = kernels.prepare_kernel(), kernels.prepare_workspace(rx, tx)

    def work(first: int, last: int) -> None:
        kernel(*arrays, first, last, num, rx, tx, num_layers, int(widely), workspace(size))

    in_threads(work, num, channel_cost(rx, tx))
    inverse_diagonal = torch.from_numpy(inverse[:num]).reshape(*h.shape[:-2], 1, 1)
    return System(system, inverse_diagonal, error_var)


def unfolded_cg_detect(
    y: Tensor, h: Tensor, system: System, scale: Tensor, steps: Steps, *, real: bool
) -> Tensor | None:
    """The rest of ``unfolded_cg``: the estimate, times scale (*C, 1, Nt)."""
    matrix = system.system
    if not (usable(y, h, matrix, scale, *steps) and fits(h) and _worth_it(h, y)):
        return None
    from mimolearn.kernels.networks import lcgnet as kernels

    num, (vectors, rx), tx = math.prod(h.shape[:-2]), y.shape[-2:], h.shape[-1]
    x_hat = torch.empty((*y.shape[:-1], tx), dtype=torch.complex64, device="cpu")
    one_matrix = as_matrix(vectors, tx, len(steps.alpha))
    prepared = (flat(h), flat(matrix), padded(system.inverse_diagonal, num), flat(scale))
    arrays = (*prepared, flat(y), *_tables(steps, tx), flat(x_hat))
    kernel = kernels.detect_kernel()
    size = kernels.detect_workspace(rx, tx, as_matrix=one_matrix)

    def work(first: int, last: int) -> bool:
        sizes = (num, vectors, rx, tx, int(real), int(one_matrix))
        return kernel(*arrays, first, last, *sizes, workspace(size))

    in_threads(work, num, vectors * len(steps.alpha) * vector_cost(rx, tx))
    return x_hat


def _worth_it(h: Tensor, y: Tensor) -> bool:
    num = math.prod(h.shape[:-2])
    return y.numel() > 0 and (num >= _FEW_CHANNELS or num * y.shape[-2] <= LANES)


def _tables(steps: Steps, num_tx: int) -> list[np.ndarray]:
    """Real and imaginary unknowns in turn, continued with zeros to an even number of streams."""
    tables = []
    for values in (steps.alpha, steps.beta, steps.gamma.reshape(1, -1)):
        table = np.zeros((len(values), num_tx + num_tx % 2, 2), np.float32)
        parts = values.detach().expand(len(values), 2 * num_tx).reshape(-1, 2, num_tx)
        table[:, :num_tx] = parts.mT.numpy()
        tables.append(table.reshape(-1))
    return tables


def cache_fulls(*tensors: Tensor) -> zip[tuple[Tensor, ...]]:
    """Equal parts of tensors along their first axis, of some groups of channels for each thread."""
    most = 4 * LANES * torch.get_num_threads()
    parts = -(-len(tensors[0]) // most)
    return zip(*(t.tensor_split(parts) if parts else () for t in tensors), strict=True)


class InterleavedTap(NamedTuple):
    """What the kernels of tap-net keep of a channel, see ``tap_lanes``, besides h and noise_var.

    gram, factor, sides: group after group of 16 channels. In ordinary layout noise, (*C, 1, 1),
    start_var and row_sums, (*C, 1, n).
    """

    gram: Tensor
    factor: Tensor
    sides: Tensor
    noise: Tensor
    start_var: Tensor
    row_sums: Tensor


def tap_prepare(
    h: Tensor,
    noise_var: Tensor,
    learned: Tensor,
    *,
    axes: int,
    prior: float,
    with_start: bool,
    room: InterleavedTap | None = None,
) -> InterleavedTap | None:
    """The part of tap-net that needs no y; None where only the torch path will do.

    axes: 1 for real symbols, else 2; prior: mean energy of an axis; with_start: whether start
    "lmmse" or its statistics are needed; learned: a parameter, whose gradients torch serves. room:
    of as many channels or more, whose matrices are overwritten: fresh memory costs more than the
    work on it.
    """
    num = math.prod(h.shape[:-2])
    if not (usable(h, noise_var, learned) and fits(h) and num >= _FEW_CHANNELS):
        return None
    from mimolearn.kernels.networks import tap_lanes as kernels

    rx, tx = h.shape[-2:]
    groups, size = -(-num // LANES), kernels.matrix_size(tx, axes)
    matrices = (
        room[:3]
        if room is not None
        else (
            torch.empty(groups * size, dtype=torch.float32, device="cpu"),
            torch.empty(groups * size if with_start else 0, dtype=torch.float32, device="cpu"),
            torch.empty(groups * kernels.side_size(tx, axes), dtype=torch.float32, device="cpu"),
        )
    )
    found = InterleavedTap(
        *matrices,
        torch.empty(groups * LANES, dtype=torch.float32, device="cpu"),
        torch.empty(*h.shape[:-2], 1, tx * axes, dtype=torch.float32, device="cpu"),
        torch.empty(*h.shape[:-2], 1, tx * axes, dtype=torch.float32, device="cpu"),
    )
    settings = np.array([prior], np.float32)
    arrays = (flat(h), padded(noise_var, num), *map(flat, found), settings)
    kernel, space = kernels.prepare_kernel(), kernels.prepare_workspace(rx, tx, axes)

    def work(first: int, last: int) -> None:
        kernel(*arrays, first, last, num, rx, tx, axes, workspace(space))

    in_threads(work, num, 2 * channel_cost(rx, tx))
    return found._replace(noise=found.noise[:num].reshape(*h.shape[:-2], 1, 1))


def tap_detect(
    y: Tensor,
    h: Tensor,
    prepared: InterleavedTap,
    scalars: Tensor,
    constellation: Constellation,
    prior: float,
    *,
    vector_form: bool,
) -> tuple[Tensor, Tensor]:
    """r and variance of the last layer, (*C, T, Nt, axes), of usable tensors.

    scalars: (L, 4) or (*C, L, 4).
    """
    from mimolearn.kernels.networks import tap_lanes as kernels

    num, (vectors, rx), tx = math.prod(h.shape[:-2]), y.shape[-2:], h.shape[-1]
    axes = 1 if constellation.is_real else 2
    r, var = (
        torch.empty(*y.shape[:-1], tx, axes, dtype=torch.float32, device="cpu") for _ in range(2)
    )
    if r.numel() == 0:
        return r, var
    num_layers, each = scalars.shape[-2], scalars.ndim > 2
    levels, settings = (
        constellation.axis(torch.float32).levels.numpy(),
        np.array([prior], np.float32),
    )
    matrices = (flat(prepared.gram), flat(prepared.factor), flat(prepared.sides))
    arrays = (flat(h), flat(y), *matrices, flat(scalars), levels, settings, flat(r), flat(var))
    kernel = kernels.detect_kernel()
    space = kernels.detect_workspace(rx, tx, axes, num_layers)

    def work(first: int, last: int) -> None:
        sizes = (num, vectors, rx, tx, axes, num_layers, int(each), int(vector_form))
        kernel(*arrays, first, last, *sizes, workspace(space))

    in_threads(work, num, vectors * num_layers * 2 * vector_cost(rx, tx))
    return r, var


class DeepCGSteps(NamedTuple):
    """alpha, rho (L), beta (L - 1), and high: where the bound of A's eigenvalues goes."""

    alpha: Tensor
    beta: Tensor
    rho: Tensor
    high: float


class DeepCGFilter(NamedTuple):
    """system (*C, Nt, Nt), scaled, with its scale (*C, 1, 1); filter: all layers as one matrix on
    H^H y, transposed; gain, error_var: (*C, 1, Nt).
    """

    system: Tensor
    scale: Tensor
    filter: Tensor
    gain: Tensor
    error_var: Tensor


def deep_cg(
    y: Tensor, h: Tensor, noise_var: Tensor, steps: DeepCGSteps, *, real: bool
) -> tuple[Tensor, Tensor] | None:
    """Unbiased estimates (*C, T, Nt) and error variances (*C, 1, Nt) of ``deep-cg``.

    Shapes and errors as in ``unfolded_cg``; None where only the torch path will do.
    """
    if not (usable(y, h, noise_var, *steps[:3]) and fits(h) and _worth_it(h, y)):
        return None
    nothing = torch.empty(0, dtype=torch.complex64, device="cpu")
    x_hat = torch.empty((*y.shape[:-1], h.shape[-1]), dtype=torch.complex64, device="cpu")
    finite, found = _deep_cg(y, h, noise_var, steps, real, nothing, nothing, x_hat)
    return checked(finite, y, h, x_hat, found.error_var)


def deep_cg_prepare(
    h: Tensor, noise_var: Tensor, steps: DeepCGSteps, *, real: bool
) -> DeepCGFilter | None:
    """The part of ``deep_cg`` that needs no y."""
    num, tx = math.prod(h.shape[:-2]), h.shape[-1]
    if not (usable(h, noise_var, *steps[:3]) and fits(h) and num >= _FEW_CHANNELS):
        return None
    system, matrix = (
        torch.empty(*h.shape[:-2], tx, tx, dtype=torch.complex64, device="cpu") for _ in range(2)
    )
    none = torch.empty(*h.shape[:-2], 0, h.shape[-2], dtype=torch.complex64, device="cpu")
    return _deep_cg(none, h, noise_var, steps, real, system, matrix, none)[1]


def _deep_cg(
    y: Tensor,
    h: Tensor,
    noise_var: Tensor,
    steps: DeepCGSteps,
    real: bool,
    system: Tensor,
    matrix: Tensor,
    x_hat: Tensor,
) -> tuple[bool, DeepCGFilter]:
    """Whether outputs are finite, and what was asked for: outputs without entries are left out."""
    from mimolearn.kernels.networks import deep_cg as kernels

    num, (vectors, rx), tx = math.prod(h.shape[:-2]), y.shape[-2:], h.shape[-1]
    gain, error_var = (
        torch.empty(*h.shape[:-2], 1, tx, dtype=torch.float32, device="cpu") for _ in range(2)
    )
    noise = padded(noise_var, num)
    scale, high = np.ones_like(noise), np.array([steps.high], np.float32)
    numbers = (*map(flat, steps[:3]), high)
    outputs = (flat(system), scale, flat(matrix), flat(gain), flat(error_var), flat(x_hat))
    arrays = (flat(h), flat(y), noise, *numbers, *outputs)
    kernel, size = kernels.kernel(), kernels.workspace(rx, tx)

    def work(first: int, last: int) -> bool:
        return kernel(*arrays, first, last, num, vectors, rx, tx, int(real), workspace(size))

    cost = channel_cost(rx, tx) + 8.0 * len(steps.alpha) * tx**3 + vectors * vector_cost(rx, tx)
    finite = all(in_threads(work, num, cost))
    scales = torch.from_numpy(scale[:num]).reshape(*h.shape[:-2], 1, 1)
    return finite, DeepCGFilter(system, scales, matrix, gain, error_var)
