"""Odd tensors and modes of torch, over every beamformer: right, or refused in one line."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode

from mimolearn.beamformers import Beams, LearnedBeamformer, beamformer_names, symbol_error_rate
from mimolearn.foundation.tensors import made_once as constants

from ..torch_modes import MODES, default_dtype, global_random_state, refused
from .conftest import small


@pytest.fixture
def soak(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--soak"))


each = pytest.mark.parametrize("name", beamformer_names())
each_mode = pytest.mark.parametrize("mode", MODES)


def assert_equal(found: Beams, expected: Beams, tol: float = 0.0) -> None:
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=tol, atol=tol)


@each
@each_mode
def test_beams_are_the_same_in_every_mode(
    name: str, mode: str, channels: Tensor, soak: bool
) -> None:
    dtype = torch.complex128 if soak else torch.complex64
    beamformer, h = small(name), channels[:2].to(dtype, copy=True)
    h[1, 0] = 0
    noise = torch.full((2,), 0.5, dtype=dtype.to_real())
    expected = beamformer(h, noise)
    rates = symbol_error_rate(h, expected, noise, "16-qam")
    constants.forget()
    with MODES[mode]():
        assert_equal(beamformer(h, noise), expected)
        found = symbol_error_rate(h, expected, noise, "16-qam")
        torch.testing.assert_close(found, rates, equal_nan=True, rtol=0, atol=0)


@each
def test_one_made_under_another_default_dtype_is_the_same(name: str, channels: Tensor) -> None:
    h, plain = channels[:1].to(torch.complex64), small(name)
    before = global_random_state()
    with default_dtype(torch.float64):
        made = small(name)
        for key, tensor in made.state_dict().items():
            assert torch.equal(tensor, plain.state_dict()[key])
            assert tensor.dtype == plain.state_dict()[key].dtype
        found = made(h, 0.5)
    assert_equal(found, plain(h, 0.5))
    assert global_random_state() == before


@pytest.mark.parametrize("name", ["unfolded-mser", "cnn"])
def test_a_training_step_after_a_first_use_in_inference_mode(name: str, channels: Tensor) -> None:
    beamformer, h = small(name).requires_grad_(True), channels[:2].to(torch.complex64)
    noise = torch.full((2,), 0.5)
    assert isinstance(beamformer, LearnedBeamformer)
    constants.forget()
    with torch.inference_mode():
        beamformer(h, noise)
        beamformer.values(h, noise)
    beamformer.values(h, noise)[-1].sum().backward()
    assert any(p.grad is not None for p in beamformer.parameters())


@each
def test_tensors_without_values_are_refused(name: str, channels: Tensor) -> None:
    beamformer, h = small(name), channels[:1].to(torch.complex64)
    expected = beamformer(h, 0.5)
    constants.forget()
    mode = FakeTensorMode()
    fake = mode.from_tensor(h)
    with mode:
        assert "h: got <a tensor without values" in refused(lambda: beamformer(fake, 0.5))
        assert "h: got <a tensor in FakeTensorMode>" in refused(lambda: beamformer(h, 0.5))
    assert "on the meta device" in refused(lambda: beamformer(h.to("meta"), 0.5))
    noise = torch.ones(1, device="meta")
    assert "noise_var: got <a tensor" in refused(lambda: beamformer(h, noise))
    assert_equal(beamformer(h, 0.5), expected)


@each
@pytest.mark.parametrize("batch", [(0,), (2, 0)])
def test_no_channels_give_no_beams(name: str, batch: tuple[int, ...], channels: Tensor) -> None:
    h = channels.new_zeros(*batch, *channels.shape[1:])
    beamformer = small(name)
    beams = beamformer(h, 0.5)
    one = beamformer(channels[:1], 0.5)
    for part, other in zip(beams, one, strict=True):
        assert part.shape == (*batch, *other.shape[1:])


@each
def test_strides_change_nothing(name: str, channels: Tensor) -> None:
    beamformer, h = small(name), channels[:2]
    expected = beamformer(h, 0.5)
    for given in (
        h.mT.contiguous().mT,
        h.repeat_interleave(2, -1)[..., ::2],
        h.conj().resolve_conj().conj(),
    ):
        assert_equal(beamformer(given, 0.5), expected, 1e-6)
    one = h[:1].expand(3, *h.shape[1:])
    assert_equal(beamformer(one, 0.5), beamformer(one.contiguous(), 0.5), 1e-6)


@each
def test_beams_may_be_edited(name: str, channels: Tensor) -> None:
    beamformer, h = small(name), channels[:2].clone()
    given, expected = h.clone(), beamformer(h, 0.5)
    kept = Beams(*(part.clone() for part in expected))
    for part in expected:
        part.zero_()
    assert torch.equal(h, given)
    assert_equal(beamformer(h, 0.5), kept)


@each
def test_a_noise_that_single_precision_cannot_hold_is_refused(name: str, channels: Tensor) -> None:
    h = channels[:1].to(torch.complex64)
    for value in (1e-60, 1e60):
        for noise in (value, torch.tensor([value], dtype=torch.float64)):
            message = refused(lambda noise=noise: small(name)(h, noise))
            assert message.startswith("noise_var: got 1e")
            assert "float32" in message


@each
def test_an_edited_constellation_changes_no_beams(name: str, channels: Tensor) -> None:
    beamformer, h = small(name), channels[:1].to(torch.complex64)
    expected = beamformer(h, 0.5)
    beamformer.constellation.points *= 2
    for part in beamformer.constellation.axis(torch.float32):
        part.zero_()
    assert_equal(beamformer(h, 0.5), expected)
    assert_equal(small(name)(h, 0.5), expected)
