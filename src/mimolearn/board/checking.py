"""A submission counted again: equal to the last bit, or where it differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from mimolearn.board.forms import Submission
from mimolearn.board.links import Board, BoardLink
from mimolearn.board.packing import point_digest, unpack_point
from mimolearn.board.running import ProgressOf, run_alone
from mimolearn.foundation.errors import InvalidInputError, invalid
from mimolearn.plans.contender import Contender
from mimolearn.plans.identity import difference
from mimolearn.results.point import Point


class LinkCheck(NamedTuple):
    """One link of a submission, counted again.

    Attributes:
        link: its name.
        points: SNRs that were counted.
        differences: one line for each SNR that differs; none where all is equal.
    """

    link: str
    points: int
    differences: tuple[str, ...]


def check_submission(
    submission: Submission,
    board: Board,
    *,
    contender: Contender | None = None,
    links: Sequence[str] | None = None,
    workers: int = 1,
    store: str | Path | None = None,
    progress: ProgressOf | None = None,
) -> list[LinkCheck]:
    """Count links of a submission again and compare all integers and positions of errors.

    Args:
        submission: as ``read_submission`` returned it.
        board: that it is of.
        contender: in place of the submission's, where a file of its lies elsewhere here.
        links: names of links; None for all that the submission has.
        workers: processes.
        store: a results file, so that the check may be stopped and taken up; None keeps all in
            memory.
        progress: for every link.

    Returns:
        one for each link.

    Raises:
        InvalidInputError: for a contender that is not the submission's, and for a link that the
            submission does not have.
    """
    contender = same_contender(submission, contender)
    chosen = [link for link in board.chosen(links) if links or link.name in submission.links]
    for link in chosen:
        if link.name not in submission.links:
            known = ", ".join(submission.links)
            raise invalid("link", link.name, f"one that the submission has: {known}")
    return [_check(submission, link, contender, workers, store, progress) for link in chosen]


def same_contender(submission: Submission, contender: Contender | None = None) -> Contender:
    """The contender of a submission, as this machine knows it.

    Args:
        submission: that names it.
        contender: in place of the named one.

    Raises:
        InvalidInputError: one line that says in what it differs from the submission's.
    """
    if contender is None:
        try:
            contender = Contender.parse(submission.spec)
        except InvalidInputError as error:
            raise InvalidInputError(f"contender {submission.label!r}: {error}") from None
    if contender.key() != submission.key:
        path = difference(contender.identity, submission.contender["identity"])
        raise InvalidInputError(
            f"contender {submission.label!r}: here it is another than in the submission: "
            f"{path} differs"
        )
    return Contender.from_dict({**contender.to_dict(), "label": submission.label})


def _check(
    submission: Submission,
    link: BoardLink,
    contender: Contender,
    workers: int,
    store: str | Path | None,
    progress: ProgressOf | None,
) -> LinkCheck:
    curve = run_alone(link, contender, store, workers, progress).curve(contender.label)
    sizes = link.scenario.vectors_per_cluster, link.scenario.blocks_per_cluster
    stored = submission.links[link.name].points
    lines = []
    for here, there in zip(curve.points, stored, strict=True):
        if point_digest(here) != there.sha256:
            lines.append(_difference(here, unpack_point(there, link.metric, *sizes)))
    return LinkCheck(link.name, len(stored), tuple(lines))


def _difference(here: Point, there: Point) -> str:
    """Which count differs first, in words."""
    pairs = zip(asdict(there.counts).items(), asdict(here.counts).values(), strict=True)
    for (name, theirs), ours in pairs:
        if theirs != ours:
            words = name.replace("_", " ")
            return f"{here.snr_db:g} dB: {words} {theirs} in the file, {ours} here"
    return f"{here.snr_db:g} dB: as many errors, but elsewhere"
