"""Orthogonal approximate message passing."""

from __future__ import annotations

from typing import NamedTuple, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost
from mimolearn.detectors.message_passing.damped import DampedDetector
from mimolearn.detectors.priors import InformedDetection, check_streams, level_priors, moments
from mimolearn.foundation.errors import check_one_of
from mimolearn.foundation.tensors.linalg import (
    as_complex,
    gram,
    matched_filter,
    stack_real_columns,
    stack_real_vector,
)
from mimolearn.kernels.iterative import calls as iterative_kernels

# Least variance of the estimate that a layer works with, against a unit-energy symbol.
_LEAST_VAR = 1e-9
# The same with a variance for each stream, against the noise: interference is far
# below it there, and what is left of a stream would be lost in rounding in compiled code.
_LEAST_ERROR = 1e-2


class Prepared(NamedTuple):
    """The eigen-decomposition G = U diag(lambda) U^H of a channel scaled to mean eigenvalue 1.

    Attributes:
        h: (*C, M, N) complex, or real of 2Nr rows for BPSK; the scaled channel.
        basis: (*C, N, N); U.
        eigenvalues: (*C, 1, N) real; lambda.
        inverse: (*C, 1, N) real; 1/lambda, and 0 for an eigenvalue of 0.
        noise_var: (*C, 1, 1) real; noise variance per row of h.
        scale: (*C, 1, 1) real; divisor of h, of y and of the root of the noise variance.
    """

    h: Tensor
    basis: Tensor
    eigenvalues: Tensor
    inverse: Tensor
    noise_var: Tensor
    scale: Tensor


class Observed(NamedTuple):
    """What the layers read of y.

    Attributes:
        matched: (*C, T, N); U^H H^H y.
        unexplained: (*C, T, 1) real; the energy of y that no x explains.
    """

    matched: Tensor
    unexplained: Tensor


class Extrinsic(NamedTuple):
    """r = x + CN(0, var), or N(0, var) in a real model.

    Attributes:
        r: (*C, T, N).
        var: (*C, T, 1) real, or (*C, T, N) with one for each stream.
    """

    r: Tensor
    var: Tensor


@final
class OAMP(DampedDetector):
    """Orthogonal AMP: LMMSE and symbol-wise denoising in turns, with uncorrelated errors.

    Choose it between ``lmmse`` and ``ep``: a Gram matrix and its eigenvectors once a channel, then
    two products a layer and vector. With light load it equals EP. It is OAMP-Net2 with its scalars
    untrained (1, 1, 1, 0).

    v^2 = (||y - H x||^2 - Nr sigma^2) / tr(H^H H), W = Nt / tr(What H) What with What = (H^H H +
    sigma^2/v^2 I)^-1 H^H, r = x + W (y - H x), tau^2 = [v^2 tr(C C^H) + sigma^2 tr(W W^H)] / Nt
    with C = I - W H, x = E[x | r, tau^2] (Ma and Ping 2017; He et al. 2020). The output is r and
    tau^2 of the last layer, not x. For BPSK the same in real numbers on [Re H; Im H] with
    sigma^2/2. The papers write the real form of size 2Nt; for QAM the complex one above is the
    same. Differs from their cost: one eigen-decomposition per channel makes every inverse and trace
    of every layer diagonal.

    That is ``variances`` "shared", as published. Its tau^2 is a large-system value: in square or
    small systems the true error is up to four times that, and a decoder makes less of the LLRs than
    of those of LMMSE. "streams" (default), which is ours, gives each stream its variance as
    OAMP-Net2 with "streams" does, tau_i^2 = sigma^2 a_i / b_i, with v^2 at least the mean posterior
    variance of the layer before. The first layer is then unbiased LMMSE. Later ones claim too much
    where they claim much less than the first, so that tau_i^2 (2 - tau_i^2 / tau_i1^2) takes the
    place of tau_i^2: LLRs are true within a few per cent around the waterfall of coded links.

    Priors of the bits give the first x, and weigh the points in every denoising and demapping.

    One call on complex64 without gradients runs in compiled code, which inverts for every vector
    and layer instead. Prepared channels keep the decomposition, which many vectors share.
    Cost: Gram and eigen-decomposition (about 9 N^3 multiplications) per channel; two products of
    Nt^2 per layer and vector.

    Args:
        constellation: of the symbols, or its name.
        num_iter: number of layers; default 10.
        damping: share of the old x that is kept, 0 to 1; default 0 as in the paper.
        demapping: "exact" (default) or "max-log".
        variances: "streams" (default), one for each stream; or "shared", one for all as published.

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> OAMP("bpsk")(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "oamp"
    revision = 2
    decoding_clip = 20.0
    any_points = True
    axis_kernel = True
    takes_prior = True

    def __init__(
        self,
        constellation: Constellation | str,
        num_iter: int = 10,
        damping: float = 0.0,
        demapping: str = "exact",
        variances: str = "streams",
    ) -> None:
        super().__init__(constellation, num_iter, damping, demapping)
        self.variances = check_one_of("variances", variances, ("streams", "shared"))

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> GaussianDetection:
        streams = self.variances == "streams"
        solved = iterative_kernels.orthogonal_amp(
            y,
            h,
            noise_var,
            self.constellation,
            self.num_iter,
            self.damping,
            streams=streams,
            wary=streams,
        )
        return GaussianDetection(self.constellation, *solved, self.demapping)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        return prepare_oamp(h, noise_var, self.constellation)

    def _detect(self, prepared: Prepared, y: Tensor) -> GaussianDetection:
        last = self._layers(prepared, y)[-1]
        # In a real model var is that of the one axis that GaussianDetection takes half for.
        error_var = 2 * last.var if self.constellation.is_real else last.var
        return GaussianDetection(self.constellation, as_complex(last.r), error_var, self.demapping)

    def _detect_informed(
        self, prepared: Prepared, y: Tensor, prior_llr: Tensor
    ) -> InformedDetection:
        check_streams(prior_llr, prepared.h.shape[-1])
        c = self.constellation
        log_prior = level_priors(c, prior_llr)
        levels = c.axis(prior_llr.dtype, prior_llr.device).levels
        observed = observe(prepared, y, c)
        mean, left = moments(log_prior, levels)
        layer, first, x = None, None, _joined(mean, c)
        for _ in range(self.num_iter):
            if layer is not None:
                values, error_var = _by_axis(layer, c)
                gaps = (values.unsqueeze(-1) - levels).square()
                mean, left = moments(log_prior - gaps / (2 * error_var.unsqueeze(-1)), levels)
                x = torch.lerp(_joined(mean, c), x, self.damping)
            layer = self._layer(prepared, observed, x, left.sum(-1).mean(-1, keepdim=True), first)
            first = layer.var if first is None else first
        assert layer is not None
        return InformedDetection(c, *_by_axis(layer, c), prior_llr, self.demapping)

    def iterates(self, prepared: Prepared, y: Tensor) -> list[Tensor]:
        """Return r of all layers.

        Args:
            prepared: what ``prepare`` returned for channels (*C, Nr, Nt).
            y: (*C, T, Nr) complex; the received vectors.
        """
        return [as_complex(layer.r) for layer in self._layers(prepared, y)]

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        real = self.constellation.is_real
        rows = 2 * num_rx_ant if real else num_rx_ant
        n = num_tx_ant
        per_product = 1 if real else 4
        basis = counting.matvec(n, n, real=real)
        axes = 1 if real else 2
        # Diagonal work of a layer, then the denoiser's distances, weights, mean.
        layer = 2 * basis + (8 + 4 * axes) * n + n * 5 * counting.distances(self.constellation)
        if self.variances == "streams":
            layer += 2 * n * n
        start = 2 * counting.matvec(rows, n, real=real) + 2 * basis
        # Tridiagonal reduction 4/3, its eigenvectors about 6, back-transformation 2 (times n^3).
        return Cost(
            counting.gram(rows, n, real=real) + 28 * n**3 // 3 * per_product,
            start + self.num_iter * layer,
        )

    def _layers(self, prepared: Prepared, y: Tensor) -> list[Extrinsic]:
        observed = observe(prepared, y, self.constellation)
        x = torch.zeros_like(observed.matched)
        left = torch.ones_like(observed.unexplained)
        history: list[Extrinsic] = []
        for _ in range(self.num_iter):
            first = history[0].var if history else None
            history.append(self._layer(prepared, observed, x, left, first))
            mean, left = denoise(history[-1], self.constellation)
            x = torch.lerp(mean, x, self.damping)
        return history

    def _layer(
        self,
        prepared: Prepared,
        observed: Observed,
        x: Tensor,
        left: Tensor,
        first: Tensor | None,
    ) -> Extrinsic:
        """The linear half of a layer; ``left`` is the mean posterior variance of x, (*C, T, 1)."""
        if self.variances == "shared":
            return extrinsic(prepared, observed, x)
        r, var = stream_extrinsic(prepared, observed, x, left)
        if first is None:
            return Extrinsic(r, var)
        return Extrinsic(r, var * (2 - (var / first).clamp(max=1)))


def prepare_oamp(h: Tensor, noise_var: Tensor, constellation: Constellation) -> Prepared:
    """Decompose channels h (*C, Nr, Nt) complex with noise variances (*C)."""
    if constellation.is_real:
        h, noise_var = stack_real_columns(h), noise_var / 2
    # The squares of the Gram overflow in single precision long before the channel does.
    tiny = torch.finfo(noise_var.dtype).tiny
    peak = h.detach().abs().amax((-2, -1)).clamp(min=tiny)
    h = h / peak[..., None, None]
    eigenvalues, basis = torch.linalg.eigh(gram(h))
    largest = eigenvalues[..., -1:]
    seen = eigenvalues > largest * (h.shape[-1] * torch.finfo(eigenvalues.dtype).eps)
    eigenvalues = torch.where(seen, eigenvalues, torch.zeros_like(eigenvalues))
    scale = eigenvalues.mean(-1, keepdim=True)
    eigenvalues = eigenvalues / scale
    inverse = torch.where(seen, 1 / torch.where(seen, eigenvalues, 1.0), 0.0)
    amplitude = scale.sqrt()
    root = peak.unsqueeze(-1) * amplitude
    noise_var = noise_var.unsqueeze(-1) / root / root
    return Prepared(
        h / amplitude.unsqueeze(-1),
        basis,
        eigenvalues.unsqueeze(-2),
        inverse.unsqueeze(-2),
        noise_var.unsqueeze(-2),
        root.unsqueeze(-2),
    )


def observe(prepared: Prepared, y: Tensor, constellation: Constellation) -> Observed:
    """Compute, once a vector, what the layers read of y (*C, T, Nr) complex."""
    y = stack_real_vector(y) if constellation.is_real else y
    y = y / prepared.scale
    matched = matched_filter(prepared.h, y) @ prepared.basis.conj()
    least_squares = (matched * prepared.inverse) @ prepared.basis.mT
    # Evaluated as a residual: ||y||^2 less the explained energy cancels at high SNR.
    unexplained = _energy(y - least_squares @ prepared.h.mT)
    return Observed(matched, unexplained)


def extrinsic(
    prepared: Prepared,
    observed: Observed,
    x: Tensor,
    gamma: Tensor | float = 1.0,
    theta: Tensor | float = 1.0,
) -> Extrinsic:
    """Apply the linear half of a layer (He et al. 2020).

    Args:
        prepared: the decomposed channels.
        observed: what the layers read of y.
        x: (*C, T, N); the estimate of the layer before.
        gamma: OAMP-Net2's scalar of the step; default 1.
        theta: OAMP-Net2's scalar in C; default 1.
    """
    eigenvalues, noise_var = prepared.eigenvalues, prepared.noise_var
    n = prepared.h.shape[-1]
    residual, var = _remaining(prepared, observed, x)
    var = var.clamp(min=_LEAST_VAR)
    weight = 1 / (eigenvalues + noise_var / var)
    weight = weight * (n / (weight * eigenvalues).sum(-1, keepdim=True))
    r = x + gamma * ((weight * residual) @ prepared.basis.mT)
    remaining = (1 - theta * weight * eigenvalues).square().mean(-1, keepdim=True)
    noise = theta**2 * (weight.square() * eigenvalues).mean(-1, keepdim=True)
    return Extrinsic(r, var * remaining + noise_var * noise)


def stream_extrinsic(
    prepared: Prepared,
    observed: Observed,
    x: Tensor,
    least_var: Tensor,
    gamma: Tensor | float = 1.0,
    theta: Tensor | float = 1.0,
) -> Extrinsic:
    """Apply the linear half of a layer with a variance for each stream.

    Args:
        prepared: the decomposed channels.
        observed: what the layers read of y.
        x: (*C, T, N); the estimate of the layer before.
        least_var: (*C, T, 1); v^2 is at least that.
        gamma: OAMP-Net2's scalar of the step; default 1.
        theta: OAMP-Net2's scalar of the error variances; default 1.
    """
    eigenvalues, noise_var = prepared.eigenvalues, prepared.noise_var
    residual, var = _remaining(prepared, observed, x)
    var = torch.maximum(torch.maximum(var, least_var), _LEAST_ERROR * noise_var)
    weight = 1 / (eigenvalues + noise_var / var)
    shares = prepared.basis.abs().square().mT
    share = ((weight * eigenvalues) @ shares).clamp(min=torch.finfo(var.dtype).eps)
    r = x + gamma * ((weight * residual) @ prepared.basis.mT) / share
    return Extrinsic(r, theta * noise_var * (weight @ shares) / share)


def _remaining(prepared: Prepared, observed: Observed, x: Tensor) -> tuple[Tensor, Tensor]:
    """U^H H^H (y - H x), (*C, T, N), and the variance of x by its energy, (*C, T, 1)."""
    rows, n = prepared.h.shape[-2:]
    residual = observed.matched - prepared.eigenvalues * (x @ prepared.basis.conj())
    power = residual.abs().square() * prepared.inverse
    distance = observed.unexplained + power.sum(-1, keepdim=True)
    return residual, (distance - rows * prepared.noise_var) / n


def denoise(
    layer: Extrinsic,
    constellation: Constellation,
    phi: Tensor | float = 1.0,
    xi: Tensor | float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Apply the other half: phi (E[x | r, var] - xi r), and the mean posterior variance.

    Args:
        layer: output of the linear half.
        constellation: of the symbols.
        phi: OAMP-Net2's factor; default 1.
        xi: OAMP-Net2's share of r; default 0.
    """
    if constellation.is_real:
        mean, left = constellation.axis_posterior(layer.r, layer.var)
    else:
        mean, left = constellation.posterior(layer.r, layer.var)
    return phi * (mean - xi * layer.r), left.mean(-1, keepdim=True)


def _by_axis(layer: Extrinsic, constellation: Constellation) -> tuple[Tensor, Tensor]:
    """Estimates and variances of the axes, (..., A); a complex error is in both."""
    real = constellation.is_real
    values = layer.r.unsqueeze(-1) if real else torch.view_as_real(layer.r)
    error_var = layer.var if real else layer.var / 2
    return values, error_var.unsqueeze(-1).expand_as(values)


def _joined(values: Tensor, constellation: Constellation) -> Tensor:
    """Values of the axes (..., A) as the numbers that the layers compute with."""
    return values[..., 0] if constellation.is_real else torch.view_as_complex(values)


def _energy(x: Tensor) -> Tensor:
    return (x.conj() * x).real.sum(-1, keepdim=True)
