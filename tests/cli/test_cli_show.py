"""`mimolearn show` and patterns of `mimolearn list`."""

from __future__ import annotations

import json

import pytest

from mimolearn.cli.app import _run


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
