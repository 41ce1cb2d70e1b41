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


def test_training_that_achieves_nothing_is_one_line_and_no_weights(run, tmp_path):
    assert run("train", "mine.toml", "-o", "w", "-q")[0] == 0
    link = 'name = "link"\nnum_tx_ant = 2\nnum_rx_ant = 4\nconstellation = "bpsk"\n'
    (tmp_path / "link.toml").write_text(link)
    # Steps too small to change a number.
    tuning = ["w/mine.safetensors", "-s", "link.toml", "--steps", "2", "--learning-rate", "1e-30"]
    code, out, err = run("fine-tune", *tuning, "-o", "tuned", "-q")
    assert (code, out) == (1, "")
    assert err.startswith("error: mine-tuned: no step lowered the validation loss of ")
    assert err.endswith(": the weights it began with stay as they are, and no others are written\n")
    assert [path.name for path in (tmp_path / "tuned").iterdir()] == ["mine-tuned.log.jsonl"]
    idle = RECIPE.replace("steps = 4", "steps = 4\nlearning_rate = 1e-30")
    (tmp_path / "idle.toml").write_text(idle.replace("lcgnet-s", "detnet"))
    code, out, err = run("train", "idle.toml", "-o", "idle", "-q")
    assert (code, out) == (1, "")
    assert err.endswith(": the network is still random, and no weights are written\n")
    code, out, err = run("train", "idle.toml", "-o", "idle", "-q", "--sweep", "seed=0,2")
    assert (code, out) == (1, "")
    assert err == "error: no step of any training lowered its validation loss\n"
    code, out, err = run("train", "idle.toml", "-o", "idle", "--sweep", "seed=0,2", "--json", "-q")
    assert (code, json.loads(out)) == (1, [None, None])
    # One of them begins as a classical method, which is a result.
    both = "network=lcgnet-s,detnet"
    code, out, err = run("train", "idle.toml", "-o", "idle", "--sweep", both, "-q")
    assert (code, err) == (0, "")
    assert out.count("kept its start") == 1


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
