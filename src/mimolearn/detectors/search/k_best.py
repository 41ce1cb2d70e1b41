"""K-best detection: a breadth-first tree search of fixed cost."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import LLRDetection
from mimolearn.detectors.base import Cost, Detector
from mimolearn.detectors.search.real_triangular import (
    RealTriangular,
    axis_labels,
    axis_llr_to_llr,
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
class KBest(Detector):
    """K-best: keeps the k nearest partial vectors on every level of the tree.

    Choose it for near-ML decisions at a fixed cost, as hardware does; its LLRs need a clip.

    The triangle of the sorted QR of the real model, one PAM axis a level (Guo and Nilsson 2006,
    with all children of every survivor compared). Each axis carries half of the symbol energy, so
    its levels are those of the constellation itself, +-1/sqrt(2) for QPSK; a unit-energy PAM would
    stretch the grid by sqrt(2). For BPSK and QPSK the triangle is that of the MMSE receiver, which
    shifts all full distances alike and makes early decisions safer.
    LLRs are max-log over the final list. Where the list holds only one value of a bit, |LLR| is
    set to ``llr_clip``; all others are clipped to it as well. Decisions are the nearest vector of
    that list, whose bits are the signs of the LLRs where none is 0.

    Options: k; llr_clip, tune it on the SNR range of a coded link.
    Runs on the CPU, without gradients; tensors on another device are copied there and the result
    back. One call on complex64 computes in float32, where a distance is off by less than about
    1e-3; channels where it could be more (energy above 2e4 noise_var, nearly dependent columns),
    complex128 and the two halves apart compute in float64.
    Cost: a Gram matrix and its sorted Cholesky factor per channel; per vector about
    k n (n/2 + 2 L), with n real unknowns of L levels.
    Errors: InvalidInputError for Nt > Nr with 16-QAM and above.

    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> KBest("bpsk", k=4)(y, h, 0.25).llr().round().flatten().tolist()
    [-16.0, -16.0]
    """

    name = "k-best"
    revision = 2
    rotation_invariant = True

    def __init__(
        self, constellation: Constellation | str, k: int = 16, llr_clip: float = 20.0
    ) -> None:
        super().__init__(constellation)
        self.k = check_positive_int("k", k, 2**18)
        self.llr_clip = check_real("llr_clip", llr_clip, above=0)

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        check_determined(self.name, self.constellation, num_rx_ant, num_tx_ant)

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> LLRDetection | None:
        found = search_kernels.k_best(y, h, noise_var, self.constellation, self.k, self.llr_clip)
        if found is None:
            return None
        llr, decided, ok = found
        if not ok.all():
            check_finite("h", h)
            check_finite("y", y)
            rest = ~ok
            others, vectors = self._search(self._prepare(h[rest], noise_var[rest]), y[rest])
            llr[rest], decided[rest] = others.to(llr.dtype), vectors
        return LLRDetection(self.constellation, llr, decided=decided)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> RealTriangular:
        return real_triangular(h, noise_var, self.constellation)

    def _detect(self, prepared: RealTriangular, y: Tensor) -> LLRDetection:
        llr, decided = self._search(prepared, y)
        llr = llr.to(y.device, y.real.dtype)
        return LLRDetection(self.constellation, llr, decided=decided.to(y.device))

    def _search(self, prepared: RealTriangular, y: Tensor) -> tuple[Tensor, Tensor]:
        """LLRs and decisions, on the CPU."""
        from mimolearn.kernels.search.k_best import kernel

        z = rotate(prepared, y, self.constellation)
        bits = axis_labels(self.constellation)
        n = z.shape[-1]
        llr = torch.empty(*z.shape, bits.shape[1], dtype=torch.float64, device="cpu")
        levels = torch.empty(z.shape, dtype=torch.int8, device="cpu")
        kernel()(
            flat_blocks(prepared.columns).contiguous().numpy(),
            flat_blocks(z).contiguous().numpy(),
            bits.numpy(),
            min(self.k, self.constellation.num_levels**n),
            self.llr_clip,
            flat_blocks(llr, 3).numpy(),
            flat_blocks(levels).numpy(),
        )
        llr = axis_llr_to_llr(restore_order(prepared, llr, self.constellation))
        levels = restore_order(prepared, levels, self.constellation)
        return llr, levels_to_indices(levels, self.constellation)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        prepare, detect = triangle_cost(self.constellation, num_rx_ant, num_tx_ant)
        n = num_tx_ant * (1 if self.constellation.is_real else 2)
        survivors = 1
        for row in range(n - 1, -1, -1):
            children = survivors * self.constellation.num_levels
            survivors = min(children, self.k)
            detect += 2 * children + survivors * row
        return Cost(prepare, detect)
