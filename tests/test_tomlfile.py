"""TOML files as other editors and systems write them, and files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mimolearn import InvalidInputError, Scenario, simulate
from mimolearn.foundation.errors import check_real, invalid, user_path
from mimolearn.foundation.tomlfile import parse_toml, read_toml
from mimolearn.studies import list_results, load_comparison
from mimolearn.training import read_recipe
from mimolearn.weights import read_card

SCENARIO = 'num_tx_ant = 2\nnum_rx_ant = 2\nconstellation = "qpsk"\n'


def refusal(path: Path) -> str:
    with pytest.raises(InvalidInputError) as caught:
        read_toml(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    path = tmp_path / "link.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SCENARIO.encode())
    assert Scenario.from_toml(path).num_tx_ant == 2
    path.write_bytes(b"\xef\xbb\xbf" + SCENARIO.replace("\n", "\r\n").encode())
    assert Scenario.from_toml(path).num_tx_ant == 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(tmp_path, encoding):
    path = tmp_path / "link.toml"
    path.write_bytes(SCENARIO.encode(encoding))
    assert "UTF-16" in refusal(path)
    assert "UTF-8" in refusal(path)


def test_a_byte_that_is_no_utf_8_is_named_with_its_line(tmp_path):
    path = tmp_path / "link.toml"
    path.write_bytes(SCENARIO.encode() + 'name = "Zoë"'.encode("latin-1"))
    assert "not a text file in UTF-8: byte 0xeb at line 4" in refusal(path)


@pytest.mark.parametrize(
    "line", [r'path = "C:\Users\a"', r'path = "D:\data\x"', r'p = "\\ok\no\e"']
)
def test_a_backslash_in_double_quotes_gets_a_hint(tmp_path, line):
    path = tmp_path / "link.toml"
    path.write_text(SCENARIO + line)
    assert "single quotes" in refusal(path)
    assert parse_toml(r"path = 'C:\Users'", "x") == {"path": "C:\\Users"}


def test_another_error_gets_no_such_hint(tmp_path):
    path = tmp_path / "link.toml"
    path.write_text("[run")
    assert "single quotes" not in refusal(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "[" * 2000 + "]" * 2000, "nested"),
        ("a = " + "{b = " * 2000 + "1" + "}" * 2000, "nested"),
        (".".join(["a"] * 2000) + " = 1", "nested"),
        ("a = " + "9" * 400, "64 bits"),
        ("a = [1, -" + "9" * 30 + "]", "64 bits"),
        ("a = " + "9" * 5000, "too many digits"),
    ],
)
def test_what_nothing_can_mean_is_one_line(tmp_path, text, words):
    path = tmp_path / "link.toml"
    path.write_text(text)
    assert words in refusal(path)


def test_an_endless_file_is_refused():
    if not Path("/dev/zero").exists():
        pytest.skip("a system without /dev/zero")
    assert "larger than" in refusal(Path("/dev/zero"))


def test_huge_numbers_are_refused_in_one_line():
    with pytest.raises(InvalidInputError, match="a finite number"):
        check_real("x", 10**400)
    assert "int" in str(invalid("x", 10**5000, "less"))


def test_a_tilde_is_the_home_folder_wherever_a_path_is_given(home):
    (home / "link.toml").write_text(
        SCENARIO + '[channel]\nmodel = "recorded"\npath = "~/h.npy"\n[run]\nsnr_db = [0]\n'
    )
    h = np.random.default_rng(1).normal(size=(8, 2, 2, 2)).view(complex)[..., 0]
    np.save(home / "h.npy", h)
    scenario, plan = load_comparison("~/link.toml")
    assert scenario.channel.path == str(home / "h.npy")
    assert Scenario.from_toml("~/link.toml") == scenario
    direct = Scenario(
        num_tx_ant=2,
        num_rx_ant=2,
        constellation="qpsk",
        channel={"model": "recorded", "path": "~/h.npy"},
    )
    assert direct.key() == scenario.key()
    simulate(scenario, ["zf"], plan.snr_db, max_vectors=100, store="~/r.sqlite")
    assert (home / "r.sqlite").is_file()
    assert len(list_results("~/r.sqlite")) == 1
    for read in (read_recipe, read_card):
        name = "~/absent.toml" if read is read_recipe else "~/absent.safetensors"
        with pytest.raises(InvalidInputError, match="cannot be read: No such file"):
            read(name)
    assert not (home / "~").exists()


def test_a_home_that_is_not_there_stays(home):
    assert user_path("~no-such-user-here/x") == Path("~no-such-user-here/x")
    assert user_path("a/~/x") == Path("a/~/x")
