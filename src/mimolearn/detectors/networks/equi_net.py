"""EquiNet: one small network in every layer, shared by all streams."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self, final

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from mimolearn.constellation import Constellation
from mimolearn.detection import Detection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost
from mimolearn.detectors.learned import UnfoldedDetector
from mimolearn.detectors.networks.level_logits import (
    level_detection,
    level_moments,
    num_logits,
    odd_levels,
)
from mimolearn.detectors.networks.normal_equations import (
    NormalEquations,
    complex_symbols,
    linear_start,
    normal_equations,
    prior_variance,
    right_side,
)
from mimolearn.foundation.errors import check_positive_int, invalid

# Of the logits of a level under the Gaussian reading of an input: beyond, they say no more.
_LOWEST_LOGIT = 30.0
_LOGIT_SCALE = 0.1
_LEAST_UNCERTAINTY = 1e-2


class Prepared(NamedTuple):
    """What the layers read of a channel, in the layout (*C, n, T or 1, channels).

    Attributes:
        equations: see ``normal_equations``.
        start: (*C, n, n); the matrix of the LMMSE estimate.
        uncertainty: (*C, n, 1); error variances of the LMMSE estimate.
        energy: (*C, n, 1, 1); g_i.
        squares: (*C, n, n); G_ij^2, zero on the diagonal.
    """

    equations: NormalEquations
    start: Tensor
    uncertainty: Tensor
    energy: Tensor
    squares: Tensor


class State(NamedTuple):
    """What a layer passes to the next.

    Attributes:
        channels: (*C, n, T, c); the first channel is x.
        uncertainty: (*C, n, T); u.
    """

    channels: Tensor
    uncertainty: Tensor


@final
class EquiNet(UnfoldedDetector):
    """A network that treats all streams alike: any number of them, few parameters.

    Choose it for a learned detector near ML with a hundredth of DetNet's parameters, whose weights
    also serve other numbers of antennas, and whose depth may be set in use, ``at(num_layers=...)``.
    ``tap-net`` needs fewer multiplications.

    On the real system G x + noise = q (see ``normal_equations``), x in odd integers, each axis i
    has c channels a_i, the first being the estimate x_i, and a variance u_i. A layer forms G a and
    tau_i = (v + sum_j G_ij^2 u_j / g_i) / g_i, r_i = x_i + (q_i - (G x)_i) / g_i, j other than i,
    with v the noise: were errors independent, r_i would be x_i + N(0, tau_i). Then [d_i; a_i'] = W2
    gelu(W1 f_i + b1) + b2, with f_i = (q_i, (G a)_i, a_i, g_i - 1, ln v, ln u_i, and the logits of
    r_i). x_i and u_i go a learned share of the way to the posterior mean and variance under the
    logits of r_i plus d_i. It starts from LMMSE. Permuting streams permutes outputs. Such a sharing
    of weights over interchangeable inputs is that of Zaheer et al. (Deep Sets, 2017); this network
    is ours.

    Cost: Gram matrix and an inverse per channel; (c + 1) n^2 + n (inputs + c) hidden real
    multiplications a layer per vector, n = Nt for BPSK, 2Nt for QAM. 1400 parameters a layer.

    Args:
        constellation: of the symbols, or its name.
        num_layers: number of layers; default 10.
        channels: c; default 8.
        hidden: hidden units; default 48.
        init_seed: of the weights before training; default 0.

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> EquiNet("bpsk")(y, h, 0.1).bits().shape
    torch.Size([1, 2, 1])
    """

    name = "equi-net"
    random_start = True

    def __init__(
        self,
        constellation: Constellation | str,
        num_layers: int = 10,
        channels: int = 8,
        hidden: int = 48,
        init_seed: int = 0,
    ) -> None:
        super().__init__(constellation, num_layers)
        self.channels = check_positive_int("channels", channels, 1024)
        self.hidden = check_positive_int("hidden", hidden, 4096)
        # q, g - 1, ln v, ln u; G a and a; the logits of r.
        outputs = num_logits(self.constellation)
        inputs = 4 + 2 * channels + outputs
        generator = Generator().manual_seed(init_seed)
        rows = outputs + channels - 1

        def xavier(fan_out: int, fan_in: int) -> nn.Parameter:
            unit = torch.rand(
                (num_layers, fan_out, fan_in), generator=generator, dtype=torch.float32
            )
            return nn.Parameter(math.sqrt(6 / (fan_in + fan_out)) * (2 * unit - 1))

        self.w1 = xavier(hidden, inputs)
        self.b1 = nn.Parameter(torch.zeros(num_layers, hidden, dtype=torch.float32))
        self.w2 = xavier(rows, hidden)
        self.b2 = nn.Parameter(torch.zeros(num_layers, rows, dtype=torch.float32))
        self.mix = nn.Parameter(torch.ones(num_layers, dtype=torch.float32))

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        equations = normal_equations(self.constellation, h, noise_var)
        matrix = equations.matrix
        start = linear_start(self.constellation, equations)
        error = equations.noise * start.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
        energy = matrix.diagonal(dim1=-2, dim2=-1)
        squares = matrix.square() - torch.diag_embed(energy.square())
        # A stream that is not received gets a variance so large that it says nothing.
        energy = energy.clamp(min=torch.finfo(energy.dtype).eps)
        return Prepared(
            equations,
            start,
            error,
            energy[..., None, None],
            squares,
        )

    def layer_logits(self, prepared: Prepared, y: Tensor) -> Tensor:
        return torch.stack(list(self._unfold(prepared, y)))

    def _unfold(self, prepared: Prepared, y: Tensor) -> Iterator[Tensor]:
        """Yield the logits (*C, T, n, P or 1) of each layer."""
        q = right_side(self.constellation, prepared.equations, y)
        x = (q @ prepared.start).mT.unsqueeze(-1)
        empty = x.new_zeros(*x.shape[:-1], self.channels - 1)
        state = State(torch.cat([x, empty], -1), prepared.uncertainty.expand(x.shape[:-1]))
        q = q.mT.unsqueeze(-1)
        fixed = self._fixed_inputs(prepared, q)
        weights = (w.to(q).unbind(0) for w in (self.w1, self.b1, self.w2, self.b2, self.mix))
        for w1, b1, w2, b2, mix in zip(*weights, strict=True):
            varying, plain = self._inputs(prepared, q, state)
            inputs = torch.cat([fixed, *varying, _LOGIT_SCALE * plain], -1)
            out = functional.linear(functional.gelu(functional.linear(inputs, w1, b1)), w2, b2)
            split = num_logits(self.constellation)
            logits = plain + out[..., :split]
            mean, variance = level_moments(self.constellation, logits)
            share = torch.sigmoid(mix)
            mean = torch.lerp(state.channels[..., 0], mean, share)
            state = State(
                torch.cat([mean.unsqueeze(-1), out[..., split:]], -1),
                torch.lerp(state.uncertainty, variance, share),
            )
            yield logits.transpose(-3, -2)

    def _fixed_inputs(self, prepared: Prepared, q: Tensor) -> Tensor:
        noise = prepared.equations.noise.unsqueeze(-1)
        return torch.cat([q, (prepared.energy - 1).expand_as(q), noise.log().expand_as(q)], -1)

    def _inputs(
        self, prepared: Prepared, q: Tensor, state: State
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return (G a, a, ln u) and the logits of r, each (*C, n, T, .)."""
        a, u = state
        product = (prepared.equations.matrix @ a.flatten(-2)).unflatten(-1, a.shape[-2:])
        energy = prepared.energy
        interference = (prepared.squares @ u).unsqueeze(-1)
        tau = (prepared.equations.noise.unsqueeze(-1) + interference / energy) / energy
        r = a[..., :1] + (q - product[..., :1]) / energy
        if self.constellation.num_levels == 2:
            # With two levels r / tau is half their logit.
            logits = (2 * r / tau).clamp(-_LOWEST_LOGIT, _LOWEST_LOGIT)
        else:
            levels = odd_levels(self.constellation, r)
            logits = -(r - levels).square() / (2 * tau)
            logits = (logits - logits.amax(-1, keepdim=True)).clamp(min=-_LOWEST_LOGIT)
        relative = u / prior_variance(self.constellation) + _LEAST_UNCERTAINTY
        return (product, a, relative.log().unsqueeze(-1)), logits

    def _detect(self, prepared: Prepared, y: Tensor) -> Detection:
        *_, logits = self._unfold(prepared, y)
        return level_detection(self.constellation, logits)

    def layers(self, prepared: Prepared, y: Tensor) -> Iterator[Tensor]:
        for logits in self._unfold(prepared, y):
            mean = level_moments(self.constellation, logits)[0]
            yield complex_symbols(self.constellation, mean)

    def layer_detections(self, prepared: Prepared, y: Tensor) -> Iterator[Detection]:
        for logits in self._unfold(prepared, y):
            yield level_detection(self.constellation, logits)

    def layer_parameters(self) -> Sequence[tuple[Tensor, int]]:
        return [(parameter, 0) for parameter in self.parameters()]

    def at(self, *, num_layers: int) -> Self:
        """Return the first layers alone, as a separate network.

        Args:
            num_layers: number of layers, at most this network's.

        Raises:
            InvalidInputError: for more layers.
        """
        if check_positive_int("num_layers", num_layers) > self.num_layers:
            raise invalid("num_layers", num_layers, f"at most {self.num_layers}")
        smaller = type(self)(self.constellation, num_layers, self.channels, self.hidden)
        first = {name: value[:num_layers] for name, value in self.state_dict().items()}
        smaller.load_state_dict(first)
        return smaller.eval().requires_grad_(False)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        real = self.constellation.is_real
        n = num_tx_ant if real else 2 * num_tx_ant
        rows = 2 * num_rx_ant if real else num_rx_ant
        prepare = counting.gram(rows, num_tx_ant, real=real) + 3 * n * n
        prepare += counting.hermitian_inverse(n, real=True)
        products = n * (self.w1.shape[1] * self.w1.shape[2] + self.w2.shape[1] * self.w2.shape[2])
        # gelu: 2 a unit; tau, r, its logits: 4 and 2 a level; moments: 3 a level; shares: 2.
        elementwise = n * (2 * self.hidden + 6 + 5 * self.constellation.num_levels)
        layer = (self.channels + 1) * n * n + products + elementwise
        detect = counting.matvec(rows, num_tx_ant, real=real) + n + n * n
        return Cost(prepare, detect + self.num_layers * layer)
