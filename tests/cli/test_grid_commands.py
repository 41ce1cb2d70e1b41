"""Commands on links over a resource grid: MCS, budgets, reports, one line for what is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mimolearn.cli import main

UPLINK = """
name = "uplink"
num_tx_ant = 2
num_rx_ant = 2
[frame]
standard = "nr-pusch"
num_ues = 2
num_prb = 1
mcs = 2
[estimator]
name = "ls-linear"
[run]
snr_db = [2, 8]
contenders = ["lmmse"]
metric = "bler"
target = 0.1
min_errors = 5
min_channels = 16
max_vectors = 2000
"""
PLAIN = """
num_tx_ant = 2
num_rx_ant = 2
constellation = "qpsk"
"""
Run = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path) -> Run:
    """Run a command line in a folder of its own: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "uplink.toml").write_text(UPLINK)
    (tmp_path / "plain.toml").write_text(PLAIN)

    def call(words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mimolearn", *words.split()])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return (stop.value.code if isinstance(stop.value.code, int) else 0), out, err

    return call


def test_several_mcs_make_one_report_that_can_be_made_again(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("simulate uplink.toml --mcs 8,2 -q -o out")
    assert code == 0
    assert "bit/slot (MCS) at SNR [dB]" in out
    code, out, _ = run("compare uplink.toml --mcs 2,8 -q -o out --json")
    assert code == 0
    content = json.loads(out)
    assert [c["scenario"]["frame"]["mcs"] for c in content["comparisons"]] == [2, 8]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"goodput.png", "report.html"} <= names

    assert run("report out -s uplink --budget-us 1e9")[1].count("Within 1e+09 us a slot") == 1
    key = content["comparisons"][1]["scenario_key"]
    code, out, err = run(f"report out -s {key} --budget-us 1e-3 --cores 2 --metric info-ber")
    assert code == 0, err
    assert "INFO-BER at SNR [dB]" in out
    assert "No receiver keeps 0.001 us a slot on 2 cores: the nearest, lmmse with MCS 8" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("compare uplink.toml --mcs 2,29", "error: mcs: got '2,29', expected rows of an MCS table"),
        ("compare uplink.toml --mcs two", "mcs: got 'two', expected rows of an MCS table"),
        ("simulate plain.toml --mcs 2", "mcs: got 2, expected a scenario over a grid"),
        (
            "compare uplink.toml --budget-us 0",
            "got 0.0, expected a finite number above 0",
        ),
        ("compare uplink.toml --cores 4", "cores: got 4, expected 1 without --budget-us"),
        ("compare uplink.toml --budget-us 9 --cores 0", "cores: got 0"),
        ("compare plain.toml --budget-us 9", "budget_us: got 9.0, expected none: the scenario"),
        ("compare uplink.toml --draws reduced", "draws: got 'reduced', expected none"),
        ("export ep:num_iter=1 out.onnx -s uplink.toml --snr-db 0", "a link without a grid"),
    ],
)
def test_what_does_not_fit_a_grid_is_refused_in_one_line(
    run: Run, tmp_path: Path, words: str, message: str
) -> None:
    code, _, err = run(words)
    assert code == 2
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not (tmp_path / "mimolearn-results").exists()
