"""Odd tensors and modes of torch, over the table of every quantiser: right, or refused."""

import pytest
import torch
from torch._subclasses import FakeTensorMode

from mimolearn.foundation.tensors import made_once as constants
from mimolearn.quantizers import Quantizer, fit_quantizer

from ..torch_modes import MODES, default_dtype, global_random_state, refused
from .test_contract import CASES, soft

# A scheme is fitted in seconds here: what is looked for does not depend on how well.
SHORT = {"steps": 3, "tuning_steps": 2, "width": 8}
SAMPLES = soft(500)
each = pytest.mark.parametrize("label", CASES)
each_mode = pytest.mark.parametrize("mode", MODES)


def fit(label: str) -> Quantizer:
    name, bits, options = CASES[label]
    short = {key: SHORT.get(key, value) for key, value in options.items()}
    return fit_quantizer(name, SAMPLES, bits=bits, **short)


@pytest.fixture(scope="module")
def fitted() -> dict[str, Quantizer]:
    return {label: fit(label) for label in CASES}


@each
@each_mode
def test_codes_and_values_are_the_same_in_every_mode(
    fitted: dict[str, Quantizer], label: str, mode: str
) -> None:
    quantizer, llr = fitted[label], soft(20, seed=2)
    indices, back = quantizer.indices(llr), quantizer.through(llr)
    data, digest = quantizer.encode(llr).to_bytes(), quantizer.digest()
    with MODES[mode]():
        assert torch.equal(quantizer.indices(llr), indices)
        assert torch.equal(quantizer.through(llr), back)
        assert torch.equal(quantizer.from_indices(indices), back)
        codes = quantizer.encode(llr)
        assert codes.to_bytes() == data
        assert quantizer.decode(codes).dtype == torch.float32
        assert quantizer.digest() == digest


@each
@pytest.mark.parametrize("mode", ["default dtype float64", "inference mode", "autocast"])
def test_a_fit_is_the_same_in_every_mode(
    fitted: dict[str, Quantizer], label: str, mode: str
) -> None:
    before = global_random_state()
    with MODES[mode]():
        again = fit(label)
    assert again.digest() == fitted[label].digest()
    assert global_random_state() == before


@each
def test_tensors_without_values_are_refused(fitted: dict[str, Quantizer], label: str) -> None:
    quantizer, llr = fitted[label], soft(5, seed=3)
    expected = quantizer.through(llr)
    constants.forget()
    mode = FakeTensorMode()
    fake = mode.from_tensor(llr)
    with mode:
        assert "llr: got <a tensor without values" in refused(lambda: quantizer.encode(fake))
        assert "llr: got <a tensor in FakeTensorMode>" in refused(lambda: quantizer.through(llr))
    assert "on the meta device" in refused(lambda: quantizer.through(llr.to("meta")))
    codes = quantizer.indices(llr).to("meta")
    assert "codes: got <a tensor" in refused(lambda: quantizer.from_indices(codes))
    assert torch.equal(quantizer.through(llr), expected)


@each
@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3)])
def test_no_samples_give_no_words(
    fitted: dict[str, Quantizer], label: str, shape: tuple[int, ...]
) -> None:
    quantizer, llr = fitted[label], torch.zeros(*shape, 2, 4)
    assert quantizer.through(llr).shape == quantizer.decode(quantizer.encode(llr)).shape
    assert quantizer.through(llr).shape == llr.shape
    none = torch.zeros(5, 0, 4)
    assert quantizer.through(none).shape == quantizer.decode(quantizer.encode(none)).shape
    name, bits, _ = CASES[label]
    assert "at least one channel use" in refused(lambda: fit_quantizer(name, llr, bits=bits))


@each
def test_strides_change_nothing(fitted: dict[str, Quantizer], label: str) -> None:
    quantizer, llr = fitted[label], soft(6, seed=4)
    expected = quantizer.indices(llr)
    every_other = llr.repeat_interleave(2, -1)[..., ::2]
    turned = llr.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    for given in (every_other, turned, llr.double()):
        assert torch.equal(quantizer.indices(given), expected)
    one = llr[:1].expand(6, 2, 4)
    assert torch.equal(quantizer.indices(one), quantizer.indices(one.contiguous()))
    codes = expected.mT.contiguous().mT
    assert torch.equal(quantizer.from_indices(codes), quantizer.from_indices(expected))


@each
def test_answers_may_be_edited(fitted: dict[str, Quantizer], label: str) -> None:
    quantizer, llr = fitted[label], soft(6, seed=5)
    given, digest = llr.clone(), quantizer.digest()
    indices, back = quantizer.indices(llr), quantizer.through(llr)
    quantizer.indices(llr).zero_()
    quantizer.through(llr).zero_()
    codes = quantizer.encode(llr)
    quantizer.decode(codes).zero_()
    assert torch.equal(llr, given)
    assert torch.equal(quantizer.indices(llr), indices)
    assert torch.equal(quantizer.through(llr), back)
    torch.testing.assert_close(quantizer.decode(codes), back, rtol=1e-5, atol=1e-5)
    assert quantizer.digest() == digest


@each
def test_values_beyond_single_precision_are_large_ones(
    fitted: dict[str, Quantizer], label: str
) -> None:
    quantizer, llr = fitted[label], soft(5, seed=6).double().sign()
    assert torch.equal(quantizer.through(llr * 1e300), quantizer.through(llr * 1e30))
    with default_dtype(torch.float64):
        assert quantizer.through(llr).dtype == torch.float64
