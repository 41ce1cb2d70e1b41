"""Likelihood-ascent search behind any detector."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import HardDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost, Detector
from mimolearn.detectors.search.real_triangular import levels_to_indices
from mimolearn.foundation.errors import check_positive_int
from mimolearn.foundation.tensors.linalg import (
    flat_blocks,
    gram,
    matched_filter,
    stack_real_matrix,
    stack_real_vector,
)


class Prepared(NamedTuple):
    """What the inner detector prepared, and the scaled channel, float64 on the CPU.

    Attributes:
        inner: what the inner detector prepared.
        h: (*C, Nr, Nt) complex, over the largest entry of H.
        gram: (*C, n, n) real, of this h; n = Nt for BPSK, 2Nt for QAM.
        scale: (*C, 1, 1) real; one over the largest entry of H.
    """

    inner: Any
    h: Tensor
    gram: Tensor
    scale: Tensor


@final
class Las(Detector):
    """Likelihood-ascent search: climbs from another detector's decisions to a local optimum.

    Choose it behind ``wl-lmmse`` if decisions are all that is needed and streams are half of the
    antennas: at 32 x 64 it is then within 0.05 dB of ML for BPSK and 0.12 dB for QPSK, BER 1e-3,
    for little more than one product. At 32 x 32 or under correlation it is not.

    Repeats the change of one unknown by one level that lowers ||y - H x||^2 most, on the real
    model, until none lowers it (Vardhan, Mohammed, Chockalingam and Rajan 2008, which flips the
    bits of BPSK in turn; here the best one, of any square QAM). The answer is never farther from y
    than that of the inner detector. It is the ML vector only if no other local optimum is near.

    Runs on the CPU in float64. Tensors on another device are copied there and the result back.
    Cost: the inner detector's, and a Gram matrix per channel; ``Detection.work`` per vector.

    Args:
        constellation: of the symbols, or its name.
        inner: the detector that gives the start, or as text its name ("k-best", "k-best:k=16") or
            trained weights ("tap-net-8v"); default "wl-lmmse".
        max_steps: steps after which the vector so far is returned and marked in
            ``Detection.incomplete``; default 10,000.

    Raises:
        InvalidInputError: for a value that is not allowed, and for an inner detector of another
            constellation.

    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> Las("bpsk", inner="mrc")(y, h, 0.1).indices().tolist()
    [[0, 0]]
    """

    name = "las"
    soft = False

    def __init__(
        self,
        constellation: Constellation | str,
        inner: str | Detector = "wl-lmmse",
        max_steps: int = 10_000,
    ) -> None:
        super().__init__(constellation)
        # Here, because it knows this class too.
        from mimolearn.detectors.text import inner_detector

        self.inner = inner_detector("inner", inner, self.constellation)
        self.rotation_invariant = self.inner.rotation_invariant
        self.max_steps = check_positive_int("max_steps", max_steps, 10**9)

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        self.inner._check_size(num_rx_ant, num_tx_ant)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        inner = self.inner.prepare(h, noise_var)
        wide = h.detach().to("cpu", torch.complex128)
        largest = wide.abs().amax((-2, -1), keepdim=True)
        scale = 1 / torch.where(largest > 0, largest, torch.ones_like(largest))
        wide = wide * scale
        product = gram(wide)
        real = product.real if self.constellation.is_real else stack_real_matrix(product)
        return Prepared(inner, wide, real.contiguous(), scale)

    def _detect(self, prepared: Prepared, y: Tensor) -> HardDetection:
        from mimolearn.kernels.search.las import kernel

        start = self.inner.detect(prepared.inner, y)
        wide = y.detach().to("cpu", torch.complex128) * prepared.scale
        product = matched_filter(prepared.h, wide)
        matched = product.real if self.constellation.is_real else stack_real_vector(product)
        # Levels are odd integers times half the distance of two.
        matched = (matched * (2 / self.constellation.min_distance())).contiguous()
        levels = self._levels(start.indices().cpu())
        levels[~start.finite().cpu()] = -1
        incomplete = torch.empty(matched.shape[:-1], dtype=torch.bool, device="cpu")
        work = torch.empty(matched.shape[:-1], dtype=torch.int64, device="cpu")
        kernel()(
            flat_blocks(prepared.gram).contiguous().numpy(),
            flat_blocks(matched).contiguous().numpy(),
            self.constellation.num_levels,
            self.max_steps,
            flat_blocks(levels).numpy(),
            flat_blocks(incomplete, 1).numpy(),
            flat_blocks(work, 1).numpy(),
        )
        axes = torch.stack(levels.chunk(1 if self.constellation.is_real else 2, -1), -1)
        if start.incomplete is not None:
            incomplete |= start.incomplete.cpu()
        num_rx, num_tx = prepared.h.shape[-2:]
        work += counting.matvec(num_rx, num_tx) // (2 if self.constellation.is_real else 1)
        spent = self.inner.cost(num_rx, num_tx).per_vector
        if start.work is not None:
            work += start.work.cpu()
        elif spent is not None:
            work += spent
        return HardDetection(
            self.constellation,
            levels_to_indices(axes, self.constellation).to(y.device),
            incomplete.to(y.device),
            work.to(y.device),
        )

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        product = counting.gram(num_rx_ant, num_tx_ant)
        if self.constellation.is_real:
            product = counting.gram(2 * num_rx_ant, num_tx_ant, real=True)
        return Cost(self.inner.cost(num_rx_ant, num_tx_ant).per_channel + product, None)

    def _levels(self, indices: Tensor) -> Tensor:
        """Return the levels (*C, T, n) int8 of indices (*C, T, Nt), real axes first."""
        points = self.constellation.map(indices, torch.complex128)
        parts = points.real if self.constellation.is_real else stack_real_vector(points)
        low = float(self.constellation.axis(torch.float64).levels[0])
        return (
            ((parts - low) / self.constellation.min_distance()).round().to(torch.int8).contiguous()
        )
