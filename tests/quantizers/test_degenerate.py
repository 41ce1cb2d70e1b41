"""Samples that say little or nothing: a codebook of numbers, or the true reason in one line."""

import math

import pytest
import torch
from torch import Tensor

from mimolearn import InvalidInputError
from mimolearn.quantizers import fit_quantizer, quantizer_names

FEW = {"steps": 30}
OPTIONS = {
    "uniform": {},
    "max-mi": {},
    "deep-llr": FEW,
    "eq-net": {**FEW, "tuning_steps": 10},
    "eq-net-published": FEW,
}


def usual() -> Tensor:
    return 4 * torch.randn(300, 2, 4, generator=torch.Generator().manual_seed(1))


def samples(kind: str) -> Tensor:
    llr = usual()
    match kind:
        case "two values":
            return 3 * llr.sign()
        case "infinite ones among them":
            llr[::7], llr[3::7] = math.inf, -math.inf
        case "infinite":
            return llr.sign() * math.inf
        case "huge":
            return llr * 1e30
        case "tiny":
            return llr * 1e-30
        case "two uses":
            return llr[:2]
        case "one use":
            return llr[:1]
        case "equal":
            return torch.full_like(llr, 1.5)
        case "zero":
            return torch.zeros_like(llr)
        case "certain":
            return torch.full_like(llr, math.inf)
    return llr


@pytest.mark.parametrize("name", quantizer_names())
@pytest.mark.parametrize(
    "kind",
    ["two values", "infinite ones among them", "infinite", "huge", "tiny", "two uses", "one use"],
)
def test_poor_samples_make_a_codebook(name: str, kind: str) -> None:
    quantizer = fit_quantizer(name, samples(kind), bits=3, **OPTIONS[name])
    for llr in (usual(), samples(kind), samples("certain")):
        kept = quantizer.through(llr)
        assert kept.shape == llr.shape
        assert torch.isfinite(kept).all()


@pytest.mark.parametrize("name", [name for name in quantizer_names() if name != "max-mi"])
@pytest.mark.parametrize("kind", ["equal", "zero", "certain"])
def test_one_value_makes_a_codebook(name: str, kind: str) -> None:
    quantizer = fit_quantizer(name, samples(kind), bits=3, **OPTIONS[name])
    assert torch.isfinite(quantizer.through(usual())).all()


@pytest.mark.parametrize("kind", ["equal", "zero", "certain"])
def test_one_value_has_no_information_to_keep(kind: str) -> None:
    message = "^llr: got <all 1200 samples of bit 0 equal>, expected at least two different values"
    with pytest.raises(InvalidInputError, match=message):
        fit_quantizer("max-mi", samples(kind), bits=3)


@pytest.mark.parametrize("method", ["dynamic-programme", "lloyd"])
def test_repeated_values_keep_all_they_say(method: str) -> None:
    """More cells than values: each value is kept as it is."""
    llr = torch.tensor([-2.0, 0.5, 3.0])[torch.arange(900) % 3].reshape(-1, 1, 1)
    kept = fit_quantizer("max-mi", llr, bits=3, method=method).through(llr)
    torch.testing.assert_close(kept, llr, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", quantizer_names())
def test_what_says_nothing_is_refused_in_one_line(name: str) -> None:
    for llr, expected in (
        (usual()[:0], r"^llr: got <shape \(0, 2, 4\)>, expected at least one channel use$"),
        (usual() * math.nan, r"^llr: got <2400 of 2400 entries NaN>, expected LLRs$"),
    ):
        with pytest.raises(InvalidInputError, match=expected):
            fit_quantizer(name, llr, bits=3, **OPTIONS[name])
