"""A command that is refused leaves no folder behind."""

from __future__ import annotations

import sys

import pytest

from mimolearn.cli import main
from mimolearn.studies import load_results
from mimolearn.training import read_recipe

SMALL = """
num_tx_ant = 2
num_rx_ant = 4
constellation = "qpsk"
[run]
snr_db = [0]
contenders = ["zf"]
max_vectors = 1000
"""
# Each is wrong in something that is found late: by the run, not by the command line.
REFUSED = [
    "compare small.toml --workers 0",
    "compare small.toml --executor gpu",
    "compare small.toml --executor serial --workers 2",
    "compare small.toml --executor serial --ray-address auto",
    "compare small.toml --metric bler",
    "compare small.toml -c nothing",
    "compare small.toml -c zf -c zf",
    "compare small.toml -c lcgnet-v-32x64-bpsk",
    "compare small.toml --draws half",
    "compare small.toml --snr-db x",
    "simulate small.toml --workers 0",
    "simulate small.toml --min-errors 0",
    "beamform mser-qpsk --workers 0",
    "beamform mser-qpsk -c nothing",
    "beamform mser-qpsk --channels 0",
    "beamform mser-qpsk -c unfolded-mser-16qam",
    "reproduce lcgnet/fig10 --workers 0",
    "reproduce nothing",
    "train nothing",
    "train start.toml",
    "train lcgnet-v-32x64-bpsk --sweep seed=1,2 --workers 0",
    "train lcgnet-v-32x64-bpsk --sweep seed=1,2 --executor gpu",
    "train lcgnet-v-32x64-bpsk --sweep sed=1,2",
    "fine-tune nothing --scenario lcgnet-32x64-bpsk",
    "fine-tune lcgnet-v-32x64-bpsk --scenario small.toml --steps 0",
    "export nothing x.onnx",
    "plan small.toml --pilot-s -1",
    "report missing.sqlite --out new",
]


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command line in a folder of its own: (exit code, stderr)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL)
    recipe = read_recipe("lcgnet-v-32x64-bpsk").to_toml()
    assert "start_from" in recipe
    lines = [
        'start_from = "oamp-net2-4x4-16qam"' if line.startswith("start_from") else line
        for line in recipe.splitlines()
    ]
    (tmp_path / "start.toml").write_text("\n".join(lines))

    def call(arguments: str) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["mimolearn", *arguments.split()])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, capsys.readouterr().err

    return call


@pytest.mark.parametrize("arguments", REFUSED)
def test_a_refused_command_leaves_nothing(run, tmp_path, arguments):
    code, err = run(arguments)
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.toml", "start.toml"]


def test_a_refused_report_leaves_nothing(run, tmp_path):
    assert run("simulate small.toml -q --out there")[0] == 0
    code, err = run("report there --metric bler --out new")
    assert code == 2
    assert "the scenario has no coding" in err
    assert not (tmp_path / "new").exists()
    assert load_results(tmp_path / "there" / "results.sqlite").finished


def test_a_folder_that_cannot_be_made_is_named(run, tmp_path):
    (tmp_path / "file").write_text("x")
    for command in ("compare small.toml", "simulate small.toml", "beamform mser-qpsk"):
        code, err = run(f"{command} --out file/folder")
        assert code == 2
        assert err.startswith("error: file/folder/")
        assert err.count("\n") == 1
