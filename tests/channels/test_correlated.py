"""Kronecker, TDL and CDL against their covariances and against Sionna's own output."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from mimolearn import InvalidInputError
from mimolearn.link.channels import CDL, TDL, Kronecker, Rayleigh, exponential_correlation
from mimolearn.link.channels.correlation import exponential_root
from mimolearn.link.randomness import CounterGenerator

NR, NT = 4, 3


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def covariance(h: Tensor) -> Tensor:
    """E[h_ij conj(h_kl)], (Nr, Nt, Nr, Nt)."""
    return torch.einsum("nij,nkl->ijkl", h, h.conj()) / len(h)


def kronecker_covariance(rx: Tensor, tx: Tensor) -> Tensor:
    return torch.einsum("ik,lj->ijkl", rx, tx)


def test_exponential_correlation_is_the_published_matrix() -> None:
    r = 0.6 * complex(math.cos(0.4), math.sin(0.4))
    expected = torch.tensor(
        [
            [1, r, r**2],
            [r.conjugate(), 1, r],
            [r.conjugate() ** 2, r.conjugate(), 1],
        ],
        dtype=torch.complex128,
    )
    torch.testing.assert_close(exponential_correlation(3, 0.6, 0.4), expected)
    assert torch.equal(exponential_correlation(4, 0.0), torch.eye(4, dtype=torch.complex128))
    minus = exponential_correlation(3, -0.5).real
    assert minus[0].tolist() == [1, -0.5, 0.25]


@pytest.mark.parametrize(
    ("rx", "tx", "rx_phase", "tx_phase"),
    [(0.5, 0.5, 0.0, 0.0), (0.9, 0.0, 1.0, 0.0), (-0.3, 0.7, 0.0, -2.0), (1.0, 0.5, 0.3, 0.1)],
)
def test_kronecker_covariance(rx: float, tx: float, rx_phase: float, tx_phase: float) -> None:
    model = Kronecker(
        rx_correlation=rx, tx_correlation=tx, rx_phase_rad=rx_phase, tx_phase_rad=tx_phase
    )
    h = model.draw(40_000, NR, NT, generator(), torch.complex128)
    expected = kronecker_covariance(
        exponential_correlation(NR, rx, rx_phase), exponential_correlation(NT, tx, tx_phase)
    )
    # Each entry of a sample covariance has standard deviation at most 1/sqrt(40000).
    assert (covariance(h) - expected).abs().max().item() < 4.5 / 200


def test_full_correlation_is_rank_one_and_finite() -> None:
    h = Kronecker(rx_correlation=1, tx_correlation=1).draw(5, 6, 4, generator(), torch.complex128)
    assert torch.linalg.matrix_rank(h, rtol=1e-6).tolist() == [1] * 5


def test_no_correlation_is_rayleigh() -> None:
    h = Kronecker(rx_correlation=0, tx_correlation=0).draw(5, 6, 4, generator())
    torch.testing.assert_close(h, Rayleigh().draw(5, 6, 4, generator()))


@pytest.mark.parametrize("profile", ["A", "B", "C"])
def test_tdl_equals_sionna_wave_by_wave(profile: str) -> None:
    """The same random phases through Sionna's model, moving at 30 m/s, and its response at f."""
    from sionna.phy import config
    from sionna.phy.channel.tr38901 import TDL as SionnaTDL  # noqa: N811 -- two of that name here

    num, offset_hz, spread_s = 6, 2.5e6, 200e-9
    sionna_tdl = SionnaTDL(
        profile,
        spread_s,
        carrier_frequency=3.5e9,
        num_sinusoids=12,
        min_speed=30.0,
        num_rx_ant=NR,
        num_tx_ant=NT,
        rx_corr_mat=exponential_correlation(NR, 0.4),
        tx_corr_mat=exponential_correlation(NT, -0.6),
        precision="double",
        device="cpu",
    )
    config.torch_rng("cpu").manual_seed(8)
    paths, delays = sionna_tdl(num, num_time_steps=1, sampling_frequency=1e6)
    waves = torch.exp(-2j * math.pi * offset_hz * delays[:, 0, 0])
    expected = torch.einsum("crtp,cp->crt", paths[:, 0, :, 0, :, :, 0], waves)

    stream = generator(8)
    # Sionna first draws Doppler shifts and angles of arrival, which one instant does not see.
    torch.rand(num, generator=stream, dtype=torch.float64)
    torch.rand(num, delays.shape[-1], 12, generator=stream, dtype=torch.float64)
    model = TDL(
        profile=profile,
        delay_spread_s=spread_s,
        frequency_offset_hz=offset_hz,
        num_sinusoids=12,
        rx_correlation=0.4,
        tx_correlation=-0.6,
    )
    torch.testing.assert_close(model.draw(num, NR, NT, stream, torch.complex128), expected)


def test_tdl_is_kronecker_rayleigh_at_one_subcarrier() -> None:
    model = TDL(num_sinusoids=8, rx_correlation=0.5, tx_correlation=0.8)
    h = model.draw(20_000, NR, NT, generator(), torch.complex128)
    expected = kronecker_covariance(
        exponential_correlation(NR, 0.5), exponential_correlation(NT, 0.8)
    )
    assert (covariance(h) - expected).abs().max().item() < 4.5 / math.sqrt(20_000)
    assert (h * h).mean().abs().item() < 0.02


def test_number_of_sinusoids_sets_the_fourth_moment() -> None:
    """E|h|^4 = 2 - sum(P_p^2) / num_sinusoids, against the 2 of Rayleigh fading."""
    from sionna.phy.channel.tr38901 import TDL as SionnaTDL  # noqa: N811 -- two of that name here

    powers = SionnaTDL("A", 1e-9, carrier_frequency=1e9, device="cpu").mean_powers
    shortfall = powers.square().sum().item()
    assert shortfall > 0.1
    model = TDL(num_sinusoids=1, rx_correlation=0, tx_correlation=0)
    fourth = model.draw(20_000, NR, NT, generator(), torch.complex128).abs().pow(4)
    # 240 000 independent entries; var |h|^4 is at most 4! - 2^2 = 20.
    assert fourth.mean().item() == pytest.approx(2 - shortfall, abs=4 * math.sqrt(20 / 240_000))


def test_tdl_correlation_over_frequency_is_that_of_its_profile() -> None:
    """Two subcarriers of one realisation: E[h(f) conj(h(0))] = sum of P_p e^(-j 2 pi f tau_p)."""
    from sionna.phy.channel.tr38901 import TDL as SionnaTDL  # noqa: N811 -- two of that name here

    table = SionnaTDL("A", 100e-9, carrier_frequency=1e9, precision="double", device="cpu")
    expected = (table.mean_powers * torch.exp(-2j * math.pi * 1e6 * table.delays)).sum()
    low, high = (
        TDL(
            delay_spread_s=100e-9,
            frequency_offset_hz=offset_hz,
            num_sinusoids=4,
            rx_correlation=0,
            tx_correlation=0,
        ).draw(5000, NR, NT, generator(), torch.complex128)
        for offset_hz in (0.0, 1e6)
    )
    assert abs((high * low.conj()).mean() - expected).item() < 4 / math.sqrt(60_000)


@pytest.mark.parametrize("profile", ["A", "B", "C", "D", "E"])
@pytest.mark.parametrize("direction", ["uplink", "downlink"])
def test_cdl_equals_sionna_of_the_same_seed(profile: str, direction: str) -> None:
    """At another carrier, which spacings in wavelengths make irrelevant."""
    from sionna.phy import config
    from sionna.phy.channel.tr38901 import CDL as SionnaCDL  # noqa: N811 -- two of that name here
    from sionna.phy.channel.tr38901 import PanelArray

    def array(num_ant: int, spacing: float) -> PanelArray:
        return PanelArray(
            num_rows_per_panel=1,
            num_cols_per_panel=num_ant,
            polarization="single",
            polarization_type="V",
            antenna_pattern="omni",
            carrier_frequency=6e9,
            element_horizontal_spacing=spacing,
            precision="double",
            device="cpu",
        )

    rx, tx = array(NR, 0.5), array(NT, 2.0)
    sionna_cdl = SionnaCDL(
        profile,
        316e-9,
        6e9,
        ut_array=tx if direction == "uplink" else rx,
        bs_array=rx if direction == "uplink" else tx,
        direction=direction,
        precision="double",
        device="cpu",
    )
    config.torch_rng("cpu").manual_seed(8)
    paths, delays = sionna_cdl(4, num_time_steps=1, sampling_frequency=1e6)
    waves = torch.exp(-2j * math.pi * 1e6 * delays[:, 0, 0])
    expected = torch.einsum("crtp,cp->crt", paths[:, 0, :, 0, :, :, 0], waves)
    model = CDL(
        profile=profile,
        direction=direction,
        delay_spread_s=316e-9,
        frequency_offset_hz=1e6,
        tx_spacing_wavelengths=2.0,
    )
    h = model.draw(4, NR, NT, generator(8), torch.complex128)
    torch.testing.assert_close(h, expected, rtol=1e-6, atol=1e-6)


def test_cdl_spacing_decorrelates_antennas() -> None:
    near, far = (
        covariance(
            CDL(rx_spacing_wavelengths=spacing).draw(1000, 2, 1, generator(), torch.complex128)
        )[0, 0, 1, 0].abs()
        for spacing in (0.1, 5.0)
    )
    assert near.item() > 0.8
    assert far.item() < 0.5


def test_per_draw_normalisation_is_exact() -> None:
    model = CDL(normalise="per_draw", entry_variance="1/Nr")
    power = model.draw(20, NR, NT, generator(), torch.complex128).abs().square().mean((1, 2))
    torch.testing.assert_close(power, torch.full((20,), 0.25, dtype=torch.float64))


def test_draws_larger_than_a_chunk() -> None:
    """64 x 32 with 48 sinusoids is drawn three channels at a time."""
    h = TDL().draw(7, 64, 32, generator())
    assert h.shape == (7, 64, 32)
    assert len({round(value.item(), 6) for value in h[:, 0, 0].abs()}) == 7


@pytest.mark.parametrize(
    ("model", "fields", "message"),
    [
        (Kronecker, {"rx_correlation": -1.01}, "rx_correlation: got -1.01, expected a value at le"),
        (TDL, {"tx_correlation": 1.0}, "tx_correlation: got 1.0, expected a value at most 0.999"),
        (TDL, {"profile": "D"}, "profile: got 'D', expected one of A, B, C"),
        (TDL, {"num_sinusoids": 0}, "num_sinusoids: got 0, expected a value at least 1"),
        (TDL, {"delay_spread_s": 30.0}, "delay_spread_s: got 30.0, expected a value at most 0.001"),
        (CDL, {"spec_version": "18.0"}, "spec_version: got '18.0', expected one of 16.1, 19.2"),
        (CDL, {"rx_spacing_wavelengths": 0}, "rx_spacing_wavelengths: got 0, expected a value abo"),
    ],
)
def test_mistakes(model: type, fields: dict, message: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        model(**fields)
    assert str(caught.value).startswith(message)


# Kronecker draws that no linear algebra library decides on


@pytest.mark.parametrize("rx", [(0.5, 0.0), (-0.9, 0.4), (1.0, 0.0), (0.0, 0.0)])
@pytest.mark.parametrize("tx", [(0.5, 0.0), (0.7, -1.0)])
def test_counter_draws_are_the_product(rx: tuple[float, float], tx: tuple[float, float]) -> None:
    model = Kronecker(
        rx_correlation=rx[0], rx_phase_rad=rx[1], tx_correlation=tx[0], tx_phase_rad=tx[1]
    )
    u = Rayleigh().draw(40, 9, 5, CounterGenerator(3)).to(torch.complex128)
    expected = exponential_root(9, *rx) @ u @ exponential_root(5, *tx)
    drawn = model.draw(40, 9, 5, CounterGenerator(3))
    torch.testing.assert_close(drawn.to(torch.complex128), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("size", [1, 2, 16, 33])
@pytest.mark.parametrize("magnitude", [0.0, 0.5, -0.95, 0.999, 1.0])
def test_the_root_is_the_hermitian_one(size: int, magnitude: float) -> None:
    matrix = exponential_correlation(size, magnitude, 0.7)
    root = exponential_root(size, magnitude, 0.7)
    torch.testing.assert_close(root @ root, matrix, rtol=0, atol=1e-12)
    torch.testing.assert_close(root, root.mH, rtol=0, atol=1e-14)
    assert torch.linalg.eigvalsh(root).min() > -1e-7


DIGEST = """
import hashlib
from mimolearn.link.channels import Kronecker
from mimolearn.link.randomness import CounterGenerator
for phase, size in ((0.0, (16, 8)), (0.3, (33, 20))):
    model = Kronecker(rx_correlation=0.9, rx_phase_rad=phase)
    h = model.draw(64, *size, CounterGenerator(3))
    print(hashlib.sha256(h.numpy().tobytes()).hexdigest())
"""


def test_draws_do_not_depend_on_the_linear_algebra_library() -> None:
    """An older instruction set of it stands for an older machine."""
    digests = set()
    for setting in ({}, {"MKL_CBWR": "COMPATIBLE", "ATEN_CPU_CAPABILITY": "default"}):
        run = subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, **setting},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(run.stdout)
    assert len(digests) == 1
