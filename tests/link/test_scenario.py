"""Scenarios: what they draw, imperfect knowledge, keys and repetitions."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pytest
import torch

from mimolearn import Constellation, InvalidInputError, Scenario
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.plans.plan import load_comparison
from mimolearn.studies import list_results, load_results, simulate

BASE = {"num_tx_ant": 3, "num_rx_ant": 5, "constellation": "qpsk"}


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# Drawing


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_a_block_has_the_shapes_it_promises(dtype: torch.dtype) -> None:
    block = Scenario(**BASE, channel_reuse=7).draw(10, 4, generator(), dtype)
    assert block.indices.shape == (4, 7, 3)
    assert block.h.shape == block.h_hat.shape == (4, 5, 3)
    assert block.y.shape == (4, 7, 5)
    assert block.noise_var.shape == (4,)
    assert {t.dtype for t in (block.h, block.h_hat, block.y)} == {dtype}
    assert block.noise_var.dtype == dtype.to_real()


def test_without_noise_y_is_h_x() -> None:
    scenario = Scenario(**BASE, channel_reuse=7)
    block = scenario.draw(200, 4, generator(), torch.complex128)
    x = scenario.points().map(block.indices, torch.complex128)
    torch.testing.assert_close(block.y, torch.einsum("crt,cbt->cbr", block.h, x))
    assert block.h_hat is block.h


def test_all_symbols_come_equally_often() -> None:
    scenario = Scenario(num_tx_ant=4, num_rx_ant=4, constellation="16-qam", channel_reuse=100)
    index = scenario.draw(10, 200, generator()).indices
    count = torch.bincount(index.flatten(), minlength=16).double()
    expected = index.numel() / 16
    # Chi-squared of 15 degrees of freedom: below 37.7 in 999 of 1000 draws.
    assert ((count - expected).square() / expected).sum().item() < 37.7


def test_draws_come_from_the_generator_alone() -> None:
    scenario = Scenario(**BASE, csi={"error_var": 0.1})
    torch.manual_seed(1)
    one = scenario.draw(10, 4, generator())
    torch.manual_seed(2)
    state = torch.get_rng_state()
    other = scenario.draw(10, 4, generator())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    third = scenario.draw(10, 4, generator(2))
    assert not torch.equal(one.h, third.h)


def test_scenarios_of_other_noise_or_knowledge_share_channels_and_symbols() -> None:
    perfect = Scenario(**BASE).draw(10, 4, generator(), torch.complex128)
    imperfect = Scenario(**BASE, csi={"error_var": 0.1}).draw(10, 4, generator(), torch.complex128)
    louder = Scenario(**BASE).draw(0, 4, generator(), torch.complex128)
    for block in (imperfect, louder):
        assert torch.equal(block.h, perfect.h)
        assert torch.equal(block.indices, perfect.indices)
    assert torch.equal(imperfect.y, perfect.y)
    x = Constellation("qpsk").map(perfect.indices, torch.complex128)
    signal = x @ perfect.h.mT
    torch.testing.assert_close(louder.y - signal, (perfect.y - signal) * math.sqrt(10))


@pytest.mark.parametrize("channel", ["rayleigh", "real-gaussian"])
@pytest.mark.parametrize("entry_variance", ["1", "1/Nr", "1/Nt"])
def test_channel_error_has_its_variance_and_is_independent(
    channel: str, entry_variance: str
) -> None:
    csi = {"error_var": 0.2, "noise": "with-error"}
    model = {"model": channel, "entry_variance": entry_variance}
    scenario = Scenario(**BASE, channel=model, csi=csi)
    block = scenario.draw(10, 20_000, generator(), torch.complex128)
    error = block.h_hat - block.h
    entry_var = {"1": 1, "1/Nr": 1 / 5, "1/Nt": 1 / 3}[entry_variance]
    # 3e5 entries: three sigma of the variance of a real one are 3 sqrt(2 / 3e5) = 0.8 %.
    assert error.abs().square().mean().item() == pytest.approx(0.2 * entry_var, rel=0.01)
    for other in (block.h, error.roll(1, -1), error.roll(1, -2)):
        correlation = (error * other.conj()).mean() / error.std() / other.std()
        assert abs(correlation.item()) < 0.01
    noise = block.y - scenario.points().map(block.indices, torch.complex128) @ block.h.mT
    with_error = noise.abs().square().mean().item() + 3 * error.abs().square().mean().item()
    assert block.noise_var[0].item() == pytest.approx(with_error, rel=0.01)
    if channel == "real-gaussian":
        assert torch.equal(error.imag, torch.zeros_like(error.imag))
    else:
        assert error.real.square().mean().item() == pytest.approx(0.1 * entry_var, rel=0.015)


def test_a_receiver_knows_of_its_error_unless_it_is_told_of_thermal_noise_alone() -> None:
    thermal = {"error_var": 0.2, "noise": "thermal"}
    alone = Scenario(**BASE, csi=thermal).draw(10, 2, generator()).noise_var
    assert torch.equal(alone, Scenario(**BASE).draw(10, 2, generator()).noise_var)
    usual = Scenario(**BASE, csi={"error_var": 0.2}).draw(10, 2, generator()).noise_var
    torch.testing.assert_close(usual, alone + 0.2 * BASE["num_tx_ant"])


@pytest.mark.parametrize("num_channels", [0, -1, 2.0, True])
def test_a_draw_is_of_at_least_one_channel(num_channels: object) -> None:
    with pytest.raises(InvalidInputError, match=r"num_channels: got .*, expected a positive"):
        Scenario(**BASE).draw(10, num_channels, generator())


def test_a_real_dtype_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"dtype: got torch.float32"):
        Scenario(**BASE).draw(10, 1, generator(), torch.float32)


# Keys


def test_the_key_of_a_sample_is_pinned() -> None:
    """Stored results carry these keys: if this fails, results of earlier versions are lost."""
    assert Scenario(**BASE).key() == "8ee35587da411166"
    sample = Scenario(
        num_tx_ant=32,
        num_rx_ant=64,
        constellation="bpsk",
        channel={"model": "kronecker", "entry_variance": "1/Nr", "rx_correlation": 0.3},
        channel_reuse=14,
        snr_definition="received",
        csi={"error_var": 0.01, "noise": "with-error"},
    )
    assert sample.key() == "4a3d73e16338fe43"


def test_reduced_draws_are_another_scenario_with_fewer_rows() -> None:
    full, reduced = Scenario(**BASE, draws="full"), Scenario(**BASE, draws="reduced")
    assert full.key() == Scenario(**BASE).key() != reduced.key()
    block = reduced.draw(10, 4, generator())
    assert (block.h.shape, block.y.shape) == ((4, 3, 3), (4, 1, 3))
    assert torch.equal(full.noise_var(10), reduced.noise_var(10))
    with pytest.raises(InvalidInputError, match="draws"):
        Scenario(**BASE, draws="triangle")


def test_the_key_sees_what_is_simulated_and_nothing_else() -> None:
    one = Scenario(**BASE)
    assert one.key() == Scenario(**BASE, name="mine", channel={"model": "rayleigh"}).key()
    same = Scenario(**BASE, channel={"model": "kronecker", "rx_correlation": 1})
    assert (
        same.key() == Scenario(**BASE, channel={"model": "kronecker", "rx_correlation": 1.0}).key()
    )
    others = [
        {"num_tx_ant": 4},
        {"num_rx_ant": 4},
        {"constellation": "bpsk"},
        {"channel": {"model": "real-gaussian"}},
        {"channel": {"model": "rayleigh", "entry_variance": "1/Nr"}},
        {"channel_reuse": 2},
        {"snr_definition": "received"},
        {"csi": {"error_var": 0.1}},
        {"csi": {"error_var": 0.1, "noise": "thermal"}},
    ]
    assert one.key() == Scenario(**BASE, csi={"noise": "thermal"}).key()
    keys = {Scenario(**{**BASE, **other}).key() for other in others}
    assert len(keys | {one.key()}) == len(others) + 1


def test_a_scenario_is_frozen_and_hashable() -> None:
    one = Scenario(**BASE)
    with pytest.raises(ValueError, match="frozen"):
        one.num_tx_ant = 4  # pyright: ignore[reportAttributeAccessIssue] -- that is the test
    assert hash(one) == hash(Scenario(**BASE))
    assert one == Scenario(**BASE)


# Repetitions


@pytest.mark.parametrize("name", ["lcgnet-32x64-bpsk", "uplink-4x4-16qam-low"])
def test_a_repetition_has_a_key_and_draws_of_its_own(name: str) -> None:
    link, _ = load_comparison(name)
    again = link.with_(replicate=2)
    keys = {link.with_(replicate=number).key() for number in (1, 2, 3)}
    assert len(keys) == 3
    assert link.with_(replicate=1).key() == link.key()
    assert again.noise_var(3.0) == link.noise_var(3.0)
    assert type(again).from_content(tomllib.loads(again.to_toml()), "") == again
    if isinstance(link, GridScenario):
        assert link.with_mcs(4).with_(replicate=2) == again.with_mcs(4)
        assert link.draw_key() != again.draw_key() == again.with_mcs(4).draw_key()


def test_repetitions_lie_in_one_results_file(tmp_path: Path) -> None:
    link = Scenario(**BASE, name="mine")
    path = tmp_path / "results.sqlite"
    first, second = (
        simulate(link.with_(replicate=number), "lmmse", 5.0, min_errors=100, store=path)
        for number in (1, 2)
    )
    counts = [result.curves[0].points[0].counts for result in (first, second)]
    assert counts[0] == simulate(link, "lmmse", 5.0, min_errors=100).curves[0].points[0].counts
    assert counts[0] != counts[1]
    assert {item.label for item in list_results(path)} == {"mine", "mine (replicate 2)"}
    assert load_results(path, link.with_(replicate=2)).curves[0].points[0].counts == counts[1]


@pytest.mark.parametrize("number", [0, -1, 2.5, "2", True])
def test_a_repetition_is_a_whole_number_from_one(number: object) -> None:
    with pytest.raises(InvalidInputError, match=r"^replicate: got"):
        Scenario(**BASE, replicate=number)
