"""QLcgNetV: LcgNetV whose step sizes are stored in a few bits each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detectors.unfolded.lcgnet import Parameters, StreamwiseCG
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
class QLcgNetV(StreamwiseCG):
    """LcgNetV with every step size one of 2^bits levels, packed to the bit.

    Choose it if memory is scarce. ``quantize_lcgnet`` makes it from a trained network; training
    ``qlcgnet-v-soft`` ends in one.

    Wei et al. 2020, section IV. The paper has one table of levels for all step sizes. Alpha and
    beta differ in range and in how much an error costs, so a table for each serves them better.
    Built by name it is ``lcgnet-v``'s Chebyshev start in Lloyd-Max levels; trained ones are in the
    zoo.

    Cost: as ``lcgnet-v``, after a look-up of every step size.

    Args:
        constellation: of the symbols, or its name.
        num_tx_ant: number of streams Nt that the step sizes are for; default 32.
        num_layers: number of layers L; default 15.
        bits: bits of a step size, 1 to 8; default 4.
        tables: 1 table for all step sizes (default), or 2, one for alpha and one for beta.
        load: Nt/Nr, for which the start is made; default 0.5.
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed, and for a channel of other than Nt
            streams.

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
        tables: int = 1,
        load: float = 0.5,
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation, num_tx_ant, num_layers, demapping)
        self.bits = check_bits(bits)
        if tables not in (1, 2):
            raise invalid("tables", tables, "1, for all step sizes, or 2, for alpha and beta")
        start = LcgNetV(constellation, num_tx_ant, num_layers, load=load)
        groups = _groups(start, tables)
        levels = [lloyd_max_levels(group, 2**self.bits) for group in groups]
        self.register_buffer("levels", torch.zeros(tables, 2**self.bits, dtype=torch.float32))
        count = (2 * num_layers - 1) * 2 * num_tx_ant * self.bits
        self.register_buffer("codes", torch.zeros(-(-count // 8), dtype=torch.uint8))
        self.store(groups, levels)

    def store(self, groups: Sequence[Tensor], levels: Sequence[Tensor]) -> None:
        """Replace each step size by the nearest level of its table.

        Args:
            groups: the step sizes of each table: (2L - 1, 2Nt), or alpha (L, 2Nt) and beta (L - 1,
                2Nt).
            levels: the levels of each table, ascending, at most 2^bits.
        """
        codes = []
        for table, group, ascending in zip(self.levels, groups, levels, strict=True):
            ascending = ascending.to(table)
            # Unused codes repeat the last level.
            table.fill_(float(ascending[-1]))
            table[: len(ascending)] = ascending
            codes.append(nearest_codes(group, ascending))
        self.codes.copy_(pack(torch.cat(codes), self.bits))

    def stored_bits(self) -> int:
        """Return the bits of the packed codes and of the tables of levels."""
        return 8 * self.codes.numel() + 32 * self.levels.numel()

    def steps(self) -> Parameters:
        size = 2 * self.num_tx_ant
        count = (2 * self.num_layers - 1) * size
        codes = unpack(self.codes, self.bits, count).reshape(-1, size)
        alpha, beta = codes[: self.num_layers], codes[self.num_layers :]
        return Parameters(self.levels[0][alpha], self.levels[-1][beta])


def quantize_lcgnet(network: LcgNetV, scheme: str, bits: int, tables: int = 2) -> QLcgNetV:
    """Return a trained LcgNetV with its step sizes in a few bits, without further training.

    Args:
        network: the trained network.
        scheme: "uniform", the paper's hard quantiser over the full range (2^bits - 1 levels, Wei et
            al. 2020, eqs 19 to 21), or "lloyd-max" (2^bits levels of least mean-square error).
        bits: bits of a step size, 1 to 8.
        tables: 1 table for all step sizes, or 2 (default), one for alpha and one for beta.

    Raises:
        InvalidInputError: for a value that is not allowed.
    """
    check_one_of("scheme", scheme, ("uniform", "lloyd-max"))
    quantized = QLcgNetV(
        network.constellation, network.num_tx_ant, network.num_layers, bits, tables=tables
    )
    groups = _groups(network, tables)
    if scheme == "uniform":
        quantized.store(groups, [uniform_levels(group, 2**bits - 1) for group in groups])
    else:
        quantized.store(groups, [lloyd_max_levels(group, 2**bits) for group in groups])
    return quantized.eval()


def _groups(network: LcgNetV, tables: int) -> list[Tensor]:
    parts = [network.alpha.detach(), network.beta.detach()]
    return parts if tables == 2 else [torch.cat(parts)]
