"""Exact max-log LLRs by a sphere decoder."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import LLRDetection
from mimolearn.detectors.base import Cost, Detector
from mimolearn.detectors.priors import check_streams, level_priors
from mimolearn.detectors.search.real_triangular import (
    RealTriangular,
    axis_labels,
    axis_llr_to_llr,
    by_rows,
    check_determined,
    levels_to_indices,
    real_triangular,
    restore_order,
    rotate,
    triangle_cost,
)
from mimolearn.foundation.errors import check_finite, check_positive_int, check_real
from mimolearn.foundation.tensors.linalg import flat_blocks
from mimolearn.kernels.search import calls as search_kernels


@final
class SoftSphere(Detector):
    """Soft-output sphere decoder: exact max-log LLRs in a single tree search.

    Choose it as the near-optimal soft reference if M^Nt is too large for ``ml``; clip its LLRs to
    trade accuracy for time.

    L_b = (min over b=0 of ||y - H x||^2 - min over b=1 of ||y - H x||^2) / sigma^2. One search
    gives both minima of every bit (Studer and Boelcskei 2010, section III). The paper searches the
    complex tree; this one is real, with the nearest child first, and has the same leaves. For BPSK
    and QPSK the tree is that of the MMSE receiver, which shifts all distances alike. Decisions are
    the nearest vector, whose bits are the signs of the LLRs that are not 0.
    Priors of the bits are part of the distance, in float64: LLRs are then max-log posteriors.

    Runs on the CPU, without gradients. Tensors on another device are copied there and the result
    back. One call on complex64 computes in float32, in which an LLR is off by less than about 1e-3.
    Channels with a larger error (see ``k-best``), complex128 and the two halves apart compute in
    float64.
    Cost: a Gram matrix and its sorted Cholesky factor per channel; ``Detection.work`` per vector.

    Args:
        constellation: of the symbols, or its name.
        llr_clip: largest magnitude of an LLR, which also cuts the tree; default None, exact LLRs.
        max_nodes: nodes after which the LLRs come from the vectors seen so far and the vector is
            marked in ``Detection.incomplete``; a bit without a counter-hypothesis by then takes the
            vector's largest known magnitude; default 10,000,000.

    Raises:
        InvalidInputError: for a value that is not allowed, and for Nt > Nr with 16-QAM and above.

    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> SoftSphere("bpsk")(y, h, 0.25).llr().round(decimals=3).flatten().tolist()
    [-16.0, -16.0]
    """

    name = "soft-sphere"
    revision = 2
    rotation_invariant = True
    takes_prior = True

    def __init__(
        self,
        constellation: Constellation | str,
        llr_clip: float | None = None,
        max_nodes: int = 10_000_000,
    ) -> None:
        super().__init__(constellation)
        self.llr_clip = None if llr_clip is None else check_real("llr_clip", llr_clip, above=0)
        self.max_nodes = check_positive_int("max_nodes", max_nodes, 10**9)

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        check_determined(self.name, self.constellation, num_rx_ant, num_tx_ant)

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> LLRDetection:
        llr, decided, incomplete, work, ok = search_kernels.soft_sphere(
            y, h, noise_var, self.constellation, self._clip(), self.max_nodes
        )
        work += triangle_cost(self.constellation, *h.shape[-2:])[1]
        if not ok.all():
            check_finite("h", h)
            check_finite("y", y)
            rest = ~ok
            prepared = self._prepare(h[rest], noise_var[rest])
            others, decided[rest], incomplete[rest], work[rest] = self._search(prepared, y[rest])
            llr[rest] = others.to(llr.dtype)
        return LLRDetection(self.constellation, llr, incomplete, work, decided)

    def _clip(self) -> float:
        return math.inf if self.llr_clip is None else self.llr_clip

    def _prepare(self, h: Tensor, noise_var: Tensor) -> RealTriangular:
        return real_triangular(h, noise_var, self.constellation)

    def _detect(self, prepared: RealTriangular, y: Tensor) -> LLRDetection:
        llr, decided, incomplete, work = self._search(prepared, y)
        return LLRDetection(
            self.constellation,
            llr.to(y.device, y.real.dtype),
            incomplete.to(y.device),
            work.to(y.device),
            decided.to(y.device),
        )

    def _detect_informed(
        self, prepared: RealTriangular, y: Tensor, prior_llr: Tensor
    ) -> LLRDetection:
        check_streams(prior_llr, prepared.order.shape[-1])
        c = self.constellation
        by_level = level_priors(c, prior_llr.detach().to("cpu", torch.float64))
        costs = by_level.amax(-1, keepdim=True) - by_level
        llr, decided, incomplete, work = self._search(prepared, y, costs)
        return LLRDetection(
            c,
            llr.to(y.device, y.real.dtype),
            incomplete.to(y.device),
            work.to(y.device),
            decided.to(y.device),
        )

    def _search(
        self, prepared: RealTriangular, y: Tensor, costs: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return LLRs, decisions, incomplete and work, on the CPU.

        Args:
            prepared: triangles of channels (*C).
            y: (*C, T, Nr) complex.
            costs: (*C, T, Nt, A, L) float64; what levels are less likely than the likeliest one, in
                logarithms. None without priors.
        """
        from mimolearn.kernels.search import soft_sphere

        z = rotate(prepared, y, self.constellation)
        bits = axis_labels(self.constellation)
        llr = torch.empty(*z.shape, bits.shape[1], dtype=torch.float64, device="cpu")
        levels = torch.empty(z.shape, dtype=torch.int8, device="cpu")
        incomplete = torch.empty(z.shape[:-1], dtype=torch.bool, device="cpu")
        work = torch.empty(z.shape[:-1], dtype=torch.int64, device="cpu")
        inputs = [flat_blocks(prepared.columns), flat_blocks(z)]
        kernel = soft_sphere.kernel()
        if costs is not None:
            kernel = soft_sphere.informed_kernel()
            inputs.append(flat_blocks(by_rows(prepared, costs), 3))
        kernel(
            *(tensor.contiguous().numpy() for tensor in inputs),
            bits.numpy(),
            self._clip(),
            self.max_nodes,
            flat_blocks(llr, 3).numpy(),
            flat_blocks(levels).numpy(),
            flat_blocks(incomplete, 1).numpy(),
            flat_blocks(work, 1).numpy(),
        )
        llr = axis_llr_to_llr(restore_order(prepared, llr, self.constellation))
        rotation = triangle_cost(self.constellation, y.shape[-1], prepared.order.shape[-1])[1]
        levels = restore_order(prepared, levels, self.constellation)
        decided = levels_to_indices(levels, self.constellation)
        return llr, decided, incomplete, work + rotation

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return Cost(triangle_cost(self.constellation, num_rx_ant, num_tx_ant)[0], None)
