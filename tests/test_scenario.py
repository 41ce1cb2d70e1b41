"""Scenarios: drawing, imperfect knowledge, keys, TOML, and one clear line for every mistake."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mimolearn import Constellation, InvalidInputError, Scenario, shipped_scenarios
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.scenario import read_shipped
from mimolearn.plans.plan import load_comparison
from mimolearn.snr import snr_definitions
from mimolearn.studies import Contender, list_results, load_results, simulate

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


# TOML

REAL = st.floats(-1, 1)
VARIANCE = st.sampled_from(["1", "1/Nr", "1/Nt"])
CHANNELS = st.one_of(
    st.fixed_dictionaries({"model": st.just("rayleigh"), "entry_variance": VARIANCE}),
    st.fixed_dictionaries({"model": st.just("real-gaussian"), "entry_variance": VARIANCE}),
    st.fixed_dictionaries(
        {"model": st.just("kronecker"), "rx_correlation": REAL, "tx_phase_rad": REAL}
    ),
    st.fixed_dictionaries(
        {
            "model": st.just("tdl"),
            "profile": st.sampled_from("ABC"),
            "delay_spread_s": st.just(3e-9),
        }
    ),
    st.fixed_dictionaries(
        {"model": st.just("cdl"), "normalise": st.sampled_from(["mean", "per_draw"])}
    ),
    st.fixed_dictionaries({"model": st.just("clustered"), "num_clusters": st.integers(1, 20)}),
)
SCENARIOS = st.builds(
    Scenario,
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    num_tx_ant=st.integers(1, 4096),
    num_rx_ant=st.integers(1, 4096),
    constellation=st.sampled_from(Constellation.names()),
    channel=CHANNELS,
    channel_reuse=st.integers(1, 100_000),
    snr_definition=st.sampled_from(snr_definitions()),
    csi=st.fixed_dictionaries(
        {"error_var": st.floats(0, 10), "noise": st.sampled_from(["thermal", "with-error"])}
    ),
)


@given(SCENARIOS)
def test_toml_round_trip(scenario: Scenario) -> None:
    back = Scenario(**tomllib.loads(scenario.to_toml()))
    assert back == scenario
    assert back.key() == scenario.key()


def test_a_file_round_trip_and_its_run_table(tmp_path: Path) -> None:
    scenario = Scenario(**BASE, name='odd "name" \\ \n é \x7f')
    path = tmp_path / "one.toml"
    path.write_text(scenario.to_toml() + "\n[run]\nsnr_db = [0]\n", "utf-8")
    assert Scenario.from_toml(path) == scenario
    assert Scenario.from_toml(str(path)) == scenario


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"num_tx_ant = ", "not valid TOML: Invalid value"),
        (b"\xff\xfea\x00", "this is UTF-16, expected UTF-8"),
        (b"\xff\xff", "not a text file in UTF-8"),
        (b"\x00", "not valid TOML"),
        (b"", r"num_tx_ant: missing, a value is required \(and 2 more\)"),
        (b"[chanel]\nmodel='rayleigh'", r"chanel: unknown key, .*\(did you mean 'channel'\?\)"),
        (b"num_tx_ant = 1\nnum_tx_ant = 2", "not valid TOML: Cannot overwrite"),
    ],
)
def test_bad_files_are_one_line_that_names_the_file(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=f"bad.toml: {message}") as caught:
        Scenario.from_toml(path)
    assert "\n" not in str(caught.value)


def test_missing_file_and_directory(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"none.toml: cannot be read: No such file"):
        Scenario.from_toml(tmp_path / "none.toml")
    with pytest.raises(InvalidInputError, match="cannot be read: Is a directory"):
        Scenario.from_toml(tmp_path)
    with pytest.raises(InvalidInputError, match="null"):
        Scenario.from_toml("a\0b")


# Mistakes


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_tx_ant": 0}, "num_tx_ant: got 0, expected a value at least 1"),
        ({"num_tx_ant": 5000}, "num_tx_ant: got 5000, expected a value at most 4096"),
        ({"num_tx_ant": 3.0}, "num_tx_ant: got 3.0, expected an integer"),
        ({"num_tx_ant": "3"}, "num_tx_ant: got '3', expected an integer"),
        ({"num_tx_ant": True}, "num_tx_ant: got True, expected an integer"),
        ({"num_tx_ant": math.nan}, "num_tx_ant: got nan, expected an integer"),
        ({"num_tx_ant": math.inf}, "num_tx_ant: got inf, expected an integer"),
        (
            {"constellation": "qspk"},
            "constellation: got 'qspk', expected one of bpsk, qpsk, 16-qam, 64-qam, 256-qam, "
            "1024-qam, 8-psk, 16-apsk, 32-apsk, 32-qam, 128-qam, qpsk-gray, 16-qam-gray, "
            "64-qam-gray, 256-qam-gray "
            "(did you mean 'qpsk'?)",
        ),
        (
            {"channel": {"model": "kroneker"}},
            "channel.model: got 'kroneker', expected one of rayleigh, real-gaussian, kronecker, "
            "tdl, tdl-process, cdl, cdl-fading, clustered, recorded (did you mean 'kronecker'?)",
        ),
        ({"channel": {}}, "channel.model: missing, a value is required"),
        ({"channel": 3}, "channel: got 3, expected a table"),
        (
            {"channel": {"model": "kronecker", "rx_correlation": 1.5}},
            "channel.rx_correlation: got 1.5, expected a value at most 1.0",
        ),
        (
            {"channel": {"model": "kronecker", "rx_correlation": math.nan}},
            "channel.rx_correlation: got nan, expected a finite number",
        ),
        (
            {"channel": {"model": "kronecker", "rx_correlation": "0.5"}},
            "channel.rx_correlation: got '0.5', expected a number",
        ),
        (
            {"channel": {"model": "rayleigh", "entry_varience": "1"}},
            "channel.entry_varience: unknown key, expected one of entry_variance, model "
            "(did you mean 'entry_variance'?)",
        ),
        ({"csi": {"error_var": -1}}, "csi.error_var: got -1, expected a value at least 0.0"),
        ({"csi": {"error_var": math.inf}}, "csi.error_var: got inf, expected a finite number"),
        (
            {"csi": {"error": 1}},
            "csi.error: unknown key, expected one of error_var, noise (did you mean 'error_var'?)",
        ),
        ({"name": "x" * 81}, f"name: got '{'x' * 81}', expected at most 80 characters"),
        (
            {"channel_reus": 6},
            "channel_reus: unknown key, expected one of name, replicate, num_tx_ant, num_rx_ant, "
            "constellation, channel, channel_reuse, snr_definition, csi, draws, coding, harq "
            "(did you mean 'channel_reuse'?)",
        ),
    ],
)
def test_mistakes_name_field_value_and_expectation(fields: dict, message: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Scenario(**{**BASE, **fields})
    assert str(caught.value) == message


# Shipped scenarios


GRIDS = [name for name in shipped_scenarios() if "frame" in read_shipped(name)]
PLAIN = [name for name in shipped_scenarios() if name not in GRIDS]


@pytest.mark.parametrize("name", PLAIN)
def test_shipped_scenarios_load_and_are_what_their_name_says(name: str) -> None:
    scenario = Scenario.shipped(name)
    size = f"{scenario.num_tx_ant}x{scenario.num_rx_ant}"
    assert scenario.name == name
    assert f"-{size}-{scenario.constellation.replace('-', '')}" in name
    assert Scenario(**tomllib.loads(scenario.to_toml())) == scenario


@pytest.mark.parametrize("name", shipped_scenarios())
def test_shipped_scenarios_say_how_to_run(name: str) -> None:
    run = read_shipped(name)["run"]
    assert {"snr_db", "target", "contenders"} <= set(run)
    assert run["snr_db"] == sorted(set(run["snr_db"]))
    assert 0 < run["target"] <= 0.1
    names = [c if isinstance(c, str) else c["name"] for c in run["contenders"]]
    labels = [c if isinstance(c, str) else c.get("label", c["name"]) for c in run["contenders"]]
    assert len(labels) == len(set(labels))
    assert "lmmse" in names


@pytest.mark.parametrize("name", GRIDS)
def test_shipped_grids_load_and_are_what_their_name_says(name: str) -> None:
    scenario, plan = load_comparison(name)
    assert isinstance(scenario, GridScenario)
    assert scenario.name == name
    assert name.startswith(f"uplink-{scenario.num_tx_ant}x{scenario.num_rx_ant}-")
    points = scenario.points().name.replace("-", "")
    assert plan.mcs or f"-{points}-" in name
    assert GridScenario(**tomllib.loads(scenario.to_toml())) == scenario
    with pytest.raises(InvalidInputError, match="frame: got a table, expected a link without"):
        Scenario.shipped(name)


@pytest.mark.parametrize("name", PLAIN)
def test_shipped_contenders_are_feasible(name: str) -> None:
    """Complete at the lowest SNR, where searches are longest; useful at the highest."""
    run, scenario = read_shipped(name)["run"], Scenario.shipped(name)
    low, high = (scenario.draw(run["snr_db"][i], 8, generator()) for i in (0, -1))
    sent = scenario.points().indices_to_bits(high.indices)
    for contender in run["contenders"]:
        detector = Contender.parse(contender).build(scenario.constellation)
        at_low, at_high = (detector(b.y, b.h_hat, b.noise_var) for b in (low, high))
        assert at_low.incomplete is None or not bool(at_low.incomplete.any())
        assert bool(at_low.finite().all())
        assert (at_high.bits() != sent).double().mean().item() < 0.2, contender


def test_unknown_shipped_scenario() -> None:
    assert len(shipped_scenarios()) >= 9
    with pytest.raises(InvalidInputError, match="did you mean 'lcgnet-32x64-bpsk'"):
        Scenario.shipped("lcgnet-32x64-bpk")


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
