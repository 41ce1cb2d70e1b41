"""An open board: a fixed set of links, submissions that anyone can count again, and its page."""

from mimolearn.board.checking import LinkCheck, check_submission, same_contender
from mimolearn.board.forms import Submission
from mimolearn.board.links import CSI_WORDS, Board, BoardLink, load_board
from mimolearn.board.running import LinkRun, refusal, run_board, stored_runs
from mimolearn.board.site import build_site, standing_rows
from mimolearn.board.standing import Line, Standing, standings
from mimolearn.board.submission import (
    make_submission,
    read_submission,
    shipped_submissions,
    write_submission,
)

__all__ = [
    "CSI_WORDS",
    "Board",
    "BoardLink",
    "Line",
    "LinkCheck",
    "LinkRun",
    "Standing",
    "Submission",
    "build_site",
    "check_submission",
    "load_board",
    "make_submission",
    "read_submission",
    "refusal",
    "run_board",
    "same_contender",
    "shipped_submissions",
    "standing_rows",
    "standings",
    "stored_runs",
    "write_submission",
]
