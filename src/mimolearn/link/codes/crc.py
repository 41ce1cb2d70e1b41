"""Cyclic redundancy checks of 5G NR, and the start of its scrambling."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.errors import invalid


class Crc(NamedTuple):
    """A cyclic redundancy check.

    Attributes:
        length: its bits.
        polynomial: coefficients below the highest power, which is one bit each, the highest first.
    """

    length: int
    polynomial: int

    def remainders(self, bits: Tensor) -> np.ndarray:
        """Divide; a row that ends in its own check gives 0.

        Args:
            bits: (W, n) uint8 of 0 and 1, contiguous.

        Returns:
            (W) uint32.
        """
        from mimolearn.kernels.codes import crc

        remainders = np.empty(len(bits), np.uint32)
        crc.kernel()(bits.numpy(), self.polynomial, self.length, remainders)
        return remainders

    def attach(self, bits: Tensor) -> Tensor:
        """Append the check to rows of bits.

        Args:
            bits: (W, n) uint8 of 0 and 1, contiguous.

        Returns:
            (W, n + length) uint8.
        """
        shifts = np.arange(self.length - 1, -1, -1, dtype=np.uint32)
        check = (self.remainders(bits)[:, None] >> shifts & 1).astype(np.uint8)
        return torch.cat([bits, torch.from_numpy(check)], 1)


# 3GPP TS 38.212, section 5.1.
CRC16 = Crc(16, 0x1021)
CRC24A = Crc(24, 0x864CFB)
CRC24B = Crc(24, 0x800063)


def scrambling_start(
    rnti: int,
    scrambling_id: int,
    channel: Literal["pusch", "pdsch"] = "pusch",
    codeword: Literal[0, 1] = 0,
) -> int:
    """Compute c_init of a data channel, 3GPP TS 38.211, sections 6.3.1.1 and 7.3.1.1.

    Args:
        rnti: n_RNTI, 0 ... 65535.
        scrambling_id: n_ID, 0 ... 1023.
        channel: "pusch" (default) or "pdsch".
        codeword: 0 (default), or 1 for the second one of "pdsch".
    """
    for field, value, top in (("rnti", rnti, 65535), ("scrambling_id", scrambling_id, 1023)):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= top:
            raise invalid(field, value, f"an integer from 0 to {top}")
    second = codeword if channel == "pdsch" else 0
    return (rnti << 15) + (second << 14) + scrambling_id
