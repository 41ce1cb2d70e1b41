"""Maximum likelihood by enumeration."""

from __future__ import annotations

from typing import NamedTuple, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import AxisLogitDetection, Detection, LogitDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost, Detector
from mimolearn.detectors.priors import check_streams
from mimolearn.detectors.search.real_triangular import has_constant_energy
from mimolearn.foundation.errors import check_finite, check_one_of, invalid
from mimolearn.foundation.tensors.linalg import flat_blocks, stack_real_columns, stack_real_vector
from mimolearn.kernels.search import calls as search_kernels

_MAX_VECTORS = 2**20
# Distances held at once, which bounds the memory to a few hundred MB.
_CHUNK = 2**23


class Prepared(NamedTuple):
    """H = Q R over sigma, real for BPSK; P = min(rows, columns) of H.

    Attributes:
        q: (*C, Nr, P) complex, or (*C, 2Nr, P) real.
        r: (*C, P, Nt).
    """

    q: Tensor
    r: Tensor


@final
class ML(Detector):
    """Maximum likelihood: compares every one of the M^Nt vectors.

    Choose it as the exact reference, hard and soft, for small systems. ``sphere`` (hard) and
    ``soft-sphere`` (max-log) serve larger ones.

    L_b = ln(sum over x with b=1 of exp(-||y - H x||^2/sigma^2)) - the same for b=0, by log-sum-exp
    throughout; "max-log" replaces the sums by their largest term. Decisions are the joint ML vector
    in both. Distances grow row by row on R, so most of the work is in the last row, and nothing
    large is subtracted. BPSK runs on [Re H; Im H].
    Priors of the bits are added to the distances, in the general path: the LLRs are then those of
    the exact posterior, and the decisions its most likely vector.

    One call on complex64 without gradients enumerates all streams but one in compiled code, on the
    triangle of ``sphere``, and sums over the last stream axis by axis. Distances are then off by
    less than about 1e-3; channels with a larger error take the general path.
    Cost: a QR per channel and the table of its M^Nt points; about 2 M^Nt per vector (real: 1).

    Args:
        constellation: of the symbols, or its name.
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed, and for M^Nt above 2^20.

    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> ML("bpsk")(y, h, 0.25).llr().round(decimals=3).flatten().tolist()
    [-16.0, -16.0]
    """

    name = "ml"
    any_points = True
    axis_kernel = True
    rotation_invariant = True
    takes_prior = True

    def __init__(self, constellation: Constellation | str, demapping: str = "exact") -> None:
        super().__init__(constellation)
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        num_points = self.constellation.num_points
        if num_points**num_tx_ant > _MAX_VECTORS:
            raise invalid(
                "h",
                f"<{num_tx_ant} streams of {num_points} points, {num_points}^{num_tx_ant} vectors>",
                "at most 2^20 vectors for 'ml'; use 'sphere', 'soft-sphere' or 'k-best'",
            )

    def _fuses(self, h: Tensor, y: Tensor) -> bool:
        determined = h.shape[-1] <= h.shape[-2] or has_constant_energy(self.constellation)
        return determined and super()._fuses(h, y)

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> AxisLogitDetection:
        logits, llr, decided, ok = search_kernels.ml(
            y, h, noise_var, self.constellation, self.demapping
        )
        if not ok.all():
            check_finite("h", h)
            check_finite("y", y)
            rest = ~ok
            others = self._detect(self._prepare(h[rest], noise_var[rest]), y[rest])
            assert isinstance(others, AxisLogitDetection)
            logits[rest], llr[rest] = others.logits, others.llr()
            decided[rest] = others.indices()
        return AxisLogitDetection(self.constellation, logits, decided, self.demapping, llr)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        if self.constellation.is_real:
            h = stack_real_columns(h)
        scale = noise_var.rsqrt()[..., None, None]
        q, r = torch.linalg.qr(h * scale)
        return Prepared(q * scale, r)

    def _detect(self, prepared: Prepared, y: Tensor) -> Detection:
        return self._enumerate(prepared, y, None)

    def _detect_informed(self, prepared: Prepared, y: Tensor, prior_llr: Tensor) -> Detection:
        check_streams(prior_llr, prepared.r.shape[-1])
        return self._enumerate(prepared, y, self.constellation.llr_to_logits(prior_llr))

    def _enumerate(
        self, prepared: Prepared, y: Tensor, log_prior: Tensor | None
    ) -> AxisLogitDetection | LogitDetection:
        """log_prior: (*C, T, Nt, M) log-probabilities of the points, or None."""
        z = (stack_real_vector(y) if self.constellation.is_real else y) @ prepared.q.conj()
        num_streams = prepared.r.shape[-1]
        num_points = self.constellation.num_points
        flat_z = flat_blocks(z)
        flat_r = flat_blocks(prepared.r)
        flat_prior = None if log_prior is None else flat_blocks(log_prior, 3)
        shape = (*flat_z.shape[:2], num_streams)
        separable = self.constellation.is_separable
        of_symbol = (num_points,)
        if separable:
            of_symbol = (1 if self.constellation.is_real else 2, self.constellation.num_levels)
        logits = torch.empty((*shape, *of_symbol), dtype=y.real.dtype, device=y.device)
        decided = torch.empty(shape, dtype=torch.int64, device=y.device)
        size = max(1, _CHUNK // num_points**num_streams)
        num_channels = max(1, size // max(1, shape[1]))
        for c in range(0, shape[0], num_channels):
            channels = slice(c, c + num_channels)
            tables = self._tables(flat_r[channels])
            for t in range(0, shape[1], size):
                vectors = slice(t, t + size)
                metric = _log_likelihoods(tables, flat_z[channels, vectors])
                if flat_prior is not None:
                    metric = metric + _of_vectors(flat_prior[channels, vectors])
                marginals = self._marginals(metric, num_streams)
                if separable:
                    marginals = self.constellation.logits_to_axis_logits(marginals, self.demapping)
                logits[channels, vectors] = marginals
                decided[channels, vectors] = self._unravel(metric.argmax(-1), num_streams)
        symbols = (*z.shape[:-1], num_streams)
        logits, decided = logits.reshape(*symbols, *of_symbol), decided.reshape(symbols)
        if separable:
            return AxisLogitDetection(self.constellation, logits, decided, self.demapping)
        return LogitDetection(self.constellation, logits, self.demapping, decided)

    def _tables(self, r: Tensor) -> list[Tensor]:
        """Return row i of R x for all values of its streams, (C, M^(Nt - i)), the last row first.

        The first of these streams varies slowest.
        """
        points = self.constellation.points_as(r.dtype.to_complex(), r.device)
        points = points if r.is_complex() else points.real
        tables = []
        for i in range(r.shape[-2] - 1, -1, -1):
            table = r.new_zeros(r.shape[0], 1)
            for j in range(r.shape[-1] - 1, i - 1, -1):
                table = ((r[:, i, j, None] * points).unsqueeze(-1) + table.unsqueeze(-2)).flatten(1)
            tables.append(table)
        return tables

    def _marginals(self, metric: Tensor, num_streams: int) -> Tensor:
        """Reduce (..., M^N) to (..., N, M), by halves, each of which is a much smaller problem."""
        if num_streams == 1:
            return metric.unsqueeze(-2)
        reduce = torch.amax if self.demapping == "max-log" else torch.logsumexp
        right = num_streams // 2
        left = num_streams - right
        halves = metric.unflatten(-1, (-1, self.constellation.num_points**right))
        return torch.cat(
            [
                self._marginals(reduce(halves, -1), left),
                self._marginals(reduce(halves, -2), right),
            ],
            -2,
        )

    def _unravel(self, vectors: Tensor, num_streams: int) -> Tensor:
        """Return the symbol indices (..., Nt) of numbers of vectors (...)."""
        bits = self.constellation.bits_per_symbol
        shifts = bits * torch.arange(num_streams - 1, -1, -1, device=vectors.device)
        return (vectors.unsqueeze(-1) >> shifts) & (self.constellation.num_points - 1)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        real = self.constellation.is_real
        rows = num_rx_ant * (2 if real else 1)
        rank = min(rows, num_tx_ant)
        entries = sum(self.constellation.num_points ** (num_tx_ant - i) for i in range(rank))
        prepare = counting.qr(rows, num_tx_ant, real=real)
        # Tables are sums of products made once per stream and point; they are built in detect.
        per_vector = counting.matvec(rank, rows, real=real) + entries * (1 if real else 2)
        return Cost(prepare, per_vector)


def _of_vectors(log_prior: Tensor) -> Tensor:
    """Log-probability of every vector: (..., Nt, M) to (..., M^Nt), first stream slowest."""
    total, *others = log_prior.unbind(-2)
    for symbol in others:
        total = (total.unsqueeze(-1) + symbol.unsqueeze(-2)).flatten(-2)
    return total


def _log_likelihoods(tables: list[Tensor], z: Tensor) -> Tensor:
    """Return -||z - R x||^2 of every vector, (C, T, M^Nt) real, for tables and z (C, T, P)."""
    metric = torch.zeros((*z.shape[:2], 1), dtype=z.real.dtype, device=z.device)
    for table, value in zip(tables, z.flip(-1).unbind(-1), strict=True):
        axes = [(table, value)]
        if z.is_complex():
            axes = [(table.real, value.real), (table.imag, value.imag)]
        metric = metric.repeat(1, 1, table.shape[-1] // metric.shape[-1])
        for points, received in axes:
            gap = points.unsqueeze(-2) - received.unsqueeze(-1)
            metric.addcmul_(gap, gap, value=-1)
    return metric
