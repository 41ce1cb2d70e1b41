"""Quantisers of LLRs that are not calibrated, aimed at the bits that were sent."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mimolearn import InvalidInputError, fit_quantizer
from mimolearn.quantizers import EQNet
from mimolearn.quantizers.levels import join_words
from mimolearn.training import SoftBitRecipe
from mimolearn.training.problems.soft_bits import SoftBits

USES = 6000


def samples() -> tuple[Tensor, Tensor]:
    """LLRs that are four times too confident, and the sent bits."""
    generator = torch.Generator().manual_seed(1)
    sent = torch.randint(2, (USES, 2, 4), generator=generator)
    true = 3.0 * (2 * sent - 1) + math.sqrt(6.0) * torch.randn(sent.shape, generator=generator)
    return 4 * true, sent


def gmi(llr: Tensor, sent: Tensor) -> float:
    right = llr.double() * (2 * sent - 1)
    return 1 - float(torch.nn.functional.softplus(-right).mean()) / math.log(2)


@pytest.mark.parametrize(
    ("name", "options"), [("max-mi", {}), ("eq-net", {"steps": 150, "tuning_steps": 50})]
)
def test_sent_bits_mend_what_the_llrs_claim(name: str, options: dict[str, int]) -> None:
    llr, sent = samples()
    aim = 40.0 * (2 * sent.float() - 1)
    believed = fit_quantizer(name, llr, bits=3, **options).through(llr)
    aimed = fit_quantizer(name, llr, bits=3, aim=aim, **options).through(llr)
    # Of these LLRs no quantiser keeps more than those that are true.
    assert gmi(believed, sent) + 0.1 < gmi(aimed, sent) < gmi(llr / 4, sent) + 0.01
    if name == "max-mi":
        # A network takes thousands of steps for that.
        assert gmi(aimed, sent) > gmi(llr / 4, sent) - 0.03


def test_a_network_that_aims_elsewhere_does_not_search_by_what_the_llrs_claim() -> None:
    llr, sent = samples()
    few = {"steps": 20, "tuning_steps": 20, "width": 16}
    plain = fit_quantizer("eq-net", llr, bits=3, **few)
    aimed = fit_quantizer("eq-net", llr, bits=3, aim=40.0 * (2 * sent.float() - 1), **few)
    assert "search" not in plain.plain_options()
    assert aimed.plain_options()["search"] is False
    assert isinstance(aimed, EQNet)
    nearest = join_words(aimed._nearest(aimed.latents(llr)), aimed._axes, aimed._starts)
    assert torch.equal(aimed.indices(llr), nearest)
    aimed.search = True
    assert not torch.equal(aimed.indices(llr), nearest)


def test_a_recipe_aims_at_sent_bits() -> None:
    shipped = SoftBitRecipe.shipped("max-mi-16qam-12")
    sic = {"teacher": "mmse-sic", "teacher_options": {"order": "sorted"}, "uses": 2000}
    found = []
    for target in ("teacher", "sent"):
        problem = SoftBits(SoftBitRecipe(**{**dict(shipped), **sic, "target": target}))
        problem.build()
        found.append(problem.network)
    believed, aimed = (float(one.values.abs().max()) for one in found)
    assert aimed < 0.8 * believed
    other = SoftBitRecipe(**{**dict(shipped), "network": "uniform", "target": "sent"})
    with pytest.raises(InvalidInputError, match="target: got 'sent', expected 'teacher' for"):
        SoftBits(other).build()
    with pytest.raises(
        InvalidInputError, match="method: got 'lloyd', expected 'dynamic-programme'"
    ):
        fit_quantizer("max-mi", samples()[0], bits=3, method="lloyd", aim=samples()[0])
