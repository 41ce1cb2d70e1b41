"""Deep-unfolded conjugate gradient whose steps are trained anew for every channel."""

from __future__ import annotations

from typing import final

import torch
from torch import Generator, Tensor
from torch.optim import Adam

from mimolearn.constellation import Constellation
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost
from mimolearn.detectors.learned import check_layers
from mimolearn.detectors.unfolded.deep_cg import (
    FilteredCG,
    Parameters,
    scaled_gram,
    squared_chebyshev_steps,
    unfold,
)
from mimolearn.foundation.errors import check_one_of, check_positive_int, check_real
from mimolearn.foundation.tensors.linalg import matched_filter


@final
class DeepCGOnline(FilteredCG):
    """``deep-cg`` trained on some symbols of each channel, to detect the rest of its frame.

    Choose it to reproduce the paper's frame of 16 800 symbols; ``zf`` costs a thousandth per
    channel and is its limit.

    Per channel, Adam minimises the blind loss mean |b - A x_L|^2 over the steps of ``deep-cg``,
    from Chebyshev's start, on num_symbols vectors b = A s + H^H n (Ouameur and Massicotte 2021,
    section 4.1: 100). The paper takes received vectors. The loss depends on b alone and the channel
    is known, so ``prepare`` draws them from its model, the same symbols for every channel. Unlike
    other detectors its outputs have no gradient with respect to h through the training.

    Cost: per channel that of ``deep-cg`` and 3 num_steps num_symbols times all layers.

    Args:
        constellation: of the symbols, or its name.
        num_layers: number of layers L; default 15.
        load: Nt/Nr, for which the start is made; default 0.2.
        num_symbols: vectors to train on, of each channel; default 100.
        num_steps: steps of Adam; default 50.
        learning_rate: of Adam; default 0.003.
        loss: "residual" (default), which is blind, or "mse", which knows the symbols and is better
            if ZF is not the aim.
        seed: of the symbols and of the noise; default 0.
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> DeepCGOnline("bpsk", num_steps=2)(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "deep-cg-online"

    def __init__(
        self,
        constellation: Constellation | str,
        num_layers: int = 15,
        load: float = 0.2,
        num_symbols: int = 100,
        num_steps: int = 50,
        learning_rate: float = 0.003,
        loss: str = "residual",
        seed: int = 0,
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation)
        self.num_layers = check_layers(num_layers)
        self.load = check_real("load", load, above=0)
        self.num_symbols = check_positive_int("num_symbols", num_symbols, 100_000)
        self.num_steps = check_positive_int("num_steps", num_steps, 10_000)
        self.learning_rate = check_real("learning_rate", learning_rate, above=0)
        self.loss = check_one_of("loss", loss, ("residual", "mse"))
        self.seed = int(check_real("seed", seed, at_least=0))
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))

    def _steps(self, h: Tensor, noise_var: Tensor) -> Parameters:
        return self._train(h.detach(), noise_var.detach())

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        fixed = super().cost(num_rx_ant, num_tx_ant)
        square = counting.matvec(num_tx_ant, num_tx_ant)
        # Forward, and twice that backward.
        training = 3 * self.num_steps * self.num_symbols * 2 * self.num_layers * square
        return Cost(fixed.per_channel + training, fixed.per_vector)

    # A caller in inference mode would have nothing trained.
    @torch.inference_mode(False)
    @torch.enable_grad()
    def _train(self, h: Tensor, noise_var: Tensor) -> Parameters:
        """Return the steps of every channel, alpha (L, *C, 1, 1) and beta (L - 1, *C, 1, 1)."""
        # A copy of an inference tensor is an ordinary one.
        h, noise_var = h.clone(), noise_var.clone()
        _, system, inverse = scaled_gram(h, self.load)
        x = self._symbols(h)
        b = x @ system.mT + self._filtered_noise(h, noise_var, inverse)
        start = squared_chebyshev_steps(self.load, self.num_layers)
        shape = (*h.shape[:-2], 1, 1)
        alpha, beta = (
            values.to(inverse).reshape(-1, *[1] * len(shape)).repeat(1, *shape).requires_grad_()
            for values in start
        )
        # Adam works entry by entry and the loss is a sum: every channel is trained on its own.
        optimizer = Adam([alpha, beta], lr=self.learning_rate)
        for _ in range(self.num_steps):
            *_, x_hat = unfold(system, b, Parameters(alpha, beta))
            error = b - x_hat @ system.mT if self.loss == "residual" else x_hat - x
            optimizer.zero_grad()
            torch.view_as_real(error).square().mean((-3, -2, -1)).sum().backward()
            optimizer.step()
        return Parameters(alpha.detach(), beta.detach())

    def _symbols(self, h: Tensor) -> Tensor:
        generator = Generator(device=h.device).manual_seed(self.seed)
        shape = (self.num_symbols, h.shape[-1])
        indices = torch.randint(
            self.constellation.num_points, shape, generator=generator, device=h.device
        )
        return self.constellation.map(indices, h.dtype)

    def _filtered_noise(self, h: Tensor, noise_var: Tensor, inverse: Tensor) -> Tensor:
        generator = Generator(device=h.device).manual_seed(self.seed + 1)
        shape = (self.num_symbols, h.shape[-2])
        noise = torch.randn(shape, generator=generator, dtype=h.dtype, device=h.device)
        return matched_filter(h, noise) * noise_var.sqrt()[..., None, None] * inverse
