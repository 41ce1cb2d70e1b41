"""TapNet: an unfolded, damped TAP network on the Gram matrix, four scalars a layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import AxisGaussianDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Compiled, Cost
from mimolearn.detectors.inputs import matching
from mimolearn.detectors.learned import UnfoldedDetector
from mimolearn.detectors.unfolded.tap_scalars import (
    LayerScalars,
    channel_features,
    scalars_of_layer,
)
from mimolearn.foundation.errors import check_bool, check_one_of
from mimolearn.foundation.tensors.linalg import (
    add_diagonal,
    gram,
    hermitian_inverse,
    matched_filter,
    stack_real_matrix,
    stack_real_vector,
)
from mimolearn.kernels.machine.axis_tables import axis_tables
from mimolearn.kernels.machine.launch import FEW_CHANNELS, checked, floats_of, usable, workspace
from mimolearn.kernels.networks import calls as network_kernels


class Start(NamedTuple):
    """Start L: the LMMSE estimate of every unknown without its prior.

    Attributes:
        matrix: (*C, n, n) real; diag(1/mu) A^-1, transposed.
        var: (*C, 1, n) real; E (1 - mu) / mu.
    """

    matrix: Tensor
    var: Tensor


class Prepared(NamedTuple):
    """The real model of a channel, n = Nt for BPSK, 2Nt for QAM; G and v over the mean of g.

    Attributes:
        h: (*C, Nr, Nt) complex; the channel.
        scale: (*C, 1, 1); one over the mean of g.
        coupling: (*C, n, n); G with a zero diagonal.
        squares: (*C, n, n); S_ij / (g_i g_j), or in the scalar form (*C, 1, n), sum_j S_ij / g_i.
        energy: (*C, 1, n); g.
        noise: (*C, 1, 1); v.
        start: of start "lmmse", else None.
        scalars: (L, 4) or (*C, L, 4); see ``tap_scalars``.
    """

    h: Tensor
    scale: Tensor
    coupling: Tensor
    squares: Tensor
    energy: Tensor
    noise: Tensor
    start: Start | None
    scalars: Tensor


class Interleaved(NamedTuple):
    """State of the path "interleaved".

    Attributes:
        h: (*C, Nr, Nt) complex; torch prepares from it and from noise_var if it has to.
        noise_var: (*C) real.
        interleaved: what the kernels keep of 16 channels at a time.
        scalars: (L, 4) or (*C, L, 4); see ``tap_scalars``.
    """

    h: Tensor
    noise_var: Tensor
    interleaved: network_kernels.InterleavedTap
    scalars: Tensor


class Layer(NamedTuple):
    """Output of a layer: r = x + N(0, var), and the mean of x given r.

    Attributes:
        r: (*C, T, n) real.
        var: (*C, T, n) real.
        mean: (*C, T, n) real.
    """

    r: Tensor
    var: Tensor
    mean: Tensor


@final
class TapNet(UnfoldedDetector):
    """Unfolded TAP detection: decisions of a tree search at the price of a few Gram products.

    Choose it for many streams, as the trained ``tap-net-8v`` (within 0.02 dB of ML at 32 x 64 and,
    for BPSK, 32 x 32, BER 1e-3 and 1e-4). For correlated channels or channels of all kinds choose
    ``tap-net-any``, or ``tap-net-any-12`` for BPSK and QPSK with calibrated soft output at low
    SNRs; scalars serve every size and constellation. Untrained it loses up to 0.3 dB, and under
    strong correlation it is worse than ``lmmse``. Correlation needs start "lmmse" and form
    "vector". Behind ``guarded`` it also serves high QAM orders under correlation and small square
    systems.

    The mean-field equations of Thouless, Anderson and Palmer (1977), which Kabashima (2003) brought
    to multi-user detection and Donoho, Maleki and Montanari (2009) to compressed sensing as AMP.
    Damping, scalars, both starts and their training are ours. On the real model with G = H^T H, b =
    H^T y, g_i = G_ii, S_ij = G_ij^2 off the diagonal, v the noise variance of a real axis, a layer
    with scalars (delta, alpha, beta, o) does
    u_i = b_i - (G x)_i + o (S c)_i / g_i u_i, with the old u and c;
    tau_i = (beta v + alpha (S nu)_i / g_i) / g_i; r_i = x_i + u_i / g_i;
    (m, w) = posterior mean and variance of a level given r_i = level + N(0, tau_i);
    x += delta (m - x); nu += delta (w - nu); c_i = w_i / (tau_i g_i).
    Unlike AMP it divides by each g_i rather than by their mean. It starts from the posterior of
    LMMSE, or from x = 0 and the prior's variance, with u = c = 0. The output is r, tau of the last
    layer, r = x + N(0, tau), on each real axis.

    Cost: a Gram matrix per channel, with start "lmmse" an inverse; 1 or 3 real n x n products a
    layer per vector, and the starting product.

    Args:
        constellation: of the symbols, or its name.
        num_layers: number of layers L; default 8.
        form: "vector" (default), or "scalar", which replaces S nu by its row sums times the mean of
            nu and saves two of three products.
        start: "lmmse" (default) or "zero".
        adaptive: whether scalars are a quadratic function of the channel's statistics (see
            ``tap_scalars``), for one set of weights over many scenarios; default False.
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> TapNet("bpsk")(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "tap-net"
    rotation_invariant = True
    halves = "interleaved"
    any_constellation = True

    def __init__(
        self,
        constellation: Constellation | str,
        num_layers: int = 8,
        form: str = "vector",
        start: str = "lmmse",
        adaptive: bool = False,
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation, num_layers)
        self.form = check_one_of("form", form, ("vector", "scalar"))
        self.start = check_one_of("start", start, ("lmmse", "zero"))
        self.adaptive = check_bool("adaptive", adaptive)
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))
        self.scalars = LayerScalars(self.num_layers, adaptive)

    def _fuses(self, h: Tensor, y: Tensor) -> bool:
        return super()._fuses(h, y) and h.shape[:-2].numel() >= FEW_CHANNELS

    def _learned(self) -> Sequence[Tensor]:
        return (self.scalars.base,)

    def _detects_compiled(self, prepared: Prepared, y: Tensor) -> bool:
        fitting = matching(y.shape, prepared.h.shape)
        return fitting and usable(y, prepared.coupling, prepared.scalars)

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> AxisGaussianDetection:
        blocks, num = h.shape[:-2], h.shape[:-2].numel()
        flat = y.reshape(num, *y.shape[-2:]), h.reshape(num, *h.shape[-2:]), noise_var.reshape(num)
        parts, prepared = [], None
        # Some at a time: what is prepared of many would leave the cache before it is used.
        for some_y, some_h, some_noise in network_kernels.in_parts(*flat):
            prepared = self._prepare_interleaved(some_h, some_noise, prepared)
            parts.append(self._detect_lanes(prepared, some_y))
        values, error_var = (
            torch.cat(part).unflatten(0, blocks) for part in zip(*parts, strict=True)
        )
        finite = bool(torch.isfinite(values).all() and torch.isfinite(error_var).all())
        checked(finite, y, h, values, error_var)
        return AxisGaussianDetection(self.constellation, values, error_var, self.demapping)

    def _detect_interleaved(self, state: Interleaved, y: Tensor) -> AxisGaussianDetection:
        values, error_var = self._detect_lanes(state, y)
        return AxisGaussianDetection(self.constellation, values, error_var, self.demapping)

    def _prepare_interleaved(
        self, h: Tensor, noise_var: Tensor, before: Interleaved | None = None
    ) -> Interleaved:
        """Prepare in the memory of ``before``, a state of as many channels or more."""
        with_start = self.start == "lmmse" or self.adaptive
        kept = network_kernels.tap_prepare(
            h,
            noise_var,
            axes=self._axes(),
            prior=self._prior(),
            with_start=with_start,
            reused=None if before is None else before.interleaved,
        )
        features = None
        if self.adaptive:
            features = self._features(kept.start_var, kept.noise, kept.row_sums)
        return Interleaved(h, noise_var, kept, self.scalars(features, h.real))

    def _features(self, start_var: Tensor, noise: Tensor, row_sums: Tensor) -> Tensor:
        half_distance = self.constellation.min_distance() / 2
        levels = self.constellation.num_levels
        return channel_features(start_var, noise, row_sums, half_distance, levels)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        matrix = gram(h)
        if self.constellation.is_real:
            matrix = matrix.real
        energy = matrix.diagonal(dim1=-2, dim2=-1).real.unsqueeze(-2)
        mean = energy.mean((-2, -1), keepdim=True)
        scale = 1 / torch.where(mean > 0, mean, torch.ones_like(mean))
        matrix, noise = matrix * scale, noise_var[..., None, None] / 2 * scale
        # A stream that is not received gets a variance so large that it says nothing.
        energy = (energy * scale).clamp(min=torch.finfo(noise.dtype).eps)
        start = None
        if self.start == "lmmse" or self.adaptive:
            start = self._lmmse(matrix, noise)
        if not self.constellation.is_real:
            matrix, energy = stack_real_matrix(matrix), torch.cat([energy, energy], -1)
        coupling = matrix - torch.diag_embed(matrix.diagonal(dim1=-2, dim2=-1))
        row_sums = (coupling * coupling).sum(-2, keepdim=True) / energy
        squares = row_sums
        if self.form == "vector":
            squares = (coupling / energy) * (coupling / energy.mT)
        features = None
        if self.adaptive and start is not None:
            features = self._features(start.var, noise, row_sums / energy)
        return Prepared(
            h,
            scale,
            coupling,
            squares,
            energy,
            noise,
            start if self.start == "lmmse" else None,
            self.scalars(features, noise),
        )

    def _lmmse(self, matrix: Tensor, noise: Tensor) -> Start:
        """Return start L from the Gram matrix, complex for QAM, which makes the inverse cheaper."""
        prior = self._prior()
        inverse = hermitian_inverse(add_diagonal(matrix, (noise / prior).squeeze(-1)))
        missing = inverse.diagonal(dim1=-2, dim2=-1).real.unsqueeze(-2) * (noise / prior)
        # mu = 1 - missing cancels at low SNR, as (A^-1 G)_ii it does not.
        mu = (inverse * matrix.conj()).real.sum(-1).unsqueeze(-2)
        mu = mu.clamp(min=torch.finfo(mu.dtype).eps)
        var = prior * missing / mu
        if self.constellation.is_real:
            return Start(inverse / mu, var)
        return Start(stack_real_matrix(inverse / mu.mT).mT, torch.cat([var, var], -1))

    def _detect(self, prepared: Prepared, y: Tensor) -> AxisGaussianDetection:
        *_, last = self._run(prepared, self._matched(prepared, y))
        return self._detection(last.r, last.var)

    def _detect_lanes(self, prepared: Interleaved, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return r and var of the last layer, by axis."""
        c, vector_form = self.constellation, self.form == "vector"
        kept, scalars = prepared.interleaved, prepared.scalars
        if self.start != "lmmse":
            kept = kept._replace(factor=kept.factor[:0])
        return network_kernels.tap_detect(
            y, prepared.h, kept, scalars, c, self._prior(), vector_form=vector_form
        )

    def layers(self, prepared: Prepared | Compiled, y: Tensor) -> Iterator[Tensor]:
        """Yield the posterior means of every layer."""
        ready: Prepared = self._in_torch(prepared)
        for layer in self._run(ready, self._matched(ready, y)):
            mean = self._by_axis(layer.mean)
            if self.constellation.is_real:
                yield torch.complex(mean[..., 0], torch.zeros_like(mean[..., 0]))
            else:
                yield torch.view_as_complex(mean)

    def layer_detections(
        self, prepared: Prepared | Compiled, y: Tensor
    ) -> Iterator[AxisGaussianDetection]:
        ready: Prepared = self._in_torch(prepared)
        for layer in self._run(ready, self._matched(ready, y)):
            yield self._detection(layer.r, layer.var)

    def layer_parameters(self) -> Sequence[tuple[Tensor, int]]:
        return [(parameter, 0) for parameter in self.scalars.parameters()]

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        real = self.constellation.is_real
        rows = 2 * num_rx_ant if real else num_rx_ant
        n = num_tx_ant if real else 2 * num_tx_ant
        product = counting.matvec(n, n, real=True)
        # Posterior moments a level: distance, its weight, mean, and variance (2 products).
        elementwise = n * (5 * self.constellation.num_levels + 12)
        prepare = counting.gram(rows, num_tx_ant, real=real) + 2 * n * n
        detect = counting.matvec(rows, num_tx_ant, real=real)
        if self.start == "lmmse" or self.adaptive:
            inverse = counting.hermitian_inverse(num_tx_ant, real=real)
            prepare += inverse + counting.matvec(num_tx_ant, num_tx_ant, real=real)
        if self.start == "lmmse":
            detect += product + elementwise
        products = 3 if self.form == "vector" else 1
        return Cost(prepare, detect + self.num_layers * (products * product + elementwise))

    def _run(self, prepared: Prepared, matched: Tensor) -> Iterator[Layer]:
        energy, noise = prepared.energy, prepared.noise
        if prepared.start is None:
            x, nu = torch.zeros_like(matched), torch.full_like(matched, self._prior())
        else:
            first = matched @ prepared.start.matrix
            x, nu = self.constellation.axis_posterior(first, prepared.start.var)
        # u / g and c g of the equations: the matrices are divided accordingly.
        step, gain = torch.zeros_like(matched), torch.zeros_like(matched)
        for t in range(self.num_layers):
            delta, alpha, beta, onsager = scalars_of_layer(prepared.scalars, t)
            interference, feedback = self._spread(prepared, nu, gain)
            step = (matched - x @ prepared.coupling) / energy - x + onsager * feedback * step
            var = (beta * noise + alpha * interference) / energy
            r = x + step
            mean, remaining = self.constellation.axis_posterior(r, var)
            yield Layer(r, var, mean)
            x = x + delta * (mean - x)
            nu = nu + delta * (remaining - nu)
            gain = remaining / var

    def _spread(self, prepared: Prepared, nu: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
        """Return (S nu)_i / g_i and (S c)_i / g_i, c = gain / g."""
        if self.form == "vector":
            both = torch.cat([nu * prepared.energy, gain], -2) @ prepared.squares
            interference, feedback = both.chunk(2, -2)
            return interference, feedback
        mean_c = (gain / prepared.energy).mean(-1, keepdim=True)
        return prepared.squares * nu.mean(-1, keepdim=True), prepared.squares * mean_c

    def _detect_compiled(self, prepared: Prepared, y: Tensor) -> AxisGaussianDetection:
        from mimolearn.kernels.networks.tap import kernel, layout

        matched = self._matched(prepared, y)
        n, num_vectors = matched.shape[-1], matched.shape[-2]
        batch = matched.shape[:-2].numel()
        start, start_var = matched.new_empty(batch, 0, n), prepared.energy
        if prepared.start is not None:
            start, start_var = prepared.start
        r, var = torch.empty_like(matched), torch.empty_like(matched)
        kernel()(
            _array(prepared.coupling, (-1, n, n)),
            _array(prepared.squares, (-1, prepared.squares.shape[-2], n)),
            _array(prepared.energy, (-1, n)),
            _array(prepared.noise, (-1,)),
            _array(start, (batch, start.shape[-2], n)),
            _array(start_var, (batch, n)),
            _array(prepared.scalars, (-1, self.num_layers, 4)),
            axis_tables(self.constellation).levels,
            self._prior(),
            *(_array(part, (batch, num_vectors, n)) for part in (matched, r, var)),
            workspace(floats_of(layout, n)),
        )
        return self._detection(r, var)

    def _matched(self, prepared: Prepared, y: Tensor) -> Tensor:
        """Return b over the mean of g, (*C, T, n)."""
        product = matched_filter(prepared.h, y)
        stacked = product.real if self.constellation.is_real else stack_real_vector(product)
        return stacked * prepared.scale

    def _detection(self, r: Tensor, var: Tensor) -> AxisGaussianDetection:
        values, error_var = self._by_axis(r), self._by_axis(var)
        return AxisGaussianDetection(self.constellation, values, error_var, self.demapping)

    def _prior(self) -> float:
        """Return E, the mean energy of a real axis."""
        return 1.0 if self.constellation.is_real else 0.5

    def _axes(self) -> int:
        return 1 if self.constellation.is_real else 2

    def _by_axis(self, x: Tensor) -> Tensor:
        """Reshape (*C, T, n) to (*C, T, Nt, A)."""
        return torch.stack(x.chunk(self._axes(), -1), -1)


def _array(tensor: Tensor, shape: tuple[int, ...]) -> np.ndarray:
    return tensor.detach().reshape(shape).contiguous().numpy()
