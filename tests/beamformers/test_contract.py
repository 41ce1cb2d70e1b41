"""What every beamformer keeps to, over a table of all of them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mimolearn.beamformers import (
    Beams,
    HybridArray,
    beamformer_names,
    make_beamformer,
    symbol_error_rate,
)
from mimolearn.foundation.errors import InvalidInputError

from .conftest import SMALL, small

each = pytest.mark.parametrize("name", beamformer_names())


def check_contract(beams: Beams, fully_digital: bool) -> None:
    tolerance = 1e-4 if beams.f_rf.dtype == torch.complex64 else 1e-9
    sent = torch.linalg.matrix_norm(beams.transmit())
    assert torch.allclose(sent, torch.ones_like(sent), atol=tolerance)
    for part in (beams.f_rf, beams.w_rf):
        size = part.abs()
        wanted = torch.eye(size.shape[-1]).expand_as(size) if fully_digital else 1.0
        assert torch.allclose(size, torch.as_tensor(wanted).to(size), atol=tolerance)
    assert all(bool(torch.isfinite(torch.view_as_real(p.resolve_conj())).all()) for p in beams)


@each
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_shapes_power_and_unit_modulus(name: str, dtype: torch.dtype, channels: Tensor) -> None:
    beamformer = small(name)
    h = channels.to(dtype).unflatten(0, (2, 3))
    beams = beamformer(h, 0.5)
    rt, rr = (16, 4) if beamformer.fully_digital else (5, 3)
    shapes = [tuple(part.shape) for part in beams]
    assert shapes == [(2, 3, 16, rt), (2, 3, rt, 4), (2, 3, 2, 4, rr), (2, 3, 2, rr, 2)]
    assert all(part.dtype == dtype for part in beams)
    check_contract(beams, beamformer.fully_digital)


@each
def test_a_batch_is_its_channels_one_by_one(name: str, channels: Tensor) -> None:
    beamformer, noise = small(name), torch.tensor([0.5, 0.05, 1.0, 0.2, 0.5, 0.1]).double()
    together = beamformer(channels, noise)
    alone = [beamformer(h, v) for h, v in zip(channels, noise, strict=True)]
    for all_at_once, parts in zip(together, zip(*alone, strict=True), strict=True):
        assert torch.allclose(all_at_once, torch.stack(parts), atol=1e-6)


@each
def test_scaling_channel_and_noise_together_changes_no_error_rate(
    name: str, channels: Tensor
) -> None:
    beamformer = small(name)
    noise = torch.full((6,), 0.5).double()
    plain = symbol_error_rate(channels, beamformer(channels, noise), noise, "qpsk")
    h, loud = channels * 8.0, noise * 64.0
    scaled = symbol_error_rate(h, beamformer(h, loud), loud, "qpsk")
    if name in ("unfolded-mser", "cnn"):
        # They see the noise level itself.
        assert torch.allclose(plain, scaled, rtol=1.0, atol=1e-2)
        return
    assert torch.allclose(plain, scaled, rtol=1e-5, atol=1e-9)


@each
def test_every_design_beats_guessing_and_random_beams(name: str, channels: Tensor) -> None:
    noise = torch.full((6,), 0.3).double()
    rates = symbol_error_rate(channels, small(name)(channels, noise), noise, "qpsk")
    assert rates.shape == (6, 2, 2)
    assert float(rates.mean()) < (0.4 if name == "cnn" else 0.3)


@each
def test_an_absent_user_is_left_out(name: str, channels: Tensor) -> None:
    beamformer = small(name)
    h = channels.clone()
    h[1, 0] = 0
    h[4, 1] = 0
    beams = beamformer(h, 0.5)
    check_contract(beams, beamformer.fully_digital)
    assert float(beams.f_bb[1, :, :2].abs().max()) == 0 == float(beams.w_bb[1, 0].abs().max())
    alone = beamformer(h[1:2, 1:], 0.5)
    assert torch.allclose(beams.f_bb[1:2, :, 2:], alone.f_bb, atol=1e-9)
    rates = symbol_error_rate(h, beams, torch.full((6,), 0.5), "qpsk")
    assert bool(rates[1, 0].isnan().all())
    assert bool(rates[1, 1].isfinite().all())
    others = beamformer(channels[[0, 2]], 0.5)
    assert torch.allclose(beams.f_bb[[0, 2]], others.f_bb, atol=1e-9)


@each
def test_rank_one_channels_give_sound_beams(name: str, channels: Tensor) -> None:
    h = channels.clone()
    h[:2] = channels[:2, :, :, :1] @ channels[:2, :, :1]
    h[2, 1] = h[2, 0]
    beamformer = small(name)
    for dtype in (torch.complex64, torch.complex128):
        beams = beamformer(h.to(dtype), 0.01)
        check_contract(beams, beamformer.fully_digital)
        rates = symbol_error_rate(h, beams, torch.full((6,), 0.01), "qpsk")
        assert bool(torch.isfinite(rates).all())


@each
def test_fewer_users_and_antennas_than_the_array(name: str, channels: Tensor) -> None:
    beamformer = small(name)
    fewer = channels[:, :1, :3, :12]
    if name == "cnn":
        with pytest.raises(InvalidInputError, match="h: got <3 x 12 antennas>, expected the array"):
            beamformer(fewer, 0.5)
        fewer = channels[:, :1]
    beams = beamformer(fewer, 0.5)
    check_contract(beams, beamformer.fully_digital)
    assert beams.f_bb.shape[-1] == 2
    assert beams.f_rf.shape[-2] == fewer.shape[-1]


@each
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h[0, 0], "h: got <shape (4, 16)>, expected shape (*C, K, Nr, Nt)"),
        (lambda h: h.real, "h: got <dtype torch.float64>, expected a complex dtype"),
        (lambda h: h.repeat(1, 2, 1, 1), "h: got <4 users>, expected 1 to 2, the array's users"),
        (lambda h: h.repeat(1, 1, 1, 2), "h: got <32 transmit antennas>, expected 5 to 16"),
        (lambda h: h[..., :4], "h: got <4 transmit antennas>, expected 5 to 16"),
        (lambda h: h[..., :2, :], "h: got <2 receive antennas>, expected 3 to 4"),
        (lambda h: h * math.nan, "entries NaN or infinite>, expected finite entries"),
        (lambda h: h * 0, "h: got <a channel of zeros>, expected at least one present user"),
    ],
)
def test_bad_channels_are_one_line(name: str, change, message: str, channels: Tensor) -> None:
    with pytest.raises(InvalidInputError) as caught:
        small(name)(change(channels), 0.5)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("noise", [0.0, -1.0, math.nan, math.inf])
def test_noise_is_positive(noise: float, channels: Tensor) -> None:
    with pytest.raises(InvalidInputError, match=r"noise_var: got .*, expected a finite value"):
        small("svd-phase")(channels, noise)


def test_noise_has_the_shape_of_the_channels(channels: Tensor) -> None:
    with pytest.raises(InvalidInputError, match=r"noise_var: got <shape \(5,\)>"):
        small("svd-phase")(channels, torch.ones(5))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_streams": 5}, "num_streams: got 5, expected at most num_rx_chains = 4 of a user"),
        ({"num_streams": 4, "num_users": 3}, "num_streams: got 4, expected at most 2"),
        ({"num_tx_chains": 65}, "num_tx_chains: got 65, expected at most num_tx_ant = 64"),
        ({"num_rx_chains": 9}, "num_rx_chains: got 9, expected at most num_rx_ant = 8"),
        ({"num_users": 0}, "num_users: got 0, expected a value at least 1"),
    ],
)
def test_an_array_without_chains_for_its_streams_is_refused(
    fields: dict[str, int], message: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        HybridArray(**fields)
    assert message in str(caught.value)


def test_names_and_options_are_checked() -> None:
    with pytest.raises(InvalidInputError, match="did you mean 'mser-gd'"):
        make_beamformer("mser_gd")
    with pytest.raises(InvalidInputError, match="option of beamformer 'mo'"):
        make_beamformer("mo", SMALL, num_iters=3)
    with pytest.raises(InvalidInputError, match="constellation: got 'bpsk'"):
        make_beamformer("mo", SMALL, "bpsk")
