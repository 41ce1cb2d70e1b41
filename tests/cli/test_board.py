"""`mimolearn board`: run, submit, check and build a tiny board."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mimolearn.cli import main
from mimolearn.studies import timing

BOARD = """
title = "A tiny board"
version = 1
yardstick = "lmmse"

[[links]]
name = "small"
about = "Two streams."
reference = "zf"
chunks = 1
"""

LINK = """
num_tx_ant = 2
num_rx_ant = 3
constellation = "qpsk"
snr_definition = "receive_antenna"

[run]
snr_db = [2, 6, 10, 14]
target = 1e-2
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path, monkeypatch, capfd) -> Run:
    """Run a command of the tiny board in a folder: exit code, what it printed, its errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(timing, "_MAX_REPEATS", 5)
    (tmp_path / "tiny" / "links").mkdir(parents=True)
    (tmp_path / "tiny" / "board.toml").write_text(BOARD, "utf-8")
    (tmp_path / "tiny" / "links" / "small.toml").write_text(LINK, "utf-8")

    def call(*arguments: str) -> tuple[int, str, str]:
        words = ["mimolearn", "board", *arguments, "--board", "tiny"]
        monkeypatch.setattr(sys, "argv", words)
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfd.readouterr()
        code = stop.value.code
        return (code if isinstance(code, int) else 0), out, err

    return call


def test_run_submit_check_build(run, tmp_path):
    code, out, err = run("list")
    assert code == 0, err
    assert "small" in out
    assert "Digest of the draws" in out

    code, out, err = run("submit", "ml")
    assert code == 2
    assert err.count("\n") == 1
    code, out, err = run("run", "ml", "lmmse", "-o", "kept")
    assert code == 0, err
    assert "ideal" in out
    assert " dB [" in out
    rows = [line.split() for line in out.splitlines() if line.split()[:1] == ["small"]]
    assert [row[1] for row in rows] == ["ml", "lmmse"]

    code, out, err = run("submit", "ml", "lmmse", "-o", "kept", "--about", "Exact search.")
    assert code == 0, err
    files = [tmp_path / "kept" / f"{name}.json" for name in ("ml", "lmmse")]
    assert json.loads(files[0].read_text("utf-8"))["about"] == "Exact search."

    code, out, err = run("check", str(files[0]), "-q")
    assert code == 0, err
    assert "ml on small: 4 SNRs, equal to the last bit" in out
    code, out, err = run("check", str(files[0]), "--digest-only")
    assert code == 0
    assert "whole" in out

    code, out, err = run("build", "page", *map(str, files))
    assert code == 0, err
    page = (tmp_path / "page" / "index.html").read_text("utf-8")
    assert "mimolearn board run ml --link small" in page
    assert "http://" not in page.replace("http://www.w3.org", "").split("<header>")[1]
    table = (tmp_path / "page" / "standings.csv").read_text("utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    assert {row["contender"] for row in rows} == {"ml", "lmmse"}
    for row in rows:
        copy = tmp_path / "page" / "submissions" / f"{row['submission'][:16]}.json"
        assert copy.is_file()


def test_what_was_finished_is_taken_up(run, monkeypatch):
    code, _, err = run("run", "ml", "-q")
    assert code == 0, err
    from mimolearn.studies.kinds.counts import ErrorCounts

    def never(*_: object) -> object:
        raise AssertionError("nothing is left to count")

    monkeypatch.setattr(ErrorCounts, "measure", never)
    code, out, err = run("run", "ml", "-q", "--json")
    assert code == 0, err
    (item,) = json.loads(out)
    curves = {curve["label"]: curve for curve in item["comparison"]["curves"]}
    assert curves["ml"]["timing"]["vector_us"] > 0
    assert curves["lmmse"]["timing"]["vector_us"] > 0


def test_a_wrong_submission_fails_the_check(run, tmp_path):
    """One that is of other counts: exit code 1, and where it differs."""
    run("run", "ml", "zf", "-q", "-o", "kept")
    run("submit", "ml", "zf", "-o", "kept")
    from mimolearn.board.forms import Submission

    mine, other = (
        json.loads((tmp_path / "kept" / f"{name}.json").read_text("utf-8")) for name in ("ml", "zf")
    )
    unsigned = Submission(**mine | {"links": other["links"]})
    forged = unsigned.model_copy(update={"sha256": unsigned.digest()})
    path = tmp_path / "forged.json"
    path.write_text(forged.to_json(), "utf-8")
    code, out, err = run("check", str(path), "-q")
    assert code == 1
    assert "bit errors" in out
    assert err == "error: the submission counts other errors than this machine\n"
    path.write_text(forged.to_json().replace(forged.sha256, "0" * 64), "utf-8")
    code, out, err = run("check", str(path), "-q")
    assert code == 2
    assert err.count("\n") == 1
    assert "the file was changed after it was made" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "lmse"], "did you mean 'lmmse'"),
        (["run", "lmmse", "lmmse"], "a different label for each contender"),
        (["run", "lmmse", "--link", "smal"], "did you mean 'small'"),
        (["run", "nn-det-2x2-64qam"], "does not serve link 'small': constellation"),
        (["run", "none.onnx"], "none.onnx: cannot be read"),
        (["build", "page"], "submissions: got none"),
        (["check", "none.json"], "none.json: cannot be read"),
    ],
)
def test_what_is_wrong_is_one_line(run, arguments, message):
    code, _, err = run(*arguments)
    assert code == 2
    assert err.count("\n") == 1, err
    assert message in err
    assert not Path("page").exists()
