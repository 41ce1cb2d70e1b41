"""QLcgNetV: LcgNetV whose step sizes are stored in a few bits each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors.base import Cost
from mimolearn.detectors.learned import UnfoldedDetector
from mimolearn.detectors.unfolded import lcgnet
from mimolearn.detectors.unfolded.lcgnet import Parameters, Prepared
from mimolearn.detectors.unfolded.lcgnet_v import LcgNetV
from mimolearn.detectors.unfolded.parameter_levels import (
    check_bits,
    lloyd_max_levels,
    nearest_codes,
    pack,
    uniform_levels,
    unpack,
)
from mimolearn.foundation.errors import check_one_of, invalid


@final
class QLcgNetV(UnfoldedDetector):
    """LcgNetV with every step size one of 2^bits levels, packed to the bit.

    Choose it where memory is dear. ``quantize_lcgnet`` makes it from a trained network; training
    ``qlcgnet-v-soft`` ends in one.

    Wei et al. 2020, section IV. The paper has one table of levels for all step sizes; alpha and
    beta differ in range and in how much an error costs, so a table for each serves them better.
    Built by name it is ``lcgnet-v``'s Chebyshev start in Lloyd-Max levels; trained ones are in the
    zoo.

    Options: bits; tables, 1 or 2; num_tx_ant, num_layers, load, demapping as in ``lcgnet-v``.
    ``stored_bits()`` is what is stored: codes and the tables in float32.
    Cost: as ``lcgnet-v``, after a look-up of every step size.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> QLcgNetV("bpsk", num_tx_ant=2)(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "qlcgnet-v"
    rotation_invariant = True

    levels: Tensor
    codes: Tensor

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int = 32,
        num_layers: int = 15,
        bits: int = 4,
        tables: int = 1,
        load: float = 0.5,
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation, num_layers)
        self.bits = check_bits(bits)
        if tables not in (1, 2):
            raise invalid("tables", tables, "1, for all step sizes, or 2, for alpha and beta")
        start = LcgNetV(constellation, num_tx_ant, num_layers, load=load)
        self.num_tx_ant = num_tx_ant
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))
        groups = _groups(start, tables)
        levels = [lloyd_max_levels(group, 2**self.bits) for group in groups]
        self.register_buffer("levels", torch.zeros(tables, 2**self.bits, dtype=torch.float32))
        count = (2 * num_layers - 1) * 2 * num_tx_ant * self.bits
        self.register_buffer("codes", torch.zeros(-(-count // 8), dtype=torch.uint8))
        self.store(groups, levels)

    def store(self, groups: Sequence[Tensor], levels: Sequence[Tensor]) -> None:
        """Take the nearest level of each group's table for each of its step sizes.

        groups: (2L - 1, 2Nt), or alpha and beta; levels: ascending, at most 2^bits each.
        """
        codes = []
        for table, group, found in zip(self.levels, groups, levels, strict=True):
            found = found.to(table)
            # Unused codes repeat the last level.
            table.fill_(float(found[-1]))
            table[: len(found)] = found
            codes.append(nearest_codes(group, found))
        self.codes.copy_(pack(torch.cat(codes), self.bits))

    def stored_bits(self) -> int:
        """Bits of the packed codes and of the tables of levels."""
        return 8 * self.codes.numel() + 32 * self.levels.numel()

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        lcgnet.check_num_tx_ant(self.num_tx_ant, num_rx_ant, num_tx_ant)

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> GaussianDetection | None:
        return lcgnet.one_shot(
            self.constellation,
            y,
            h,
            noise_var,
            self._steps(),
            self.demapping,
            widely_linear=self.constellation.is_real,
        )

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        return lcgnet.prepare_system(
            h, noise_var, self.num_layers, self.levels, widely_linear=self.constellation.is_real
        )

    def _detect(self, prepared: Prepared, y: Tensor) -> GaussianDetection:
        return lcgnet.detect(self.constellation, prepared, y, self._steps(), self.demapping)

    def layers(self, prepared: Prepared, y: Tensor) -> Iterator[Tensor]:
        return lcgnet.unfold_complex(prepared, y, self._steps())

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return lcgnet.lcgnet_cost(num_rx_ant, num_tx_ant, self.num_layers)

    def _steps(self) -> Parameters:
        size = 2 * self.num_tx_ant
        count = (2 * self.num_layers - 1) * size
        codes = unpack(self.codes, self.bits, count).reshape(-1, size)
        alpha, beta = codes[: self.num_layers], codes[self.num_layers :]
        return Parameters(self.levels[0][alpha], self.levels[-1][beta])


def quantize_lcgnet(network: LcgNetV, scheme: str, bits: int, tables: int = 2) -> QLcgNetV:
    """A trained LcgNetV with its step sizes in a few bits, without further training.

    scheme: "uniform", the paper's hard quantiser over the full range (2^bits - 1 levels), or
    "lloyd-max" (2^bits levels of least mean-square error). tables: 1 for all step sizes, or 2.
    """
    check_one_of("scheme", scheme, ("uniform", "lloyd-max"))
    found = QLcgNetV(
        network.constellation, network.num_tx_ant, network.num_layers, bits, tables=tables
    )
    groups = _groups(network, tables)
    if scheme == "uniform":
        found.store(groups, [uniform_levels(group, 2**bits - 1) for group in groups])
    else:
        found.store(groups, [lloyd_max_levels(group, 2**bits) for group in groups])
    return found.eval()


def _groups(network: LcgNetV, tables: int) -> list[Tensor]:
    parts = [network.alpha.detach(), network.beta.detach()]
    return parts if tables == 2 else [torch.cat(parts)]
