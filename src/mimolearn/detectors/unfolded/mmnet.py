"""MMNet: gradient-like steps with a learned matrix, trained anew for every channel."""

from __future__ import annotations

from typing import NamedTuple, final

import torch
from torch import Generator, Tensor
from torch.optim import Adam

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost, Detector
from mimolearn.detectors.learned import check_layers
from mimolearn.foundation.errors import check_one_of, check_positive_int, check_real
from mimolearn.foundation.tensors.linalg import add_diagonal, gram, hermitian_inverse

# Channels that are trained together: their matrices, gradients and moments lie in memory at once.
_NUMBERS_AT_ONCE = 2**22
# Least error variance that a layer works with, against a unit-energy symbol.
_LEAST_VAR = 1e-9


class Prepared(NamedTuple):
    """Channels and what was learned for them.

    Attributes:
        h: (*C, Nr, Nt) complex.
        noise_var: (*C, 1, 1) real.
        steps: (L, *C, Nt, Nr) complex; A of each layer.
        log_scales: (L, *C, 1, Nt) real; the logarithm of theta of each layer and stream.
    """

    h: Tensor
    noise_var: Tensor
    steps: Tensor
    log_scales: Tensor


@final
class MMNet(Detector):
    """MMNet with full matrices, trained for every channel by itself.

    Choose it to reproduce the published learned detector of correlated channels. ``prepare`` trains
    num_layers Nt Nr complex numbers and takes seconds a channel; ``k-best`` and ``ep`` need no
    training.

    Layer t: z = x + A_t (y - H x), x = E[symbol | z, tau^2], with tau_i^2 = theta_ti/Nt
    (||I - A_t H||_F^2 / ||H||_F^2 [||y - H x||^2 - Nr sigma^2]_+ + ||A_t||_F^2 sigma^2) (Khani,
    Alizadeh, Hoydis and Fleming 2020). Adam minimises the mean of ||x_t - s||^2
    over layers on fresh vectors y = H s + n of the known channel at its noise variance, the same
    symbols for all channels. Output: z and tau^2 of the last layer.
    Differs from the paper: A_t starts at the LMMSE matrix, scaled to a mean of 1 on the diagonal of
    A H, not at small random numbers; each channel is trained by itself at its own noise variance,
    where the paper goes on from a neighbouring subcarrier. Its outputs have no gradient
    with respect to h through the training.

    Cost: per channel 3 num_steps num_symbols times all layers; per vector two products of Nt Nr a
    layer.

    Args:
        constellation: of the symbols, or its name.
        num_layers: number of layers L; default 10.
        num_symbols: vectors of a step of training; default 100. The paper has 500.
        num_steps: steps of Adam; default 300. The paper has 1000.
        learning_rate: of Adam at the first step, for A relative to the root of its mean square; a
            half cosine takes it to zero; default 0.02.
        seed: of the symbols and of the noise; default 0.
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> MMNet("bpsk", num_layers=2, num_steps=2)(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "mmnet"

    def __init__(
        self,
        constellation: Constellation | str,
        num_layers: int = 10,
        num_symbols: int = 100,
        num_steps: int = 300,
        learning_rate: float = 0.02,
        seed: int = 0,
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation)
        self.num_layers = check_layers(num_layers)
        self.num_symbols = check_positive_int("num_symbols", num_symbols, 100_000)
        self.num_steps = check_positive_int("num_steps", num_steps, 100_000)
        self.learning_rate = check_real("learning_rate", learning_rate, above=0)
        self.seed = int(check_real("seed", seed, at_least=0))
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        flat = h.detach().reshape(-1, *h.shape[-2:]), noise_var.detach().reshape(-1)
        share = max(1, _NUMBERS_AT_ONCE // (self.num_layers * h.shape[-1] * h.shape[-2]))
        trained = [self._train(*part) for part in zip(*(x.split(share) for x in flat), strict=True)]
        steps, log_scales = (
            torch.cat(parts, 1).reshape(self.num_layers, *h.shape[:-2], *parts[0].shape[-2:])
            for parts in zip(*trained, strict=True)
        )
        return Prepared(h, noise_var[..., None, None], steps, log_scales)

    def _detect(self, prepared: Prepared, y: Tensor) -> GaussianDetection:
        c = self.constellation
        x = torch.zeros(*y.shape[:-1], prepared.h.shape[-1], dtype=y.dtype, device=y.device)
        z, error_var = x, x.real
        for step, log_scale in zip(prepared.steps, prepared.log_scales, strict=True):
            z, error_var = _layer(prepared.h, prepared.noise_var, y, x, step, log_scale)
            x, _ = c.posterior(z, error_var)
        return GaussianDetection(c, z, error_var, self.demapping)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        products = 2 * counting.matvec(num_rx_ant, num_tx_ant)
        axes = 1 if self.constellation.is_real else 2
        moments = axes * num_tx_ant * 5 * self.constellation.num_levels
        vector = self.num_layers * (products + moments)
        # ||I - A H||_F is a product of matrices a layer.
        matrices = self.num_layers * num_tx_ant * counting.matvec(num_rx_ant, num_tx_ant)
        # Forward, and twice that backward.
        training = 3 * self.num_steps * (self.num_symbols * vector + matrices)
        return Cost(training + matrices, vector)

    # A caller in inference mode would have nothing trained.
    @torch.inference_mode(False)
    @torch.enable_grad()
    def _train(self, h: Tensor, noise_var: Tensor) -> tuple[Tensor, Tensor]:
        """Return the steps (L, N, Nt, Nr) and log scales (L, N, 1, Nt) of channels (N, Nr, Nt)."""
        # A copy of an inference tensor is an ordinary one.
        h, noise_var = h.clone(), noise_var.clone()[..., None, None]
        start = _unbiased_lmmse(h, noise_var)
        unit = start.abs().square().mean((-2, -1), keepdim=True).sqrt()
        # Adam's steps do not know the unit of A; what it trains is A over its mean size.
        relative = torch.view_as_real(start / unit).repeat(self.num_layers, 1, 1, 1, 1)
        relative.requires_grad_()
        log_scales = h.real.new_zeros(self.num_layers, len(h), 1, h.shape[-1]).requires_grad_()
        # Adam works entry by entry and the loss is a sum: every channel is trained on its own.
        optimizer = Adam([relative, log_scales], lr=self.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.num_steps)
        generator = Generator(device=h.device).manual_seed(self.seed)
        for _ in range(self.num_steps):
            loss = self._loss(h, noise_var, relative, unit, log_scales, generator)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        steps = torch.view_as_complex(relative.detach()) * unit
        return steps, log_scales.detach()

    def _loss(
        self,
        h: Tensor,
        noise_var: Tensor,
        relative: Tensor,
        unit: Tensor,
        log_scales: Tensor,
        generator: Generator,
    ) -> Tensor:
        """Sum over channels of the mean squared error of all layers, on fresh vectors."""
        c, device = self.constellation, h.device
        shape = self.num_symbols, h.shape[-1]
        indices = torch.randint(c.num_points, shape, generator=generator, device=device)
        sent = c.map(indices, h.dtype)
        shape = self.num_symbols, h.shape[-2]
        # The same numbers in either precision.
        noise = torch.randn(shape, generator=generator, dtype=torch.complex64, device=device)
        y = sent @ h.mT + noise.to(h.dtype) * noise_var.sqrt()
        x = torch.zeros_like(sent).expand(len(h), -1, -1)
        loss = h.real.new_zeros(())
        for part, log_scale in zip(relative, log_scales, strict=True):
            step = torch.view_as_complex(part) * unit
            z, error_var = _layer(h, noise_var, y, x, step, log_scale)
            x, _ = c.posterior(z, error_var)
            loss = loss + torch.view_as_real(x - sent).square().mean((-3, -2, -1)).sum()
        return loss / self.num_layers


def _unbiased_lmmse(h: Tensor, noise_var: Tensor) -> Tensor:
    """A = s (H^H H + sigma^2 I)^-1 H^H with tr(A H) = Nt; noise_var (*C, 1, 1)."""
    regularised = add_diagonal(gram(h), noise_var[..., 0, 0])
    matrix = hermitian_inverse(regularised) @ h.mH
    trace = (matrix * h.mT).sum((-2, -1), keepdim=True).real
    return matrix * (h.shape[-1] / trace.clamp(min=torch.finfo(trace.dtype).tiny))


def _layer(
    h: Tensor, noise_var: Tensor, y: Tensor, x: Tensor, step: Tensor, log_scale: Tensor
) -> tuple[Tensor, Tensor]:
    """z and its error variances (*C, T, Nt) from x (*C, T, Nt)."""
    rows, n = h.shape[-2:]
    residual = y - x @ h.mT
    z = x + residual @ step.mT
    left = torch.eye(n, dtype=h.dtype, device=h.device) - step @ h
    kept = _energy(left) / _energy(h)
    energy = torch.view_as_real(residual).square().sum((-2, -1)).unsqueeze(-1)
    unexplained = (energy - rows * noise_var).clamp(min=0)
    var = (kept * unexplained + _energy(step) * noise_var) / n
    return z, (var * log_scale.exp()).clamp(min=_LEAST_VAR)


def _energy(matrix: Tensor) -> Tensor:
    """Squared Frobenius norm of (..., M, N), as (..., 1, 1)."""
    return torch.view_as_real(matrix.resolve_conj()).square().sum((-3, -2, -1))[..., None, None]
