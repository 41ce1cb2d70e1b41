"""Uniform scalar quantisation of LLRs."""

from __future__ import annotations

from typing import final

import numpy as np
import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_positive_int, check_real, invalid
from mimolearn.quantizers.base import MOST_LLR, Quantizer


@final
class Uniform(Quantizer):
    """2^bits equal steps from -clip to clip, for each LLR alone.

    Choose it as the usual scheme of hardware; ``max-mi`` is better at every rate.

    Cell i of 2^b is [-c + i s, -c + (i + 1) s), s = 2c / 2^b, and its value is its middle.
    ``fit_quantizer`` chooses the clip that loses least mutual information. The cost is one rounding
    per LLR.

    Args:
        constellation: a Constellation or its name.
        bits: b, of one LLR, 1 to 8; default 3.
        clip: c, the largest magnitude, nats; default 8.

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> Uniform("qpsk", bits=1, clip=4.0).through(torch.tensor([[0.3, -9.0]])).tolist()
    [[2.0, -2.0]]
    """

    name = "uniform"
    any_points = True

    def __init__(
        self, constellation: Constellation | str, bits: int = 3, clip: float = 8.0
    ) -> None:
        super().__init__(constellation)
        if check_positive_int("bits", bits) > 8:
            raise invalid("bits", bits, "an integer from 1 to 8")
        self.bits = bits
        self.clip = check_real("clip", clip, above=0, at_most=1000)
        self.register_buffer("clip_at", torch.tensor(self.clip, dtype=torch.float64))

    def word_levels(self) -> tuple[int, ...]:
        return (2**self.bits,) * self.constellation.bits_per_symbol

    def plain_options(self) -> dict[str, str | int | float | bool]:
        return {"bits": self.bits, "clip": self.clip}

    def streams_per_group(self) -> int:
        return 1

    def _quantize(self, llr: Tensor) -> Tensor:
        step = 2 * self.clip / 2**self.bits
        cell = ((llr.clamp(-self.clip, self.clip) + self.clip) / step).floor()
        return cell.clamp(0, 2**self.bits - 1).to(torch.int64)

    def _dequantize(self, indices: Tensor) -> Tensor:
        step = 2 * self.clip / 2**self.bits
        # An integer tensor plus a float would have the default dtype.
        return (indices.to(torch.float32) + 0.5) * step - self.clip


def fit_uniform(llr: Tensor, constellation: Constellation, bits: float) -> Uniform:
    """Choose the clip, in steps of 1/4 nat, of the largest generalised mutual information.

    Args:
        llr: (n, Nt, K) real; calibrated LLRs.
        constellation: of the LLRs.
        bits: of one LLR, a whole number.
    """
    if bits != int(bits):
        raise invalid("bits", bits, "a whole number of bits for 'uniform'")
    candidates = [Uniform(constellation, int(bits), c / 4) for c in range(4, int(4 * MOST_LLR))]
    return max(candidates, key=lambda quantizer: _gmi(llr, quantizer))


def _gmi(llr: Tensor, quantizer: Uniform) -> float:
    """1 - E log2(1 + e^-L') of bits whose probabilities are given by the calibrated LLRs."""
    values = quantizer.through(llr).double()
    one = torch.sigmoid(llr.double())
    loss = torch.nn.functional.softplus(values) - one * values
    return 1 - float(loss.mean()) / np.log(2)
