"""Scenario files: TOML there and back, one line for every mistake, and what ships."""

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
from mimolearn.studies import Contender

BASE = {"num_tx_ant": 3, "num_rx_ant": 5, "constellation": "qpsk"}


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
    low, high = (
        scenario.draw(run["snr_db"][i], 8, torch.Generator().manual_seed(1)) for i in (0, -1)
    )
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
