"""Rate-distortion limits of stored soft bits, against closed forms and codes that exist."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from mimolearn import InvalidInputError, load
from mimolearn.quantizers import bound_together, fit_quantizer, limit_one_by_one
from mimolearn.quantizers.descent import kl_loss

from .test_contract import soft


def lost(quantizer: Any, llr: Tensor) -> float:
    return float(kl_loss(quantizer.through(llr), llr).mean()) / math.log(2)


def test_the_ends_of_the_curve_of_an_erasure_channel() -> None:
    """Half of the bits are known. To lose nothing takes the entropy of three posteriors, 1.5."""
    llr = torch.tensor([-30.0, 30.0, 0.0, 0.0]).repeat(500).unsqueeze(-1)
    most = limit_one_by_one(llr, 1e-5)
    assert most.bits == pytest.approx(1.5, abs=0.01)
    # A known bit that is stored as unknown loses a bit, so that losing all takes nothing.
    assert limit_one_by_one(llr, 0.499).bits < 0.02


def test_no_quantiser_of_single_bits_is_below_the_limit() -> None:
    llr = soft(20_000, seed=8)
    by_position = llr.reshape(-1, 2, 2).transpose(1, 2).reshape(-1, 2)
    for bits in (1.5, 2.5):
        quantizer = fit_quantizer("max-mi", llr, bits=bits)
        given = lost(quantizer, llr)
        limit = limit_one_by_one(by_position, given)
        assert limit.lost == pytest.approx(given, rel=0.02)
        assert 0.6 * bits < limit.bits < bits


def test_stored_together_soft_bits_take_less_than_one_by_one() -> None:
    llr = soft(1500, seed=9).reshape(-1, 4)
    together = bound_together(llr[:2000], llr[2000:], 0.02, "16-qam", rounds=5)
    assert 0.01 < together.lost < 0.03
    alone = limit_one_by_one(llr.reshape(-1, 2, 2).transpose(1, 2).reshape(-1, 2), together.lost)
    assert together.bits < alone.bits - 0.2
    shipped = load("eq-net-16qam-12")
    assert lost(shipped, llr.unsqueeze(1)) < 0.02
    assert together.bits < 3


def test_bad_input_is_one_line() -> None:
    llr = soft(300).reshape(-1, 4)
    for call, words in (
        (lambda: limit_one_by_one(llr[:50], 0.1), "expected at least 200 of each position"),
        (lambda: limit_one_by_one(llr[0], 0.1), r"llr: got <shape \(4,\)>"),
        (lambda: limit_one_by_one(llr * torch.nan, 0.1), "entries NaN"),
        (lambda: limit_one_by_one(llr, 0.0), "lost: got 0"),
        (lambda: bound_together(llr, llr, 0.1, "64-qam"), r"llr: got <shape \(600, 4\)>"),
        (lambda: bound_together(llr, llr[:, :2], 0.1, "16-qam"), "fresh: got"),
        (lambda: bound_together(llr, llr, 0.1, "bpsk"), "constellation: got 'bpsk', expected two"),
    ):
        with pytest.raises(InvalidInputError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)
