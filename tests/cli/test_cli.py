"""The command line: what it prints, and what it says when something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mimolearn.cli import main

SMALL = """
name = "small"
num_tx_ant = 2
num_rx_ant = 4
constellation = "qpsk"
[run]
snr_db = [0, 4, 8]
contenders = ["zf", "lmmse"]
target = 1e-2
min_errors = 40
max_vectors = 4000
"""


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command line in a folder of its own: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mimolearn", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        code = stop.value.code
        return (code if isinstance(code, int) else 0), out, err

    return call


def test_compare_writes_the_report_and_answers(run, tmp_path):
    code, out, _ = run("compare", "small.toml", "-q")
    assert code == 0
    folder = tmp_path / "mimolearn-results" / "small"
    assert {"results.sqlite", "report.html", "error-rate.png", "frontier.png"} <= {
        path.name for path in folder.iterdir()
    }
    assert "Run lmmse" in out or "Run zf" in out
    assert "Report: " in out


def test_a_scenario_is_a_file_or_a_name_in_either_place(run):
    asked = ("--snr-db", "0", "-c", "zf", "--max-vectors", "2000", "-q", "--json")
    small = json.loads(run("simulate", "-s", "small.toml", *asked)[1])
    assert small["curves"] == json.loads(run("simulate", "small.toml", *asked)[1])["curves"]
    shipped = json.loads(run("simulate", "oamp-4x4-16qam", *asked)[1])
    named = json.loads(run("simulate", "-s", "oamp-4x4-16qam", *asked)[1])
    assert shipped["curves"] == named["curves"] != small["curves"]


def test_compare_again_counts_nothing_again(run):
    first = json.loads(run("compare", "small.toml", "-q", "--json")[1])
    again = json.loads(run("compare", "small.toml", "-q", "--json")[1])
    assert [c["points"] for c in first["curves"]] == [c["points"] for c in again["curves"]]


def test_simulate_then_report_at_another_target(run):
    code, out, _ = run("simulate", "small.toml", "-q", "--out", "here", "-c", "lmmse")
    assert code == 0
    assert "lmmse" in out
    code, out, _ = run("report", "here", "--target", "0.05", "--json")
    assert code == 0
    assert json.loads(out)["plan"]["target"] == 0.05
    assert json.loads(out)["curves"][0]["points"][0]["counts"]["bits"] > 0


def test_reduced_draws_are_a_choice_with_counts_of_its_own(run):
    arguments = ("simulate", "small.toml", "-q", "--json", "-c", "lmmse")
    full = json.loads(run(*arguments)[1])
    reduced = json.loads(run(*arguments, "--draws", "reduced")[1])
    assert (full["scenario"]["draws"], reduced["scenario"]["draws"]) == ("full", "reduced")
    assert full["curves"][0]["points"] != reduced["curves"][0]["points"]
    code, _, err = run(*arguments, "-c", "oamp", "--draws", "reduced")
    assert code == 2
    assert "contender 'oamp': looks at more than" in err
    code, _, err = run(*arguments, "--draws", "half")
    assert code == 2
    assert "draws" in err


def test_simulate_prints_progress_on_stderr_only(run):
    code, out, err = run("simulate", "small.toml", "--json")
    assert code == 0
    json.loads(out)
    assert "error" not in err


def test_list(run):
    for what in (
        "detectors",
        "weights",
        "scenarios",
        "channels",
        "snr",
        "constellations",
        "all",
    ):
        code, out, _ = run("list", what, "--json")
        assert code == 0
        assert all(rows for rows in json.loads(out).values())
    code, out, _ = run("list")
    assert code == 0
    assert "lmmse" in out
    assert "lcgnet-32x64-bpsk" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("compare",), ["SCENARIO.toml", "--scenario"]),
        (("compare", "absent.toml"), ["absent.toml: cannot be read"]),
        (("compare", "-s", "absent.toml"), ["absent.toml: cannot be read"]),
        (("plan", "lcgnet-32x64-bspk"), ["did you mean", "lcgnet-32x64-bpsk"]),
        (("simulate", "small.toml", "-s", "oamp-4x4-16qam"), ["both", "small.toml", "oamp"]),
        (("compare", "--scenario", "lcgnet-32x64-bspk"), ["did you mean", "lcgnet-32x64-bpsk"]),
        (("compare", "small.toml", "-c", "lmse"), ["lmse", "did you mean", "lmmse"]),
        (("compare", "small.toml", "-c", "k-best:k=zero"), ["k", "zero", "positive integer"]),
        (("compare", "small.toml", "--snr-db", "five"), ["snr_db", "five"]),
        (("compare", "small.toml", "--target", "2"), ["target", "2"]),
        (("compare", "small.toml", "--metric", "bler"), ["metric", "bler"]),
        (("compare", "small.toml", "--workers", "0"), ["workers", "0"]),
        (("compare", "small.toml", "--out", "small.toml"), ["small.toml"]),
        (("compare", "small.toml", "--contendr", "zf"), ["--contendr"]),
        (("report", "absent"), ["absent"]),
        (("report", "small.toml"), ["small.toml"]),
        (("list", "planets"), ["planets", "detectors"]),
        (("frobnicate",), ["frobnicate"]),
    ],
)
def test_a_wrong_input_gets_one_line_and_a_failing_exit(run, arguments, words):
    code, out, err = run(*arguments)
    assert code != 0
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    for word in words:
        assert word in err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("num_rx_ant = 4", "num_rx_ant = -4", ["small.toml", "num_rx_ant", "-4"]),
        ("num_rx_ant = 4", "num_rx_antt = 4", ["num_rx_antt", "did you mean"]),
        ('"qpsk"', '"qqpsk"', ["constellation", "qqpsk"]),
        ("target = 1e-2", "targett = 1e-2", ["run", "targett"]),
        ("snr_db = [0, 4, 8]", 'snr_db = ["x"]', ["snr_db"]),
        ("[run]", "[run", ["small.toml", "TOML"]),
    ],
)
def test_a_wrong_file_is_named_with_its_field(run, tmp_path, old, new, words):
    (tmp_path / "small.toml").write_text(SMALL.replace(old, new))
    code, _, err = run("compare", "small.toml")
    assert code == 2
    assert err.count("\n") == 1
    for word in words:
        assert word in err


def test_ctrl_c_is_one_line(run, monkeypatch):
    import mimolearn.studies

    def interrupted(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(mimolearn.studies, "simulate", interrupted)
    code, _, err = run("compare", "small.toml")
    assert code == 130
    assert err == "error: stopped; what was finished is kept, and the same command goes on\n"


def test_the_installed_command_starts():
    result = subprocess.run(
        [sys.executable, "-c", "from mimolearn.cli import main; main()", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.startswith("mimolearn ")


def test_report_goes_to_a_folder_that_is_not_there_yet(run, tmp_path):
    run("compare", "small.toml", "-q")
    code, _, err = run("report", "mimolearn-results/small", "-o", "elsewhere/deep")
    assert code == 0, err
    assert (tmp_path / "elsewhere" / "deep" / "report.html").is_file()
    (tmp_path / "published.csv").write_text("label,snr_db,rate\nSomebody,0,0.1\n")
    code, _, err = run("report", "mimolearn-results/small", "--overlay", "published.csv")
    assert code == 0, err
    page = (tmp_path / "mimolearn-results" / "small" / "report.html").read_text("utf-8")
    assert 'data-label="Somebody (published)"' in page


def test_published_curves_that_are_none_are_refused_before_anything_is_run(run, tmp_path):
    (tmp_path / "bad.csv").write_text("label,snr_db,rate\nSomebody,0,2\n")
    code, _, err = run("compare", "small.toml", "-q", "--overlay", "bad.csv")
    assert code == 2
    assert err.endswith("bad.csv:2: rate: got 2.0, expected above 0 and at most 1\n")
    assert not (tmp_path / "mimolearn-results").exists()


def test_plan_says_what_a_curve_needs(run):
    options = ("-c", "lmmse", "--target-error", "1e-3", "--pilot-s", "0.2")
    code, out, err = run("plan", "small.toml", *options, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["machines"] >= 1
    assert found["curves"][0]["vectors"][0] > 0
    assert "Run: --snr-db 0,4,8" in run("plan", "small.toml", *options)[1]


def test_plan_with_a_bad_target_is_one_line(run):
    code, _, err = run("plan", "small.toml", "--target-error", "2")
    assert (code, err) == (
        2,
        "error: target_error: got 2.0, expected a finite number above 0 at most 0.5\n",
    )
