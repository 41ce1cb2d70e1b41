"""`mimolearn cost`: a table for people, JSON for programs."""

import json

import pytest

from mimolearn.cli import main


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["mimolearn", "cost", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, *capsys.readouterr()


def test_table_and_json_say_the_same(monkeypatch, capsys):
    names = ("detnet", "equi-net-bpsk", "zf")
    code, table, _ = run(monkeypatch, capsys, *names)
    assert code == 0
    code, text, _ = run(monkeypatch, capsys, *names, "--json")
    assert code == 0
    found = json.loads(text)["detectors"]
    assert [cost["name"] for cost in found] == list(names)
    for cost in found:
        assert f"{cost['per_channel']:,}" in table
        assert f"{cost['per_vector']:,.0f}" in table
    assert "1,158,620" in table


def test_unknown_names_and_scenarios_are_one_line(monkeypatch, capsys):
    for arguments, word in ((("no-such",), "no-such"), (("zf", "-s", "nowhere"), "nowhere")):
        code, _, error = run(monkeypatch, capsys, *arguments)
        assert code == 2
        assert error.startswith("error: ")
        assert word in error
        assert error.count("\n") == 1
