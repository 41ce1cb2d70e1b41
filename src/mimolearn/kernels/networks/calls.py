"""How detectors call the kernels of unfolded networks; cheap to import."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mimolearn.constellation import Constellation
from mimolearn.kernels.machine.axis_tables import axis_tables
from mimolearn.kernels.machine.launch import (
    FEW_CHANNELS,
    LANES,
    Sizes,
    channel_cost,
    checked,
    complexes,
    flat,
    floats,
    floats_of,
    in_groups,
    in_threads,
    run_groups,
    vector_cost,
    workspace,
)


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
) -> tuple[Tensor, Tensor]:
    """Unbiased last estimate (*C, T, Nt) and error variance (*C, 1, Nt) of the LcgNets.

    y: (*C, T, Nr), h: (*C, Nr, Nt), noise_var: (*C). widely: error variances of a widely linear
    receiver; real: of real symbols, without the imaginary part. Raises InvalidInputError on a
    non-finite h or y.
    """
    from mimolearn.kernels.networks import lcgnet as kernels

    sizes = Sizes.of(h, y)
    num, vectors, rx, tx = sizes
    x_hat, error_var = complexes(*y.shape[:-1], tx), floats(*h.shape[:-2], 1, tx)
    num_layers = len(steps.alpha)
    matrix = int(as_matrix(vectors, tx, num_layers))
    arrays = (h, y, in_groups(noise_var, num), *_tables(steps, tx), x_hat, error_var)
    numbers = (*sizes, int(widely), int(real), matrix)
    space = floats_of(kernels.one_shot_layout, rx, tx, matrix)
    cost = channel_cost(rx, tx) + vectors * num_layers * vector_cost(rx, tx)
    finite = run_groups(kernels.one_shot_kernel(), arrays, numbers, space, cost)
    return checked(finite, y, h, x_hat, error_var)


def unfolded_cg_prepare(h: Tensor, noise_var: Tensor, num_layers: int, *, widely: bool) -> System:
    """The part of ``unfolded_cg`` that needs no y."""
    from mimolearn.kernels.networks import lcgnet as kernels

    sizes = Sizes.of(h)
    num, _vectors, rx, tx = sizes
    system, error_var = complexes(*h.shape[:-2], tx, tx), floats(*h.shape[:-2], 1, tx)
    noise = in_groups(noise_var, num)
    inverse = np.empty_like(noise)
    arrays = (h, noise, system, inverse, error_var)
    numbers, space = (*sizes, num_layers, int(widely)), floats_of(kernels.prepare_layout, rx, tx)
    run_groups(kernels.prepare_kernel(), arrays, numbers, space, channel_cost(rx, tx))
    inverse_diagonal = torch.from_numpy(inverse[:num]).reshape(*h.shape[:-2], 1, 1)
    return System(system, inverse_diagonal, error_var)


def unfolded_cg_detect(
    y: Tensor, h: Tensor, system: System, scale: Tensor, steps: Steps, *, real: bool
) -> Tensor:
    """The rest of ``unfolded_cg``: the estimate, times scale (*C, 1, Nt)."""
    from mimolearn.kernels.networks import lcgnet as kernels

    sizes = Sizes.of(h, y)
    num, vectors, rx, tx = sizes
    x_hat, num_layers = complexes(*y.shape[:-1], tx), len(steps.alpha)
    one_matrix = int(as_matrix(vectors, tx, num_layers))
    prepared = (h, system.system, in_groups(system.inverse_diagonal, num), scale)
    arrays = (*prepared, y, *_tables(steps, tx), x_hat)
    numbers = (*sizes, int(real), one_matrix)
    space = floats_of(kernels.detect_layout, rx, tx, one_matrix)
    cost = vectors * num_layers * vector_cost(rx, tx)
    run_groups(kernels.detect_kernel(), arrays, numbers, space, cost)
    return x_hat


def suits(h: Tensor, y: Tensor) -> bool:
    """Whether the kernels of unfolded conjugate gradients are faster than PyTorch."""
    num = math.prod(h.shape[:-2])
    return num >= FEW_CHANNELS or num * y.shape[-2] <= LANES


def _tables(steps: Steps, num_tx: int) -> list[np.ndarray]:
    """Real and imaginary unknowns in turn, continued with zeros to an even number of streams."""
    tables = []
    for values in (steps.alpha, steps.beta, steps.gamma.reshape(1, -1)):
        table = np.zeros((len(values), num_tx + num_tx % 2, 2), np.float32)
        parts = values.detach().expand(len(values), 2 * num_tx).reshape(-1, 2, num_tx)
        table[:, :num_tx] = parts.mT.numpy()
        tables.append(table.reshape(-1))
    return tables


def in_parts(*tensors: Tensor) -> zip[tuple[Tensor, ...]]:
    """Equal parts of tensors along their first axis, each so short that it stays in the cache.

    A part has four groups of channels for each thread.
    """
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
    *,
    axes: int,
    prior: float,
    with_start: bool,
    reused: InterleavedTap | None = None,
) -> InterleavedTap:
    """The part of tap-net that needs no y.

    axes: 1 for real symbols, else 2; prior: mean energy of an axis; with_start: whether start
    "lmmse" or its statistics are needed. reused: the answer of an earlier call for as many channels
    or more, whose matrices are overwritten: fresh memory costs more than the work on it.
    """
    from mimolearn.kernels.networks import tap_lanes as kernels

    sizes = Sizes.of(h)
    num, _vectors, rx, tx = sizes
    groups, size = -(-num // LANES), kernels.matrix_floats(tx, axes)
    matrices = (
        reused[:3]
        if reused is not None
        else (
            floats(groups * size),
            floats(groups * size if with_start else 0),
            floats(kernels.sides_floats(groups, tx, axes)),
        )
    )
    kept = InterleavedTap(
        *matrices,
        floats(groups * LANES),
        floats(*h.shape[:-2], 1, tx * axes),
        floats(*h.shape[:-2], 1, tx * axes),
    )
    arrays = (h, in_groups(noise_var, num), *kept, np.array([prior], np.float32))
    space = floats_of(kernels.prepare_layout, rx, tx, axes)
    cost = 2 * channel_cost(rx, tx)
    run_groups(kernels.prepare_kernel(), arrays, (*sizes, axes), space, cost)
    return kept._replace(noise=kept.noise[:num].reshape(*h.shape[:-2], 1, 1))


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
    """r and variance of the last layer, (*C, T, Nt, axes). scalars: (L, 4) or (*C, L, 4)."""
    from mimolearn.kernels.networks import tap_lanes as kernels

    sizes, axes = Sizes.of(h, y), 1 if constellation.is_real else 2
    _num, vectors, rx, tx = sizes
    r, var = (floats(*y.shape[:-1], tx, axes) for _ in range(2))
    num_layers, each = scalars.shape[-2], scalars.ndim > 2
    levels = axis_tables(constellation).levels
    settings = np.array([prior], np.float32)
    arrays = (h, y, *prepared[:3], scalars, levels, settings, r, var)
    numbers = (*sizes, axes, num_layers, int(each), int(vector_form))
    space = floats_of(kernels.detect_layout, rx, tx, axes, num_layers)
    cost = vectors * num_layers * 2 * vector_cost(rx, tx)
    run_groups(kernels.detect_kernel(), arrays, numbers, space, cost)
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
) -> tuple[Tensor, Tensor]:
    """Unbiased estimates (*C, T, Nt) and error variances (*C, 1, Nt) of ``deep-cg``.

    Shapes and errors as in ``unfolded_cg``.
    """
    nothing, x_hat = complexes(0), complexes(*y.shape[:-1], h.shape[-1])
    finite, kept = _deep_cg(y, h, noise_var, steps, real, nothing, nothing, x_hat)
    return checked(finite, y, h, x_hat, kept.error_var)


def deep_cg_prepare(
    h: Tensor, noise_var: Tensor, steps: DeepCGSteps, *, real: bool
) -> DeepCGFilter:
    """The part of ``deep_cg`` that needs no y."""
    tx = h.shape[-1]
    system, matrix = (complexes(*h.shape[:-2], tx, tx) for _ in range(2))
    none = complexes(*h.shape[:-2], 0, h.shape[-2])
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

    sizes = Sizes.of(h, y)
    num, vectors, rx, tx = sizes
    gain, error_var = (floats(*h.shape[:-2], 1, tx) for _ in range(2))
    noise = in_groups(noise_var, num)
    scale, high = np.ones_like(noise), np.array([steps.high], np.float32)
    outputs = (system, scale, matrix, gain, error_var, x_hat)
    arrays = (h, y, noise, *steps[:3], high, *outputs)
    cost = channel_cost(rx, tx) + 8.0 * len(steps.alpha) * tx**3 + vectors * vector_cost(rx, tx)
    space = floats_of(kernels.layout, rx, tx)
    finite = run_groups(kernels.kernel(), arrays, (*sizes, int(real)), space, cost)
    scales = torch.from_numpy(scale[:num]).reshape(*h.shape[:-2], 1, 1)
    return finite, DeepCGFilter(system, scales, matrix, gain, error_var)


def pack_list_net(
    w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, w3: Tensor, straight: Tensor
) -> tuple[Tensor, int]:
    """The weights one after the other, and the hidden units in whole blocks of 4.

    w1 (H, inputs), b1 (H), w2 (H, H), b2 (H), w3 (H), straight (odd inputs); units that fill a
    block have weights of 0.
    """
    more = -len(b1) % 4
    widths = [(0, 0, 0, more), (0, more), (0, more, 0, more), (0, more), (0, more), (0, 0)]
    parts = [
        functional.pad(part.detach(), width).reshape(-1)
        for part, width in zip((w1, b1, w2, b2, w3, straight), widths, strict=True)
    ]
    return torch.cat(parts), len(b1) + more


def list_soft_bits(
    constellation: Constellation,
    metrics: Tensor,
    levels: Tensor,
    log_evidence: Tensor,
    classical: tuple[Tensor, ...],
    weights: tuple[Tensor, int],
    *,
    complete: bool,
) -> Tensor:
    """LLRs (*C, T, Nt, K) of ``list-net``.

    metrics (*C, T, k), levels (*C, T, k, Nt, A) int8 and log_evidence (*C, T): of ``Survivors``.
    classical: one or two of (*C, T, Nt, K). weights: of ``pack_list_net``. complete: whether the
    lists hold all vectors there are.
    """
    from mimolearn.kernels.networks import list_soft as kernels

    num, (k, tx, axes) = metrics.shape[:-1].numel(), levels.shape[-3:]
    packed, hidden = weights
    llr, bits = floats(*classical[0].shape), tx * constellation.bits_per_symbol
    table = axis_tables(constellation).labels.reshape(constellation.num_levels, -1)
    arrays = (metrics, levels, log_evidence, classical[0], classical[-1], llr)
    numbers = (k, tx, axes, hidden, int(len(classical) == 2), int(complete))
    space = floats_of(kernels.layout, k, bits, hidden)
    flats = (*map(flat, arrays), table, flat(packed))

    def work(first: int, last: int) -> None:
        kernels.kernel()(*flats, LANES * first, min(LANES * last, num), numbers, workspace(space))

    in_threads(work, num, float(bits) * (2 * hidden * hidden + k))
    return llr
