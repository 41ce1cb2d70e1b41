"""Shells complete the names that the library knows, and every command shows an example."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mimolearn.cli import app
from mimolearn.cli import words as complete
from mimolearn.cli.board import board_app
from mimolearn.detectors import detector_names, peer_names
from mimolearn.link.scenario import shipped_scenarios
from mimolearn.papers import experiment_names
from mimolearn.training import shipped_recipes
from mimolearn.weights import read_card, shipped_weights


@pytest.mark.parametrize(
    ("function", "start", "expected"),
    [
        (complete.complete_scenarios, "lcgnet-32x64-q", ["lcgnet-32x64-qpsk"]),
        (complete.complete_contenders, "tap-net", ["tap-net", "tap-net-5s", "tap-net-8v"]),
        (complete.complete_contenders, "sionna-l", ["sionna-lmmse"]),
        (complete.complete_contenders, "max-mi", []),
        (complete.complete_parts, "max-mi-2x2-64qam-2", ["max-mi-2x2-64qam-24"]),
        (complete.complete_weights, "equi", ["equi-net-bpsk"]),
        (complete.complete_recipes, "equi", ["equi-net-bpsk"]),
        (complete.complete_recipes, "cnn-ms", ["cnn-mser-qpsk"]),
        (complete.complete_experiments, "lcgnet/fig10", ["lcgnet/fig10"]),
        (complete.complete_topics, "s", ["scenarios", "snr"]),
    ],
)
def test_words_by_their_start(function, start: str, expected: list[str]) -> None:
    found = function(start)
    assert found[: len(expected)] == expected
    assert all(word.startswith(start) for word in found)


def test_words_are_all_that_the_library_knows() -> None:
    trained = {name for name in shipped_weights() if read_card(name).kind == "detector"}
    assert set(complete.complete_contenders("")) == {*detector_names(), *peer_names(), *trained}
    assert set(complete.complete_experiments("")) == set(experiment_names())
    assert set(complete.complete_recipes("")) == set(shipped_recipes())
    assert set(complete.complete_scenarios("")) == set(shipped_scenarios())


def test_a_shell_gets_them() -> None:
    """As bash asks for them, through the entry point."""
    asked = {
        "_MIMOLEARN_COMPLETE": "complete_bash",
        "COMP_WORDS": "mimolearn train equi",
        "COMP_CWORD": "2",
    }
    code = "import sys; from mimolearn.cli import main; sys.argv = ['mimolearn']; main()"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.split() == ["equi-net-bpsk"], found.stderr


@pytest.mark.parametrize("command", app.registered_commands, ids=lambda c: c.callback.__name__)
def test_every_help_text_has_an_example(command) -> None:
    name = command.name or command.callback.__name__.replace("_", "-")
    example = command.callback.__doc__.rpartition("Example: ")[2]
    assert example.startswith(f"mimolearn {name}")


@pytest.mark.parametrize(
    "command", board_app.registered_commands, ids=lambda c: c.callback.__name__
)
def test_so_has_every_one_of_the_board(command) -> None:
    name = command.name or command.callback.__name__
    example = command.callback.__doc__.rpartition("Example: ")[2]
    assert example.startswith(f"mimolearn board {name}")
