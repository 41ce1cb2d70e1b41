"""K-best detection: a breadth-first tree search of fixed cost."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost, Detector
from mimolearn.detectors.inputs import check_noise_var
from mimolearn.detectors.linear.lmmse import LMMSE
from mimolearn.detectors.linear.wl_lmmse import WidelyLinearLMMSE
from mimolearn.detectors.priors import check_streams
from mimolearn.detectors.search.filled import FilledDetection, rescored
from mimolearn.detectors.search.real_triangular import (
    RealTriangular,
    axis_labels,
    axis_llr_to_llr,
    levels_to_indices,
    real_triangular,
    restore_order,
    rotate,
    triangle_cost,
)
from mimolearn.foundation.errors import check_finite, check_positive_int, check_real, check_shape
from mimolearn.foundation.tensors.linalg import flat_blocks
from mimolearn.foundation.tensors.modes import in_standard_mode
from mimolearn.kernels.search import calls as search_kernels
from mimolearn.kernels.search.calls import Leaves
from mimolearn.kernels.triangles.mmse_tree import ordered_by_variance, penalties, prior_precision


class Survivors(NamedTuple):
    """The final list of a K-best search, in no order, k vectors or all there are.

    metrics: (*C, T, k), ||y - H x||^2 / noise_var less what all vectors x have in common:
    ||y||^2 / noise_var - ||z||^2, see ``KBest``. levels: (*C, T, k, Nt, A) int8, level of each
    real axis, 0 .. L-1. log_evidence: (*C, T), ln of the sum of exp(-metric) over all vectors
    that the Gaussian prior of the axes' mean energy has in place of the levels.
    """

    metrics: Tensor
    levels: Tensor
    log_evidence: Tensor


class Prepared(NamedTuple):
    """What a search needs of the channels, and what its counter-hypotheses need.

    Attributes:
        tree: the triangle of the MMSE receiver.
        linear: what the linear detector prepared.
    """

    tree: RealTriangular
    linear: Any


@final
class KBest(Detector):
    """K-best: keeps the k best partial vectors on every level of the tree.

    Choose it for near-ML decisions at a fixed cost, as hardware does, up to about 32 streams; it
    serves more streams than antennas too.

    The tree is that of the MMSE receiver without its bias, one real axis a row; all children of
    every survivor are compared (Guo and Nilsson 2006):

        R^T R = P^T (H^T H / noise_var + I / (2 E)) P,   z = R^-T P^T H^T y / noise_var
        D <- D + (z_i - sum_{j>i} r_ij x_j - r_ii x_i)^2 - x_i^2 / (2 E)

    in real form, with E the mean energy of an axis: 1/2 for QAM and 1 for BPSK, which has one axis
    a stream. (Were the energies unequal, 1 / (2 E_i) would stand on the diagonal and in row i.)
    The Gaussian prior makes early choices safe; what it adds belongs to one row each and is taken
    out there, so that a leaf has ||y - H x||^2 / noise_var + const exactly. In units of the noise
    of a real axis, noise_var / 2, D is twice as much: I/E, and x_i^2 / E. For BPSK and QPSK all
    levels have one energy, and nothing is to be taken out. The plain triangle needs 4 to 8 times
    the k for as few errors.
    Up to 16 streams of QAM the smallest posterior variance comes first (Foschini et al. 1999), else
    the rows are those of sorted QR (Wuebben et al. 2001), which is as good there.

    LLRs are max-log over the final list. Where the list holds only one value of a bit, ``lmmse``
    (``wl-lmmse`` for BPSK) stands in for what it does not hold: with D the metric of the nearest
    vector, q the probability that ``lmmse`` gives the value s that is held, and Z the sum of
    exp(-metric) over all vectors of its Gaussian model,

        L = s (ln(exp(-D) + Z q) - ln(Z (1 - q)))

    It is about that of ``lmmse`` where the list holds little of the mass, as at low SNR and light
    load, and larger where one vector stands out. All are clipped to ``llr_clip``. Decisions are the
    nearest vector of the list. ``survivors`` gives the list.

    Priors of the bits weigh the vectors of the list that is found without them, and the fill; what
    is clipped is what y adds to them.

    Runs on the CPU, without gradients; tensors on another device are copied there and the result
    back. One call on complex64 computes in float32, where a distance is off by less than about
    1e-3; channels where it could be more (energy above 2e4 noise_var), complex128 and the two
    halves apart compute in float64.
    Cost: a Gram matrix and its sorted Cholesky factor per channel, and what orders its streams; per
    vector about k n (n/2 + 2 L), with n real unknowns of L levels. Those of ``lmmse`` come on top.

    Args:
        constellation: of the symbols, or its name.
        k: vectors that each level of the tree keeps, 1 to 2^18; default 16.
        llr_clip: largest magnitude of an LLR, above 0; default 20. Tune it on the SNR range of a
            coded link.

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> KBest("bpsk", k=4)(y, h, 0.25).llr().round().flatten().tolist()
    [-16.0, -16.0]
    """

    name = "k-best"
    revision = 5
    rotation_invariant = True
    takes_prior = True

    def __init__(
        self, constellation: Constellation | str, k: int = 16, llr_clip: float = 20.0
    ) -> None:
        super().__init__(constellation)
        self.k = check_positive_int("k", k, 2**18)
        self.llr_clip = check_real("llr_clip", llr_clip, above=0)
        real = self.constellation.is_real
        self._linear = (WidelyLinearLMMSE if real else LMMSE)(self.constellation)

    @in_standard_mode
    def survivors(self, y: Tensor, h: Tensor, noise_var: Tensor | float) -> Survivors:
        """The final list of every vector, and the evidence of the Gaussian model beside it.

        Sums of exp(-metric) over the list are masses of hypotheses; with the Gaussian evidence in
        the same unit, exp(log_evidence), they say how much mass the list does not hold.

        Args:
            y: (*C, T, Nr) complex, of the dtype of h.
            h: (*C, Nr, Nt) complex.
            noise_var: (*C) real or a number, above 0.

        Returns:
            ``Survivors``, on the CPU: float32 for complex64, else float64.

        Raises:
            InvalidInputError: as the detector itself.
        """
        self._check_channel(h)
        check_shape("y", y, "(*C, T, Nr)", isinstance(y, Tensor) and y.ndim >= 2)
        if y.shape[-1] != h.shape[-2] or y.shape[:-2] != h.shape[:-2]:
            expected = f"(*C, T, Nr) with *C = {tuple(h.shape[:-2])} and Nr = {h.shape[-2]} as in h"
            check_shape("y", y, expected, False)
        noise_var = check_noise_var(noise_var, h)
        if self._path(h, noise_var, y) == "fused":
            return self.listed(y, h, noise_var)[0]
        check_finite("h", h)
        check_finite("y", y)
        _, _, leaves = self._search(self._prepare(h, noise_var).tree, y)
        return self._survivors(leaves, y.real.dtype)

    def listed(self, y: Tensor, h: Tensor, noise_var: Tensor) -> tuple[Survivors, Tensor]:
        """``survivors`` and the decisions (*C, T, Nt) of inputs that suit compiled code."""
        _, decided, leaves = self._fast(y, h, noise_var, listed=True)
        return self._survivors(leaves, y.real.dtype), decided

    def _survivors(self, leaves: Leaves, dtype: torch.dtype) -> Survivors:
        n = leaves.levels.shape[-2:].numel()
        shift, volume = _of_an_axis(self.constellation)
        metrics = (leaves.metrics - n * shift).to(dtype)
        return Survivors(metrics, leaves.levels, (n * volume - leaves.log_diagonal).to(dtype))

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> FilledDetection:
        llr, decided, leaves = self._fast(y, h, noise_var)
        # LLRs may be asked for later, or never: the linear detector waits, with inputs of its own.
        kept = y.clone(), h.clone(), noise_var.clone()
        return self._detection(llr, decided, leaves, lambda: self._linear(*kept).llr())

    def _detection(
        self, llr: Tensor, decided: Tensor, leaves: Leaves, linear: Callable[[], Tensor]
    ) -> FilledDetection:
        metrics, _, log_evidence = self._survivors(leaves, llr.dtype)
        nearest = metrics.amin(-1)
        return FilledDetection(
            self.constellation, llr, decided, nearest, log_evidence, linear, self.llr_clip
        )

    def _fast(
        self, y: Tensor, h: Tensor, noise_var: Tensor, listed: bool = False
    ) -> tuple[Tensor, Tensor, Leaves]:
        """What ``_search`` gives, in single precision wherever that can be trusted.

        listed: whether all leaves are wanted, or the nearest alone.
        """
        llr, decided, leaves, ok = search_kernels.k_best(
            y, h, noise_var, self.constellation, self.k, math.inf, listed
        )
        if not ok.all():
            check_finite("h", h)
            check_finite("y", y)
            rest = ~ok
            *others, exact = self._search(self._tree(h[rest], noise_var[rest]), y[rest])
            if not listed:
                nearest = exact.metrics.amin(-1, keepdim=True)
                exact = exact._replace(metrics=nearest, levels=exact.levels[..., :0, :, :])
            for part, of_rest in zip((llr, decided, *leaves), (*others, *exact), strict=True):
                part[rest] = of_rest.to(part.dtype)
        return llr, decided, leaves

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        return Prepared(self._tree(h, noise_var), self._linear.prepare(h, noise_var))

    def _tree(self, h: Tensor, noise_var: Tensor) -> RealTriangular:
        return real_triangular(h, noise_var, self.constellation, mmse=True)

    def _detect(self, prepared: Prepared, y: Tensor) -> FilledDetection:
        llr, decided, leaves = self._search(prepared.tree, y)
        kept = y.clone()
        detection = self._detection(
            llr, decided, leaves, lambda: self._linear.detect(prepared.linear, kept).llr()
        )
        return _moved(detection, y)

    def _detect_informed(self, prepared: Prepared, y: Tensor, prior_llr: Tensor) -> FilledDetection:
        check_streams(prior_llr, prepared.tree.order.shape[-1])
        _, _, leaves = self._search(prepared.tree, y)
        c = self.constellation
        metrics, levels, log_evidence = self._survivors(leaves, torch.float64)
        indices = levels_to_indices(levels, c)
        ones = c.indices_to_bits(indices).bool()
        prior = prior_llr.detach().to("cpu", torch.float64)
        llr, nearest, position = rescored(metrics, ones, prior)
        at = position[..., None, None].expand(*position.shape, 1, indices.shape[-1])
        linear_llr = self._linear.detect(prepared.linear, y).llr()
        decided = indices.gather(-2, at).squeeze(-2)
        evidence = log_evidence, lambda: linear_llr, self.llr_clip, prior
        return _moved(FilledDetection(c, llr, decided, nearest, *evidence), y)

    def _search(self, tree: RealTriangular, y: Tensor) -> tuple[Tensor, Tensor, Leaves]:
        """LLRs, decisions and leaves, on the CPU.

        An LLR is infinite where the leaves have one value of the bit only.
        """
        from mimolearn.kernels.search.k_best import kernel

        c = self.constellation
        z = rotate(tree, y, c)
        bits = axis_labels(c)
        n = z.shape[-1]
        k = min(self.k, c.num_levels**n)
        llr = torch.empty(*z.shape, bits.shape[1], dtype=torch.float64, device="cpu")
        levels = torch.empty(z.shape, dtype=torch.int8, device="cpu")
        metrics = torch.empty(*z.shape[:-1], k, dtype=torch.float64, device="cpu")
        points = torch.empty(*z.shape[:-1], k, n, dtype=torch.int8, device="cpu")
        kernel()(
            flat_blocks(tree.columns).contiguous().numpy(),
            flat_blocks(z).contiguous().numpy(),
            bits.numpy(),
            penalties(c).numpy(),
            k,
            math.inf,
            flat_blocks(llr, 3).numpy(),
            flat_blocks(levels).numpy(),
            flat_blocks(metrics).numpy(),
            flat_blocks(points, 3).numpy(),
        )
        llr = axis_llr_to_llr(restore_order(tree, llr, c))
        decided = levels_to_indices(restore_order(tree, levels, c), c)
        points = restore_order(tree, points.transpose(-1, -2), c).movedim(-1, -3)
        # A row of zeros stands for the least pivot that the MMSE triangle can have.
        diagonal = tree.columns.diagonal(dim1=-2, dim2=-1)
        least = c.min_distance() * math.sqrt(prior_precision(c))
        diagonal = diagonal.where(diagonal > 0, torch.full_like(diagonal, least))
        log_diagonal = diagonal.log().sum(-1, keepdim=True).expand(z.shape[:-1])
        return llr, decided, Leaves(metrics, points, log_diagonal)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        prepare, detect = triangle_cost(self.constellation, num_rx_ant, num_tx_ant)
        linear = self._linear.cost(num_rx_ant, num_tx_ant)
        if ordered_by_variance(self.constellation, num_tx_ant):
            # The inverse, and its factor, which orders the streams.
            prepare += counting.hermitian_inverse(num_tx_ant) + counting.cholesky(num_tx_ant)
        n = num_tx_ant * (1 if self.constellation.is_real else 2)
        survivors = 1
        for row in range(n - 1, -1, -1):
            children = survivors * self.constellation.num_levels
            survivors = min(children, self.k)
            detect += 2 * children + survivors * row
        assert linear.per_vector is not None
        return Cost(prepare + linear.per_channel, detect + linear.per_vector)


@functools.cache
def _of_an_axis(constellation: Constellation) -> tuple[float, float]:
    """What one real axis adds to all metrics of a search, and to the evidence's logarithm."""
    precision = prior_precision(constellation)
    lowest = float(constellation.axis(torch.float64).levels[0])
    width = constellation.num_levels * constellation.min_distance()
    return precision * lowest**2, math.log(width * math.sqrt(precision))


def _moved(detection: FilledDetection, y: Tensor) -> FilledDetection:
    """The same in the precision and on the device of y."""
    for name, value in vars(detection).items():
        if isinstance(value, Tensor):
            dtype = y.real.dtype if value.is_floating_point() else value.dtype
            setattr(detection, name, value.to(y.device, dtype))
    return detection
