"""What every way into a compiled kernel needs: whether one may serve, memory, lanes, threads."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mimolearn.foundation.errors import check_finite
from mimolearn.foundation.tensors.modes import is_watched

PATHS = {
    "torch": "gradients, double precision, other devices, tracing, very large matrices",
    "one by one": "fewer than 8 channels: lmmse, zf; up to 64 vectors: eq-net",
    "interleaved": "16 channels at a time: mrc, lmmse, wl-lmmse, zf, mmse-sic, cg, wl-cg, "
    "gauss-seidel, ep, mmse-pic, oamp, lama",
    "triangles": "16 channels factored together, each searched alone: k-best, sphere, soft-sphere, "
    "ml; double precision for channels that single precision cannot be trusted with",
    "elementwise": "decisions and LLRs of Gaussian estimates",
}
"""Each path and what takes it: all but torch on the CPU, in single precision, no gradients."""

_DTYPES = (torch.complex64, torch.float32)
LANES = 16
FEW_CHANNELS = 8
"""Below this number a group of 16 channels is mostly empty, and other paths are as fast."""
SLACK = 256
"""Floats beyond its end that ``interleave`` may write and ``deinterleave`` may read of an array."""
# Beyond this a group of channels leaves the cache, and one large product is as good.
_MOST_ENTRIES = 256 * 64
# Real multiplications below which starting threads costs more than it saves.
_WORTH_THREADS = 5e7
# Each thread keeps one workspace of up to so many floats, 512 KiB.
_MOST_KEPT = 2**17
_kept = threading.local()


def usable(*tensors: Tensor) -> bool:
    """Whether compiled kernels can serve these tensors at all."""
    if torch.compiler.is_compiling() or is_watched():
        return False
    grad = torch.is_grad_enabled()
    for tensor in tensors:
        # Of other types the memory need not hold the numbers.
        if type(tensor) is not Tensor and type(tensor) is not nn.Parameter:
            return False
        if not tensor.is_cpu or tensor.dtype not in _DTYPES or (grad and tensor.requires_grad):
            return False
    return True


def fits(h: Tensor) -> bool:
    return fits_size(h.shape[-2], h.shape[-1]) and h.numel() > 0


def fits_size(rx: int, tx: int) -> bool:
    """Whether channels of this size are small enough to be worked on in groups."""
    return rx * tx <= _MOST_ENTRIES and tx <= 64


def flat(tensor: Tensor) -> np.ndarray:
    """The memory of a contiguous tensor (a copy of any other) as flat float32 numbers."""
    tensor = plain(tensor)
    array = (tensor.detach() if tensor.requires_grad else tensor).numpy().reshape(-1)
    return array.view(np.float32) if tensor.is_complex() else array


def plain(tensor: Tensor) -> Tensor:
    """The tensor, or a copy, whose memory holds its numbers one after the other."""
    if tensor.is_conj() or tensor.is_neg() or not tensor.is_contiguous():
        return tensor.resolve_conj().resolve_neg().contiguous()
    return tensor


def in_groups(noise_var: Tensor, num: int) -> np.ndarray:
    """noise_var, one a channel, continued with ones to whole groups."""
    out = np.ones(-(-num // LANES) * LANES, np.float32)
    out[:num] = flat(noise_var)
    return out


def workspace(floats: int) -> np.ndarray:
    """Workspace, aligned by torch to cache lines, in memory that can be read SLACK floats on."""
    return torch.empty(floats + SLACK, dtype=torch.float32, device="cpu").numpy()[:floats]


def kept_workspace(floats: int) -> np.ndarray:
    """The same, of small ones always the same memory: for one kernel at a time of each thread."""
    if floats > _MOST_KEPT:
        return workspace(floats)
    space = getattr(_kept, "space", None)
    if space is None or len(space) < floats:
        _kept.space = space = workspace(floats)
    return space[:floats]


@functools.lru_cache(maxsize=4096)
def floats_of(layout: Callable[..., tuple[Any, ...]], *sizes: int) -> int:
    """Floats of workspace that a layout divides, see ``dense.layout``."""
    return layout(np.empty(0, np.float32), *sizes)[-1]


class Sizes(NamedTuple):
    """How much a kernel works on: channels, vectors of each, receive and transmit antennas."""

    num: int
    vectors: int
    rx: int
    tx: int

    @classmethod
    def of(cls, h: Tensor, y: Tensor | None = None) -> Sizes:
        """h: (*C, Nr, Nt). y: (*C, T, Nr), None where only channels are prepared."""
        *blocks, rx, tx = h.shape
        return cls(math.prod(blocks), 0 if y is None else y.shape[-2], rx, tx)


def floats(*shape: int) -> Tensor:
    """A new tensor of float32, not filled. Sizes one by one: torch takes longer for a tuple."""
    return torch.empty(*shape, dtype=torch.float32, device="cpu")


def complexes(*shape: int) -> Tensor:
    """A new tensor of complex64, not filled."""
    return torch.empty(*shape, dtype=torch.complex64, device="cpu")


def run_groups(
    kernel: Callable[..., Any],
    arrays: Sequence[Tensor | np.ndarray],
    numbers: tuple[int, ...],
    space: int,
    cost: float,
) -> bool:
    """Run a kernel on all groups of channels; returns whether all outputs are finite.

    kernel: of ``compile.group_signature``; one that returns nothing counts as finite.
    arrays: inputs and outputs; of a tensor its memory is taken, see ``flat``.
    numbers: ``Sizes``, then the options of the kernel.
    space: floats of workspace, see ``floats_of``.
    cost: real multiplications of a channel, about.
    """
    flats = [flat(array) if isinstance(array, Tensor) else array for array in arrays]

    def work(first: int, last: int) -> bool | None:
        return kernel(*flats, first, last, numbers, kept_workspace(space))

    return False not in in_threads(work, numbers[0], cost)


def fill_lanes(h: Tensor, y: Tensor, noise_var: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Make every vector a channel of its own where there are too few channels for all lanes."""
    vectors = y.shape[-2]
    if vectors == 1 or math.prod(h.shape[:-2]) >= LANES:
        return h, y, noise_var
    h = h.unsqueeze(-3).expand(*h.shape[:-2], vectors, *h.shape[-2:])
    return h, y.unsqueeze(-2), noise_var.unsqueeze(-1).expand(*noise_var.shape, vectors)


def in_threads(work: Callable[[int, int], Any], num: int, cost: float) -> list[Any]:
    """Work on all groups of channels, on as many threads as torch may use; what each returned."""
    groups = -(-num // LANES)
    threads = 1 if num * cost < _WORTH_THREADS else min(torch.get_num_threads(), groups)
    if threads < 2:
        return [work(0, groups)]
    cuts = [groups * i // threads for i in range(threads + 1)]
    # Threads of its own for every call: a kept pool would not survive a fork.
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, cuts[:-1], cuts[1:]))


def checked(
    finite: bool, y: Tensor, h: Tensor, x_hat: Tensor, error_var: Tensor
) -> tuple[Tensor, Tensor]:
    """The outputs, unless they are not finite because the inputs were not."""
    if not finite:
        check_finite("h", h)
        check_finite("y", y)
    return x_hat, error_var


def channel_cost(rx: int, tx: int) -> float:
    return 2.0 * tx * tx * (rx + tx)


def vector_cost(rx: int, tx: int) -> float:
    return 4.0 * tx * (rx + tx)
