"""A tiny board in a folder: links of two streams with ideal, noisy and estimated channels."""

from __future__ import annotations

from pathlib import Path

import pytest

from mimolearn.board import Board, load_board, make_submission, run_board
from mimolearn.board.forms import Submission
from mimolearn.plans.contender import unique_contenders
from mimolearn.studies import timing

BOARD = """
title = "A tiny board"
version = 1
yardstick = "lmmse"

[[links]]
name = "small"
about = "Two streams."
reference = "ml"
chunks = 2

[[links]]
name = "noisy"
about = "A channel with an error."
reference = "ml"
chunks = 1

[[links]]
name = "slots"
about = "A grid with pilots."
reference = "lmmse"
chunks = 1
"""

SMALL = """
num_tx_ant = 2
num_rx_ant = 3
constellation = "qpsk"
snr_definition = "receive_antenna"
"""

RUN = """
[run]
snr_db = [2, 6, 10]
metric = "ber"
target = 1e-2
"""

NOISY = """
[csi]
error_var = 0.01
"""

SLOTS = """
num_tx_ant = 2
num_rx_ant = 3
constellation = "qpsk"
snr_definition = "per_stream"

[channel]
model = "tdl-process"

[frame]
standard = "grid"
num_ues = 2
num_symbols = 14
num_subcarriers = 12

[run]
snr_db = [2, 8]
metric = "ber"
target = 3e-2
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board")
    (folder / "links").mkdir()
    (folder / "board.toml").write_text(BOARD, "utf-8")
    for name, text in {"small": SMALL + RUN, "noisy": SMALL + NOISY + RUN, "slots": SLOTS}.items():
        (folder / "links" / f"{name}.toml").write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="session")
def board(folder: Path) -> Board:
    return load_board(folder)


DETECTORS = ("lmmse", "ml", "zf", "lmmse:estimator=perfect,label=told")


@pytest.fixture(scope="session")
def submissions(board: Board) -> list[Submission]:
    """Of four contenders, one of which is told the channel that the others estimate."""
    contenders = unique_contenders(DETECTORS)
    with pytest.MonkeyPatch.context() as patch:
        # Times need not be good ones.
        patch.setattr(timing, "_MAX_REPEATS", 5)
        runs = run_board(board, contenders, None)
    results = [(run.link, run.comparison) for run in runs if run.comparison is not None]
    made = []
    for contender in contenders:
        refused = {
            run.link.name: run.refused[contender.label]
            for run in runs
            if contender.label in run.refused
        }
        made.append(make_submission(board, contender, results, refused, about="One of ours."))
    return made
