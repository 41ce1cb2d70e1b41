"""Orthogonal approximate message passing with four learned numbers a layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from mimolearn.constellation import Constellation
from mimolearn.detection import Detection, GaussianDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost
from mimolearn.detectors.learned import UnfoldedDetector
from mimolearn.detectors.message_passing.oamp import (
    Extrinsic,
    Prepared,
    denoise,
    extrinsic,
    observe,
    prepare_oamp,
    stream_extrinsic,
)
from mimolearn.foundation.errors import check_one_of
from mimolearn.foundation.tensors.linalg import as_complex
from mimolearn.kernels.iterative import calls as iterative_kernels


@final
class OAMPNet2(UnfoldedDetector):
    """OAMP with trained step sizes: an unfolded ``oamp``, which it is before training.

    Choose it as the published learned baseline; as ``oamp-net2-any``, one set for all links, it is
    ahead of ``oamp``, but behind ``ep`` where channels are correlated or square.

    A layer is that of ``oamp`` with r = x + gamma W (y - H x), C = I - theta W H, and x = phi (E[x
    | r, tau^2] - xi r) (He, Wen, Jin and Li 2020); gamma, theta, phi, xi start at 1, 1, 1, 0. Soft
    output is demapped from r and tau^2 of the last layer. v^2 is the current one and the denoiser a
    softmax; published code has variants that divide 0 by 0. It reads ||y - H x||^2 over Nr
    antennas: train it on channels of its own Nr.

    With ``variances`` "streams", which is ours, stream i has a variance of its own, and one set of
    scalars serves links of all sizes. For A = H^H H + sigma^2/v^2 I, b_i = (A^-1 H^H H)_ii and
    a_i = (A^-1)_ii the step is r_i = x_i + gamma (A^-1 H^H (y - H x))_i / b_i, which in the first
    layer is unbiased LMMSE, with tau_i^2 = theta sigma^2 a_i / b_i. v^2 is at least kappa times the
    mean posterior variance of the layer before, since ||y - H x||^2 of a few antennas says little,
    and at least sigma^2/100 over the mean eigenvalue of H^H H.

    Cost: as ``oamp`` with as many iterations; "streams" adds two real products of Nt^2 a layer.

    Args:
        constellation: of the symbols, or its name.
        num_layers: number of layers; 10 in the paper, 4 in EQ-Net's comparison; default 4.
        variances: "shared" (default), one for all streams as published; or "streams".
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> OAMPNet2("bpsk")(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "oamp-net2"
    revision = 2
    any_points = True
    axis_kernel = True
    any_constellation = True

    def __init__(
        self,
        constellation: Constellation | str,
        num_layers: int = 4,
        variances: str = "shared",
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation, num_layers)
        self.variances = check_one_of("variances", variances, ("shared", "streams"))
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))
        # gamma, theta, phi, xi of each layer, and kappa of each stream's variances.
        start = [1.0, 1.0, 1.0, 0.0, 1.0][: 5 if variances == "streams" else 4]
        self.scalars = nn.Parameter(
            torch.tensor([start], dtype=torch.float32).repeat(num_layers, 1)
        )

    def _learned(self) -> Sequence[Tensor]:
        return (self.scalars,)

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> GaussianDetection:
        streams = self.variances == "streams"
        scalars = self.scalars if streams else functional.pad(self.scalars, (0, 1))
        solved = iterative_kernels.orthogonal_amp(
            y, h, noise_var, self.constellation, self.num_layers, scalars=scalars, streams=streams
        )
        return GaussianDetection(self.constellation, *solved, self.demapping)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        return prepare_oamp(h, noise_var, self.constellation)

    def _detect(self, prepared: Prepared, y: Tensor) -> GaussianDetection:
        *_, last = self._states(prepared, y)
        return self._detection(last)

    def layers(self, prepared: Prepared, y: Tensor) -> Iterator[Tensor]:
        return (as_complex(state.r) for state in self._states(prepared, y))

    def layer_detections(self, prepared: Prepared, y: Tensor) -> Iterator[Detection]:
        return (self._detection(state) for state in self._states(prepared, y))

    def layer_parameters(self) -> Sequence[tuple[Tensor, int]]:
        return ((self.scalars, 0),)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        real = self.constellation.is_real
        rows, n = num_rx_ant * (2 if real else 1), num_tx_ant
        basis = counting.matvec(n, n, real=real)
        axes = 1 if real else 2
        layer = 2 * basis + (10 + 6 * axes) * n + n * 5 * counting.distances(self.constellation)
        if self.variances == "streams":
            layer += 2 * n * n
        start = 2 * counting.matvec(rows, n, real=real) + 2 * basis
        # The eigen-decomposition as in ``oamp``.
        prepare = counting.gram(rows, n, real=real) + 28 * n**3 // 3 * (1 if real else 4)
        return Cost(prepare, start + self.num_layers * layer)

    def _states(self, prepared: Prepared, y: Tensor) -> Iterator[Extrinsic]:
        observed = observe(prepared, y, self.constellation)
        x = torch.zeros_like(observed.matched)
        left = torch.ones_like(observed.unexplained)
        streams = self.variances == "streams"
        for gamma, theta, phi, xi, *kappa in self.scalars.to(observed.unexplained.dtype):
            if streams:
                least = kappa[0] * left
                state = stream_extrinsic(prepared, observed, x, least, gamma, theta)
            else:
                state = extrinsic(prepared, observed, x, gamma, theta)
            yield state
            x, left = denoise(state, self.constellation, phi, xi)

    def _detection(self, state: Extrinsic) -> GaussianDetection:
        # In a real model var is that of the one axis that GaussianDetection takes half for.
        error_var = 2 * state.var if self.constellation.is_real else state.var
        return GaussianDetection(self.constellation, as_complex(state.r), error_var, self.demapping)
