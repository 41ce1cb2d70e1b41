"""`mimolearn show` and patterns of `mimolearn list`."""

from __future__ import annotations

import json

import pytest

from mimolearn import Scenario, simulate
from mimolearn.cli.app import _run
from mimolearn.report import inventory
from mimolearn.report.facts.description import describe


def said(capsys, *words: str) -> str:
    assert _run([*words], debug=False) == 0
    return capsys.readouterr().out


def test_a_detector_is_shown_with_its_options_and_weights(capsys):
    text = said(capsys, "show", "TAP-NET")
    assert text.startswith("tap-net (detector)")
    assert "trained weights: " in text
    assert "tap-net-any" in text
    content = json.loads(said(capsys, "show", "k-best", "--json"))
    assert content["facts"]["options"] == {"k": 16, "llr_clip": 20.0}


def test_weights_are_shown_with_their_card(capsys):
    content = json.loads(said(capsys, "show", "lcgnet-v-32x64-bpsk", "--json"))
    assert content["kind"] == "weights"
    assert content["facts"]["network"] == "lcgnet-v"
    assert any("BER" in line for line in content["facts"]["measured"])


@pytest.mark.parametrize("name", ["uplink-4x4-16qam-low", "mser-qpsk"])
def test_a_scenario_is_shown_as_its_file(capsys, name):
    assert "num_" in said(capsys, "show", name)


def test_an_unknown_name_is_one_line(capsys):
    assert _run(["show", "tap-nett"], debug=False) == 2
    assert "did you mean 'tap-net'?" in capsys.readouterr().err


def test_a_list_is_cut_to_a_pattern(capsys):
    content = json.loads(said(capsys, "list", "detectors", "tap", "--json"))
    assert [row[0] for row in content["detectors"]] == ["tap-net"]
    content = json.loads(said(capsys, "list", "weights", "TAP-NET-?S", "--json"))
    assert [row[0] for row in content["weights"]] == ["tap-net-5s"]
    assert _run(["list", "detectors", "nothing-like-it"], debug=False) == 2
    assert capsys.readouterr().err.startswith("error: pattern: got 'nothing-like-it'")


def test_a_detector_is_shown_with_its_cost_in_a_scenario(capsys):
    facts = json.loads(said(capsys, "show", "lmmse", "--json"))["facts"]
    assert "8 streams of qpsk on 16 antennas" in facts["multiplications"]
    there = said(capsys, "show", "lmmse", "-s", "detnet-30x60-bpsk")
    assert "30 streams of bpsk on 60 antennas" in there

    card = json.loads(said(capsys, "show", "detnet-30x60-bpsk", "--json"))["facts"]
    assert card["parameters"] > 10**5
    assert _run(["show", "omp", "-s", "detnet-30x60-bpsk"], debug=False) == 2
    assert "a beamformer has no cost in a scenario" in capsys.readouterr().err


def test_a_detector_is_shown_with_what_a_results_file_has(capsys, tmp_path):
    link = Scenario(num_tx_ant=1, num_rx_ant=2, constellation="bpsk", name="small")
    result = simulate(link, ["lmmse"], [0], min_errors=50, store=tmp_path / "results.sqlite")
    text = said(capsys, "show", "lmmse", "--results", str(tmp_path))
    assert f"lmmse in small: 0 dB: BER {result.curves[0].points[0].rate():.2e} [" in text
    assert _run(["show", "zf", "--results", str(tmp_path)], debug=False) == 2
    assert "expected results of zf; it has lmmse" in capsys.readouterr().err


def test_every_name_of_the_lists_is_shown():
    names = [row[0] for topic in ("detectors", "weights") for row in inventory(topic)[topic]]
    for name in names[::4]:
        assert describe(name).facts
    assert len(names) > 80


def test_sources_are_shown_and_cited(capsys):
    text = said(capsys, "show", "lcgnet-v-32x64-bpsk")
    assert "sources: Wei et al. 2020, " in text
    cited = said(capsys, "show", "lcgnet-v-32x64-bpsk", "--cite")
    assert cited.startswith("@software{mimolearn,")
    assert "@article{wei2020," in cited
    # This library's own rests on no publication.
    assert said(capsys, "show", "lcgnet-32x64-bpsk", "--cite").count("@") == 1
