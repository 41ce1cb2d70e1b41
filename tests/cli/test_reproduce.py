"""`mimolearn reproduce`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mimolearn.cli import main
from mimolearn.report import scoreboard

EXAMPLE = Path(__file__).parents[2] / "examples" / "papers" / "my-detector.toml"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command line in a folder of its own: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mimolearn", "reproduce", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        code = stop.value.code
        return (code if isinstance(code, int) else 0), out, err

    return call


def test_list(run):
    code, out, _ = run("--list")
    assert code == 0
    assert "lcgnet/fig10" in out
    names = [item["name"] for item in json.loads(run("--list", "deep-cg", "--json")[1])]
    assert "deep-cg/fig3" in names
    assert not any(name.startswith("lcgnet") for name in names)


def test_one_experiment_writes_its_page(run, tmp_path):
    code, out, err = run("deep-cg/complexity", "--quick", "--out", "here")
    assert code == 0
    assert "the paper is wrong" in out
    assert "deep-cg/complexity: counts" in err
    assert (tmp_path / "here" / "deep-cg-complexity.html").is_file()


def test_several_share_one_page_and_json_is_json(run, tmp_path):
    code, out, err = run("deep-cg/complexity", "lcgnet/fig16", "--quick", "-q", "--json")
    assert code == 0
    assert err == ""
    assert [item["experiment"] for item in json.loads(out)] == [
        "deep-cg/complexity",
        "lcgnet/fig16",
    ]
    assert (tmp_path / "mimolearn-results" / "reproduction" / "reproduction.html").is_file()


def test_a_file_of_ones_own_is_judged_and_gathered(run, tmp_path):
    (tmp_path / "mine.toml").write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    code, out, _ = run("mine.toml", "--quick", "-q", "--out", "here")
    assert code == 0
    assert "better than" in out
    assert "1 the paper is wrong" in out
    page = (tmp_path / "here" / "my-detector-fig1.html").read_text("utf-8")
    assert 'id="my-detector/fig1/near-lmmse"' in page
    assert "the matched filter, which has no sweep, is left out" in page
    (tmp_path / "pages").mkdir()
    assert run("mine.toml", "--gather", "pages", "--out", "here")[0] == 0
    board = scoreboard(tmp_path / "pages", [("my-detector", "Mine"), ("other", "Other")])
    assert "| [Mine](reproduction-my-detector.md) | [3](reproduction-my-detector.md#repr" in board
    assert "| Other | – | – |" in board
    text = (tmp_path / "pages" / "reproduction-my-detector.md").read_text("utf-8")
    assert "## Better than published" in text
    assert '<a id="fig1-near-lmmse"></a>' in text


def test_schemas_are_printed(run, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["mimolearn", "schema", "paper"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    assert json.loads(capsys.readouterr().out)["title"] == "mimolearn paper"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ["experiment", "--all", "--list"]),
        (("lcgnet/fig99",), ["lcgnet/fig99", "did you mean"]),
        (("--all", "lcgnet/fig7"), ["--all"]),
        (("lcgnet/fig7", "--quick", "--full"), ["--quick", "--full"]),
        (("lcgnet/fig7", "--workers", "0"), ["workers", "0"]),
        (("lcgnet/fig7", "--budget-min", "-1"), ["budget_min", "-1"]),
        (("absent.toml",), ["absent.toml", "cannot be read"]),
        (("deep-cg/complexity", "--out", "file"), ["file"]),
    ],
)
def test_a_wrong_input_gets_one_line_and_a_failing_exit(run, arguments, words):
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    for word in words:
        assert word in err


def test_results_are_gathered_as_markdown(run, tmp_path):
    run("deep-cg/complexity", "--quick", "-q")
    code, out, _ = run("deep-cg/complexity", "deep-cg/fig3", "--gather", "page.md")
    assert code == 0
    assert "page.md" in out
    page = (tmp_path / "page.md").read_text("utf-8")
    assert "Claims of the paper: 7 reproduced, 3 the paper is wrong." in page
    row = "2 divisions an iteration | section 4.5 | reproduced | multiplications: 80; divisions: 2"
    assert f"{row} | 80; 2 |" in page
    assert '- complexity: <a href="#complexity-' in page
    assert "mimolearn reproduce deep-cg/complexity deep-cg/fig3 --gather page.md" in page
    assert page.rstrip().partition("## deep-cg/fig3")[2].count("Not run.") == 1
    kept = tmp_path / "mimolearn-results" / "reproduction" / "deep-cg-complexity.json"
    kept.write_text("{}")
    code, _, err = run("deep-cg/complexity", "--gather", "page.md")
    assert code != 0
    assert "run it again" in err
