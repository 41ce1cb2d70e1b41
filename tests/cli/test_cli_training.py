"""`train` and `fine-tune` on the command line."""

import json
import sys

import pytest

from mimolearn.cli import main

RECIPE = """
name = "mine"
network = "lcgnet-s"
[options]
num_layers = 2
[scenario]
num_tx_ant = 2
num_rx_ant = 4
constellation = "bpsk"
[batch]
channels = 4
[validation]
channels = 4
every = 2
[measure]
snr_db = [5.0]
channels = 16
[[stage]]
steps = 4
"""


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(RECIPE)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mimolearn", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, *capsys.readouterr()

    return call


def test_train_then_fine_tune(run, tmp_path):
    code, out, err = run("train", "mine.toml", "-o", "w")
    assert code == 0
    assert "step 4/4: loss" in err
    assert "w/mine.safetensors" in out
    assert "alidation loss" in out
    assert {p.name for p in (tmp_path / "w").iterdir()} == {
        "mine.safetensors",
        "mine.json",
        "mine.log.jsonl",
    }
    code, out, err = run(
        "fine-tune",
        "w/mine.safetensors",
        "--scenario",
        "lcgnet-32x64-bpsk",
        "--steps",
        "2",
        "-o",
        "w",
        "--json",
        "-q",
    )
    assert code == 0
    assert err == ""
    card = json.loads(out)
    assert card["name"] == "mine-tuned"
    assert card["start"] == json.loads((tmp_path / "w" / "mine.json").read_text())["sha256"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "nosuch"], "error: recipe: got 'nosuch', expected one of"),
        (["train", "nosuch.toml"], "error: nosuch.toml: cannot be read: No such file"),
        (["fine-tune", "nosuch", "-s", "lcgnet-32x64-bpsk"], "error: weights: got 'nosuch'"),
        (
            ["fine-tune", "lcgnet-v-32x64-bpsk", "-s", "detnet-30x60-bpsk"],
            "error: scenario.num_tx_ant: got 30, expected 32 streams",
        ),
    ],
)
def test_errors_are_one_line(run, arguments, message):
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert err.startswith(message)
    assert err.count("\n") == 1
