"""The command line of beamforming: a report from a file, errors of one line."""

import json

import pytest

from mimolearn.cli import main


def run(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["mimolearn", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    return exit_.value.code


SCENARIO = """
kind = "beamforming"
[array]
num_users = 1
num_tx_ant = 16
num_tx_chains = 4
num_rx_ant = 4
num_rx_chains = 2
num_streams = 2
[run]
snr_db = [0]
channels = 10
contenders = ["svd-phase", "fd-mmse"]
"""


def test_a_scenario_becomes_a_report(monkeypatch, tmp_path, capsys):
    path = tmp_path / "link.toml"
    path.write_text(SCENARIO)
    out = tmp_path / "out"
    assert run(monkeypatch, "beamform", str(path), "--out", str(out)) == 0
    text = capsys.readouterr()
    assert "fd-mmse" in text.out
    assert "mean over 64 channels" in text.out
    page = (out / "report.html").read_text()
    assert "Geometric mean over SNR" in page
    assert (out / "error-rate.svg").is_file()
    assert run(monkeypatch, "beamform", str(path), "-o", str(out), "--json", "-q") == 0
    found = json.loads(capsys.readouterr().out)
    assert [curve["label"] for curve in found["curves"]] == ["svd-phase", "fd-mmse"]
    (out / "report.html").unlink()
    assert run(monkeypatch, "report", str(out), "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert again == found
    assert again["provenance"]["machine"] in (out / "report.html").read_text()
    assert run(monkeypatch, "report", str(out), "--metric", "ser") == 2
    assert "metric: got 'ser', expected none: the results are" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a SCENARIO.toml or --scenario NAME"),
        (["--scenario", "mser"], "scenario: got 'mser', expected one of mser-16qam"),
        (["--scenario", "mser-qpsk", "-c", "nothing"], "beamformer: got 'nothing'"),
        (["--scenario", "mser-qpsk", "--channels", "0"], "channels: got 0"),
        (["--scenario", "mser-qpsk", "-c", "fd-mmse", "-w", "0"], "workers: got 0"),
        (["--scenario", "mser-qpsk", "--executor", "slurm"], "executor: got 'slurm'"),
        (["missing.toml"], "missing.toml: cannot be read"),
        (["notes.txt"], "scenario: got 'notes.txt', expected one of mser-16qam"),
        (["mser-qpsk", "-s", "mser-qpsk"], "got both 'mser-qpsk' and 'mser-qpsk'"),
    ],
)
def test_errors_are_one_line(monkeypatch, capsys, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "beamform", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
