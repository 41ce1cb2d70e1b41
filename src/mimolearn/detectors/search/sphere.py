"""Exact maximum-likelihood decisions by a sphere decoder."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import HardDetection
from mimolearn.detectors.base import Cost, Detector
from mimolearn.detectors.search.binary_streams import QPSK, joined_indices, split_channel
from mimolearn.detectors.search.real_triangular import (
    RealTriangular,
    has_constant_energy,
    levels_to_indices,
    real_triangular,
    restore_order,
    rotate,
    triangle_cost,
)
from mimolearn.foundation.errors import check_finite, check_positive_int
from mimolearn.foundation.tensors.linalg import flat_blocks
from mimolearn.kernels.search import calls as search_kernels


@final
class Sphere(Detector):
    """Sphere decoder: the exact ML vector, found by a depth-first search.

    Choose it as the reference for hard decisions, and as the detector itself for BPSK or at high
    SNR, where it is cheaper than a deep network. Its time depends on the data and grows
    exponentially with the streams at low SNR.

    argmin ||y - H x||^2 over all x, on the triangle of the sorted QR of the real model (Agrell,
    Eriksson, Vardy and Zeger 2002, algorithm Decode, after Schnorr and Euchner 1994). BPSK
    searches Nt unknowns of [Re H; Im H], QAM 2 Nt. For BPSK and QPSK the triangle is that of the
    MMSE receiver, which shrinks the tree and changes no decision, since ||x|| is constant. More
    streams than antennas need that: where they have 16-QAM or above, each stream is searched as
    the sum of log2(M) / 2 streams of QPSK, whose energy is constant (Cui and Tellambura 2005).

    Runs on the CPU, without gradients; tensors on another device are copied there and the result
    back. One call on complex64 computes in float32, where a distance is off by less than about
    1e-3; channels where it could be more (energy above 2e4 noise_var, nearly dependent columns),
    complex128 and the two halves apart compute in float64.
    Cost: a Gram matrix and its sorted Cholesky factor per channel; ``Detection.work`` per vector.

    Args:
        constellation: of the symbols, or its name.
        max_nodes: nodes of the tree that a search may visit, 1 to 10^9; default 10^7. The best
            vector by then is returned and marked in ``Detection.incomplete``: it need not be the ML
            one.

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> Sphere("bpsk")(y, h, 0.1).indices().tolist()
    [[0, 0]]
    """

    name = "sphere"
    rotation_invariant = True
    soft = False

    def __init__(self, constellation: Constellation | str, max_nodes: int = 10_000_000) -> None:
        super().__init__(constellation)
        self.max_nodes = check_positive_int("max_nodes", max_nodes, 10**9)

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> HardDetection:
        c, h = self._searched(h)
        indices, incomplete, work, ok = search_kernels.sphere(y, h, noise_var, c, self.max_nodes)
        work += triangle_cost(c, *h.shape[-2:])[1]
        if not ok.all():
            check_finite("h", h)
            check_finite("y", y)
            rest = ~ok
            prepared = real_triangular(h[rest], noise_var[rest], c)
            indices[rest], incomplete[rest], work[rest] = self._search(c, prepared, y[rest])
        return HardDetection(self.constellation, self._joined(c, indices), incomplete, work)

    def _searched(self, h: Tensor) -> tuple[Constellation, Tensor]:
        """Constellation and channel of the streams that are searched, see ``binary_streams``."""
        c = self.constellation
        if h.shape[-1] <= h.shape[-2] or has_constant_energy(c):
            return c, h
        return QPSK, split_channel(h, c)

    def _joined(self, searched: Constellation, indices: Tensor) -> Tensor:
        if searched == self.constellation:
            return indices
        return joined_indices(indices, self.constellation)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> RealTriangular:
        c, h = self._searched(h)
        return real_triangular(h, noise_var, c)

    def _detect(self, prepared: RealTriangular, y: Tensor) -> HardDetection:
        c = self.constellation
        # Only streams that are split are more than antennas in spite of changing energy.
        if not has_constant_energy(c) and prepared.order.shape[-1] > y.shape[-1]:
            c = QPSK
        indices, incomplete, work = (part.to(y.device) for part in self._search(c, prepared, y))
        return HardDetection(self.constellation, self._joined(c, indices), incomplete, work)

    def _search(
        self, c: Constellation, prepared: RealTriangular, y: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Indices, incomplete and work, on the CPU."""
        from mimolearn.kernels.search.sphere import kernel

        z = rotate(prepared, y, c)
        levels = torch.empty(z.shape, dtype=torch.int8, device="cpu")
        incomplete = torch.empty(z.shape[:-1], dtype=torch.bool, device="cpu")
        work = torch.empty(z.shape[:-1], dtype=torch.int64, device="cpu")
        kernel()(
            flat_blocks(prepared.columns).contiguous().numpy(),
            flat_blocks(z).contiguous().numpy(),
            c.num_levels,
            self.max_nodes,
            flat_blocks(levels).numpy(),
            flat_blocks(incomplete, 1).numpy(),
            flat_blocks(work, 1).numpy(),
        )
        levels = restore_order(prepared, levels, c)
        rotation = triangle_cost(c, y.shape[-1], prepared.order.shape[-1])[1]
        return levels_to_indices(levels, c), incomplete, work + rotation

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        c = self.constellation
        if num_tx_ant > num_rx_ant and not has_constant_energy(c):
            c, num_tx_ant = QPSK, num_tx_ant * c.bits_per_axis
        return Cost(triangle_cost(c, num_rx_ant, num_tx_ant)[0], None)
