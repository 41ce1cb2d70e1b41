"""QLcgNetV: LcgNetV whose step sizes are stored in a few bits each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors import lcgnet
from mimolearn.detectors.base import Cost
from mimolearn.detectors.lcgnet import Parameters, Prepared
from mimolearn.detectors.lcgnet_v import LcgNetV
from mimolearn.detectors.parameter_levels import (
    check_bits,
    lloyd_max_levels,
    nearest_codes,
    pack,
    uniform_levels,
    unpack,
)
from mimolearn.detectors.unfolded import UnfoldedDetector
from mimolearn.errors import check_one_of


@final
class QLcgNetV(UnfoldedDetector):
    """LcgNetV with every step size one of 2^bits levels, packed to the bit.

    Choose it where memory is dear: 4 bits of Lloyd-Max cost 0.02 dB and an eighth of the memory.
    ``quantize_lcgnet`` makes it from a trained network; training ``qlcgnet-v-soft`` ends in one.

    Wei et al. 2020, section IV, with one table of levels for all step sizes. Built by name it is
    ``lcgnet-v``'s Chebyshev start in Lloyd-Max levels; the paper's networks come from the zoo.

    Options: bits; num_tx_ant, num_layers, load, demapping as in ``lcgnet-v``.
    ``stored_bits()`` is what is stored: codes and the table in float32.
    Cost: as ``lcgnet-v``, after a look-up of every step size.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> QLcgNetV("bpsk", num_tx_ant=2)(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "qlcgnet-v"

    levels: Tensor
    codes: Tensor

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int = 32,
        num_layers: int = 15,
        bits: int = 4,
        load: float = 0.5,
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation, num_layers)
        self.bits = check_bits(bits)
        start = LcgNetV(constellation, num_tx_ant, num_layers, load=load)
        self.num_tx_ant = num_tx_ant
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))
        values = _values(start)
        levels = lloyd_max_levels(values, 2**self.bits).float()
        self.register_buffer("levels", levels)
        self.register_buffer("codes", pack(nearest_codes(values, levels), self.bits))

    def stored_bits(self) -> int:
        """Bits of the packed codes and of the table of levels."""
        return 8 * self.codes.numel() + 32 * self.levels.numel()

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        lcgnet.check_num_tx_ant(self.num_tx_ant, num_rx_ant, num_tx_ant)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        return lcgnet.prepare_system(h, noise_var, self.num_layers, self.constellation.is_real)

    def _detect(self, prepared: Prepared, y: Tensor) -> GaussianDetection:
        return lcgnet.detect(self.constellation, prepared, y, self._steps(), self.demapping)

    def layers(self, prepared: Prepared, y: Tensor) -> Iterator[Tensor]:
        return lcgnet.unfold_complex(prepared, y, self._steps())

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return lcgnet.lcgnet_cost(num_rx_ant, num_tx_ant, self.num_layers)

    def _steps(self) -> Parameters:
        size = 2 * self.num_tx_ant
        count = (2 * self.num_layers - 1) * size
        rows = self.levels[unpack(self.codes, self.bits, count)].reshape(-1, size)
        return Parameters(rows[: self.num_layers], rows[self.num_layers :])


def quantize_lcgnet(network: LcgNetV, scheme: str, bits: int) -> QLcgNetV:
    """A trained LcgNetV with its step sizes in a few bits, without further training.

    scheme: "uniform", the paper's hard quantiser over the full range (2^bits - 1 levels), or
    "lloyd-max" (2^bits levels of least mean-square error).
    """
    check_one_of("scheme", scheme, ("uniform", "lloyd-max"))
    values = _values(network)
    if scheme == "uniform":
        levels = uniform_levels(values, 2 ** check_bits(bits) - 1)
    else:
        levels = lloyd_max_levels(values, 2 ** check_bits(bits))
    return with_levels(network, values, levels, bits)


def with_levels(network: UnfoldedDetector, values: Tensor, levels: Tensor, bits: int) -> QLcgNetV:
    """Every one of values, (2L - 1, 2Nt) flattened, at the nearest level."""
    found = QLcgNetV(
        network.constellation, values.shape[-1] // 2, network.num_layers, check_bits(bits)
    )
    table = torch.full((2**bits,), float(levels[-1]))
    table[: len(levels)] = levels.float()
    found.levels.copy_(table)
    found.codes.copy_(pack(nearest_codes(values, levels.float()), bits))
    return found.eval()


def _values(network: LcgNetV) -> Tensor:
    return torch.cat([network.alpha, network.beta]).detach()
