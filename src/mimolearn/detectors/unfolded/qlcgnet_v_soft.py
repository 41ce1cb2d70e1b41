"""The trainable form of QLcgNetV: a soft staircase on the step sizes of a trained LcgNetV."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from mimolearn.constellation import Constellation
from mimolearn.detectors.learned import UnfoldedDetector
from mimolearn.detectors.unfolded.lcgnet import Parameters, StreamwiseCG
from mimolearn.detectors.unfolded.lcgnet_v import LcgNetV
from mimolearn.detectors.unfolded.parameter_levels import check_bits, lloyd_max_levels
from mimolearn.detectors.unfolded.qlcgnet_v import QLcgNetV
from mimolearn.foundation.errors import check_one_of, check_real, invalid


@final
class SoftQLcgNetV(StreamwiseCG):
    """LcgNetV behind a learned soft staircase; training ends in a ``qlcgnet-v``.

    Choose it only to reproduce the paper's quantiser: ``quantize_lcgnet`` with Lloyd-Max levels
    needs no training and is better.

    Q(x) = sum_t w1_t tanh(s (w2_t x + Gb - (t - 1) G + b1_t)) + b2_t, t = 1..2^bits - 2 (Wei et al.
    2020, eq. 24), on every step size, with s the sharpness that stages of a recipe raise. In
    evaluation mode the sign replaces tanh: what is stored and measured is always the hard
    staircase. The paper's start of w1 = 1 has wrong output levels. Here w1 = G/2, thresholds (t - l
    - 1/2) G and Gb the 99.5 % quantile of the step sizes ("uniform"), or thresholds and levels of
    Lloyd-Max ("lloyd-max"). The step sizes stay as they are. A recipe's start_from names the
    LcgNetV.

    Cost: as ``lcgnet-v``, with the staircase once per call.

    Args:
        constellation: of the symbols, or its name.
        num_tx_ant: number of streams Nt that the step sizes are for; default 32.
        num_layers: number of layers L; default 15.
        bits: bits of a step size, 2 to 8; default 4.
        quantizer_start: "lloyd-max" (default) or "uniform".
        sharpness: s before a stage sets it, above 0; default 10.
        load: Nt/Nr, for which the start is made; default 0.5.
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed, and for a channel of other than Nt
            streams.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> SoftQLcgNetV("bpsk", num_tx_ant=2)(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "qlcgnet-v-soft"

    values: Tensor
    offsets: Tensor

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int = 32,
        num_layers: int = 15,
        bits: int = 4,
        quantizer_start: str = "lloyd-max",
        sharpness: float = 10.0,
        load: float = 0.5,
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation, num_tx_ant, num_layers, demapping)
        self.bits = check_bits(bits)
        if bits < 2:
            raise invalid("bits", bits, "at least 2: a staircase of three levels")
        self.quantizer_start = check_one_of(
            "quantizer_start", quantizer_start, ("uniform", "lloyd-max")
        )
        self.sharpness = check_real("sharpness", sharpness, above=0)
        network = LcgNetV(constellation, num_tx_ant, num_layers, load=load)
        stairs = 2**bits - 2
        self.register_buffer(
            "values", torch.zeros(2 * num_layers - 1, 2 * num_tx_ant, dtype=torch.float32)
        )
        self.register_buffer("offsets", torch.zeros(stairs, dtype=torch.float32))
        self.w1, self.w2, self.b1, self.b2 = (
            nn.Parameter(torch.ones(stairs, dtype=torch.float32)) for _ in range(4)
        )
        self._adopt(network)

    def set_sharpness(self, sharpness: float) -> None:
        self.sharpness = sharpness

    def start_from(self, other: UnfoldedDetector) -> None:
        """Take over the step sizes of an LcgNetV of the same size; the staircase follows them."""
        size = self.num_layers, 2 * self.num_tx_ant
        if not isinstance(other, LcgNetV) or other.alpha.shape != size:
            expected = f"an lcgnet-v of {self.num_layers} layers and Nt = {self.num_tx_ant}"
            raise invalid("start_from", f"<{type(other).__name__}>", expected)
        self._adopt(other)

    def finished(self) -> QLcgNetV:
        """Return the hard network with its codes packed."""
        with torch.no_grad():
            hard = self._quantize(hard=True)
            quantized = QLcgNetV(self.constellation, self.num_tx_ant, self.num_layers, self.bits)
            quantized.store([hard], [hard.unique()])
            return quantized.eval()

    def _adopt(self, network: LcgNetV) -> None:
        with torch.no_grad():
            values = torch.cat([network.alpha, network.beta])
            self.values.copy_(values)
            stairs = len(self.offsets)
            if self.quantizer_start == "uniform":
                bound = float(torch.quantile(values.abs().flatten(), 0.995))
                step = bound / (stairs / 2 - 0.5)
                levels = (torch.arange(stairs + 1, dtype=torch.float32) - stairs / 2) * step
            else:
                levels = lloyd_max_levels(values, stairs + 1).to(values)
            self.offsets.copy_(-(levels[1:] + levels[:-1]) / 2)
            self.w1.copy_((levels[1:] - levels[:-1]) / 2)
            self.w2.fill_(1)
            self.b1.fill_(0)
            self.b2.fill_((levels[0] + levels[-1]) / 2 / stairs)

    def _quantize(self, hard: bool) -> Tensor:
        argument = self.w2 * self.values.unsqueeze(-1) + self.offsets + self.b1
        step = torch.sign(argument) if hard else torch.tanh(self.sharpness * argument)
        return (self.w1 * step + self.b2).sum(-1)

    def steps(self) -> Parameters:
        rows = self._quantize(hard=not self.training)
        return Parameters(rows[: self.num_layers], rows[self.num_layers :])
