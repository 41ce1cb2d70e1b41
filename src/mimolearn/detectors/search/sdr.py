"""Detection by semidefinite relaxation."""

from __future__ import annotations

import math
from typing import NamedTuple, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import HardDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost, Detector
from mimolearn.detectors.search.real_triangular import levels_to_indices
from mimolearn.foundation.errors import check_positive_int, check_real, invalid
from mimolearn.foundation.tensors.linalg import (
    flat_blocks,
    gram,
    matched_filter,
    stack_real_columns,
    stack_real_matrix,
    stack_real_vector,
)


class Prepared(NamedTuple):
    """The real model, float64 on the CPU; n = Nt for BPSK, 2 Nt for QPSK.

    Attributes:
        model: (*C, 2Nr, n); the channel.
        gram: (*C, n, n), over its largest entry.
        scale: (*C, 1, 1); the same factor for the output of the matched filter.
        start: (n + 1, rank), unit rows.
        directions: (num_roundings, rank).
    """

    model: Tensor
    gram: Tensor
    scale: Tensor
    start: Tensor
    directions: Tensor


@final
class SDR(Detector):
    """Semidefinite relaxation: polynomial time, near-ML decisions for BPSK and QPSK.

    Choose it to reproduce published comparisons; with a good solver it takes about as long as a
    deep network. ``sphere`` gives exact decisions, and at high SNR sooner.

    min tr(Q X) over X >= 0 with unit diagonal, Q = [[G, -b], [-b^T, 0]], G = H^T H, b = H^T y of
    the real model, solved at low rank by the mixing method (Wang, Chang and Kolter 2017, eq 3). The
    rank is above sqrt(2 (n+1)), which makes all local optima global. The answer is the best of
    ``num_roundings`` Gaussian roundings (Luo, Ma, So, Ye and Zhang 2010, section IV) and of the
    signs of the last column. All vectors share the start and the directions, which ``seed`` alone
    sets: the answer for a vector does not depend on the rest of its batch.

    Runs on the CPU in float64, without gradients. Tensors on another device are copied there and
    the result back.
    Cost: a Gram matrix per channel; ``Detection.work`` per vector.

    Args:
        constellation: BPSK or QPSK, or its name; the levels of larger ones have no equal modulus.
        num_roundings: number of Gaussian roundings; default 30.
        tolerance: relative decrease of the objective in one sweep that ends the descent; default
            1e-4.
        max_sweeps: sweeps after which a vector is marked in ``Detection.incomplete``; default 1000.
        seed: of the start and of the directions; default 0.

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> SDR("bpsk")(y, h, 0.1).indices().tolist()
    [[0, 0]]
    """

    name = "sdr"
    rotation_invariant = True
    soft = False

    def __init__(
        self,
        constellation: Constellation | str,
        num_roundings: int = 30,
        tolerance: float = 1e-4,
        max_sweeps: int = 1000,
        seed: int = 0,
    ) -> None:
        super().__init__(constellation)
        if self.constellation.num_levels != 2:
            raise invalid(
                "constellation",
                self.constellation.name,
                "bpsk or qpsk for 'sdr', whose relaxation needs symbols of one modulus; use "
                "'sphere', 'k-best' or 'ep'",
            )
        self.num_roundings = check_positive_int("num_roundings", num_roundings, 100_000)
        self.tolerance = check_real("tolerance", tolerance, above=0)
        self.max_sweeps = check_positive_int("max_sweeps", max_sweeps, 10**6)
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise invalid("seed", seed, "a non-negative integer")
        self.seed = seed

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        model = stack_real_columns(h) if self.constellation.is_real else stack_real_matrix(h)
        model = model.detach().to("cpu", torch.float64)
        product = gram(model)
        largest = product.diagonal(dim1=-2, dim2=-1).amax(-1)[..., None, None]
        scale = torch.where(largest > 0, largest, torch.ones_like(largest)).reciprocal()
        level = float(self.constellation.axis(torch.float64).levels[1])
        size = model.shape[-1] + 1
        # Local optima are global from sqrt(2 size) on; eight lanes fill a vector register.
        rank = 8 * math.ceil(math.sqrt(2 * size) / 8)
        generator = torch.Generator().manual_seed(self.seed)
        shape = (size + self.num_roundings, rank)
        draws = torch.randn(shape, generator=generator, dtype=torch.float64)
        start = torch.nn.functional.normalize(draws[:size])
        directions = draws[size:].contiguous()
        return Prepared(model, product * scale, scale / level, start, directions)

    def _detect(self, prepared: Prepared, y: Tensor) -> HardDetection:
        from mimolearn.kernels.search.sdr import kernel

        stacked = stack_real_vector(y.detach()).to("cpu", torch.float64)
        matched = (matched_filter(prepared.model, stacked) * prepared.scale).contiguous()
        n = matched.shape[-1]
        signs = torch.empty(matched.shape, dtype=torch.int8, device="cpu")
        incomplete = torch.empty(matched.shape[:-1], dtype=torch.bool, device="cpu")
        work = torch.empty(matched.shape[:-1], dtype=torch.int64, device="cpu")
        kernel()(
            flat_blocks(prepared.gram).contiguous().numpy(),
            flat_blocks(matched).contiguous().numpy(),
            prepared.start.numpy(),
            prepared.directions.numpy(),
            self.tolerance,
            self.max_sweeps,
            flat_blocks(signs).numpy(),
            flat_blocks(incomplete, 1).numpy(),
            flat_blocks(work, 1).numpy(),
        )
        # -1 and 1 are the levels 0 and 1; 0 marks a vector without a decision.
        levels = torch.where(signs == 0, signs - 1, (signs + 1) >> 1)
        # [real parts, imaginary parts] -> (Nt, axes)
        num_axes = 1 if self.constellation.is_real else 2
        levels = levels.unflatten(-1, (num_axes, -1)).transpose(-1, -2)
        return HardDetection(
            self.constellation,
            levels_to_indices(levels, self.constellation).to(y.device),
            incomplete.to(y.device),
            (work + n * stacked.shape[-1]).to(y.device),
        )

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        n = num_tx_ant * (1 if self.constellation.is_real else 2)
        return Cost(counting.gram(2 * num_rx_ant, n, real=True), None)
