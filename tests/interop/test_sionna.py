"""Our detectors as Sionna's callables under coloured noise, and Sionna's as our contenders."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import mimolearn as ml
from mimolearn.interop import SionnaDetector

with warnings.catch_warnings():
    # What that library's own imports warn of is not ours to answer for.
    warnings.simplefilter("ignore")
    from sionna.phy import mimo, ofdm


def coloured(
    size: tuple[int, int], constellation: str, num: int = 40, dtype: torch.dtype = torch.complex128
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """y, h, s and the sent indices: noise of another covariance, far from white, for every y."""
    (nr, nt), c = size, ml.Constellation(constellation)
    generator = torch.Generator().manual_seed(7)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.complex128)

    h, root = normal(num, 2, nr, nt), 0.3 * normal(num, 2, nr, nr) / nr**0.5
    s = root @ root.mH + 0.02 * torch.eye(nr)
    sent = torch.randint(c.num_points, (num, 2, nt), generator=generator)
    noise = torch.linalg.cholesky(s) @ normal(num, 2, nr, 1)
    y = (h @ c.map(sent, torch.complex128).unsqueeze(-1) + noise).squeeze(-1)
    return y.to(dtype), h.to(dtype), s.to(dtype), sent


@pytest.mark.parametrize("size", [(2, 2), (4, 2), (8, 4), (16, 16)])
@pytest.mark.parametrize("constellation", ["qpsk", "16-qam", "64-qam"])
def test_lmmse_has_their_llrs_under_coloured_noise(
    size: tuple[int, int], constellation: str
) -> None:
    y, h, s, _ = coloured(size, constellation)
    bits = ml.Constellation(constellation).bits_per_symbol
    options = {"constellation_type": "qam", "num_bits_per_symbol": bits, "precision": "double"}
    theirs = mimo.LinearDetector("lmmse", "bit", "app", device="cpu", **options)(y, h, s)
    ours = SionnaDetector("lmmse", constellation)(y, h, s)
    assert ours.shape == theirs.shape == (40, 2, size[1], bits)
    torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-7)


def test_noise_that_is_taken_for_white_costs_errors() -> None:
    """The whitening matters here: without it the comparison above would say nothing."""
    y, h, s, sent = coloured((4, 3), "16-qam", num=400)
    bits = ml.Constellation("16-qam").indices_to_bits(sent)
    power = torch.diagonal(s, dim1=-2, dim2=-1).real.mean(-1)
    white = power[..., None, None] * torch.eye(4, dtype=y.dtype)
    detector = SionnaDetector("lmmse", "16-qam", hard_out=True)
    errors = [int((detector(y, h, noise) != bits).sum()) for noise in (s, white)]
    assert errors[0] < 0.8 * errors[1]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("ml", torch.complex128),
        ("ep", torch.complex128),
        ("tap-net-any", torch.complex128),
        ("tap-net-any", torch.complex64),
        ("sphere", torch.complex128),
    ],
)
def test_better_detectors_make_fewer_errors_in_their_shapes(name: str, dtype: torch.dtype) -> None:
    y, h, s, sent = coloured((4, 4), "qpsk", num=300, dtype=dtype)
    bits = ml.Constellation("qpsk").indices_to_bits(sent)
    ours = SionnaDetector(name, "qpsk", hard_out=True)(y, h, s)
    lmmse = SionnaDetector("lmmse", "qpsk", hard_out=True)(y, h, s)
    assert ours.shape == bits.shape
    assert int((ours != bits).sum()) < int((lmmse != bits).sum())


def test_symbols_hard_and_soft_mean_the_same() -> None:
    y, h, s, _ = coloured((6, 3), "16-qam")
    hard = SionnaDetector("ml", "16-qam", output="symbol", hard_out=True)(y, h, s)
    logits = SionnaDetector("ml", "16-qam", output="symbol")(y, h, s)
    assert hard.dtype == torch.int32
    assert logits.shape == (*hard.shape, 16)
    assert torch.equal(logits.argmax(-1), hard.long())
    their_logits = mimo.LinearDetector(
        "lmmse", "symbol", "app", "qam", 4, precision="double", device="cpu"
    )(y, h, s)
    ours = SionnaDetector("lmmse", "16-qam", output="symbol")(y, h, s)
    torch.testing.assert_close(
        ours.log_softmax(-1), their_logits.log_softmax(-1), rtol=1e-6, atol=1e-6
    )


def test_inside_their_ofdm_wrapper_as_their_own() -> None:
    """Interfering users and a channel estimate's error colour the noise."""
    grid = ofdm.ResourceGrid(
        num_ofdm_symbols=4,
        fft_size=12,
        subcarrier_spacing=30e3,
        num_tx=2,
        num_streams_per_tx=2,
        pilot_pattern="kronecker",
        pilot_ofdm_symbol_indices=[1],
        precision="double",
        device="cpu",
    )
    # Two base stations with a user each: the other's user is interference.
    streams = mimo.StreamManagement(np.eye(2, dtype=int), 2)
    generator = torch.Generator().manual_seed(3)
    y = torch.randn((5, 2, 4, 4, 12), generator=generator, dtype=torch.complex128)
    h = torch.randn((5, 2, 4, 2, 2, 4, 12), generator=generator, dtype=torch.complex128)
    error_var, noise = torch.full((1,), 0.05, dtype=torch.float64), torch.tensor(0.1)
    common: dict[str, Any] = {"precision": "double", "device": "cpu"}
    theirs = ofdm.LinearDetector("lmmse", "bit", "app", grid, streams, "qam", 4, **common)(
        y, h, error_var, noise
    )
    wrapper = ofdm.OFDMDetector(SionnaDetector("lmmse", "16-qam"), "bit", grid, streams, **common)
    ours = wrapper(y, h, error_var, noise)
    assert ours.shape == theirs.shape
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda y, h, s: (y[..., :-1], h, s), "^h: "),
        (lambda y, h, s: (y, h, s[..., :-1]), "^s: "),
        (lambda y, h, s: (y, h, -s), "^s: .*positive definite"),
        (lambda y, h, s: (y, h, s.real), "^s: .*complex dtype"),
        (lambda y, h, s: (y, h * float("nan"), s), "^h: .*finite"),
        (lambda y, h, s: (y, h, s * float("inf")), "^s: .*finite"),
    ],
)
def test_wrong_inputs_name_the_argument(change: Any, words: str) -> None:
    y, h, s, _ = coloured((4, 2), "qpsk", num=2)
    with pytest.raises(ml.InvalidInputError, match=words):
        SionnaDetector("lmmse", "qpsk")(*change(y, h, s))


def test_wrong_options_name_the_field() -> None:
    with pytest.raises(ml.InvalidInputError, match=r"^constellation: "):
        SionnaDetector("lmmse")
    with pytest.raises(ml.InvalidInputError, match=r"^output: "):
        SionnaDetector("lmmse", "qpsk", output="bits")
    y, h, s, _ = coloured((4, 2), "qpsk", num=2)
    with pytest.raises(ml.NotSoftError):
        SionnaDetector("sphere", "qpsk")(y, h, s)


def test_their_lmmse_is_ours_and_their_searches_come_close() -> None:
    """On one set of draws: the same integers where the equations are the same."""
    scenario = ml.Scenario(
        num_tx_ant=4, num_rx_ant=4, constellation="16-qam", snr_definition="per_stream"
    )
    names = [
        "lmmse",
        "sionna-lmmse:demapping=max-log",
        "ep",
        "sionna-ep",
        "ml",
        "sionna-k-best:k=64",
    ]
    names.append("sionna-mmse-pic")
    result = ml.simulate(
        scenario, contenders=names, snr_db=[16.0], max_vectors=2048, min_errors=100_000
    )
    errors = {c.contender.label: c.points[0].counts.bit_errors for c in result.curves}
    # A sign of a max-log LLR is the nearest point, which is what ours decides.
    assert errors["lmmse"] == errors["sionna-lmmse(demapping=max-log)"]
    # Theirs stops with other floors of variances.
    assert errors["sionna-ep"] == pytest.approx(errors["ep"], rel=0.1)
    assert errors["sionna-k-best(k=64)"] == pytest.approx(errors["ml"], rel=0.1)
    assert errors["ml"] < errors["sionna-mmse-pic"] < errors["lmmse"]
