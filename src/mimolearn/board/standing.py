"""How submissions stand to each other on every link: one comparison for each class of CSI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mimolearn.board.forms import LinkEntry, Submission, Times
from mimolearn.board.links import CSI_WORDS, Board, BoardLink, Csi
from mimolearn.board.submission import curve_of, provenance_of
from mimolearn.foundation.errors import InvalidInputError
from mimolearn.report.answers import Answers, Row
from mimolearn.results.comparison import Comparison
from mimolearn.results.costs import CostReport, Timing
from mimolearn.results.crossings import SnrGap


class Line(NamedTuple):
    """One contender on one link.

    Attributes:
        row: what is known of it at the target; times are those that it would take where the
            yardstick's submission was made.
        rank: 1 on the frontier of SNR and time, 2 on that of the others, and so on; None for one
            that does not reach the target, or without times.
        gap: to the reference of the link, paired; None where one of the two is not known.
        times_yardstick: its time over that of the yardstick in the same run; None where not
            measured.
        submission: that it is of.
        confirmed: other submissions with the same integers.
    """

    row: Row
    rank: int | None
    gap: SnrGap | None
    times_yardstick: float | None
    submission: Submission
    confirmed: int

    @property
    def label(self) -> str:
        """The contender's label on this board."""
        return self.row.label


class Standing(NamedTuple):
    """All contenders of one class of CSI on one link.

    Attributes:
        link: of the board.
        csi: what all of them know of the channel.
        answers: of their comparison.
        lines: by rank, then by the SNR that they need.
    """

    link: BoardLink
    csi: Csi
    answers: Answers
    lines: tuple[Line, ...]

    @property
    def anchor(self) -> str:
        """Name of its section."""
        return f"{self.csi}-{self.link.name}"


def standings(board: Board, submissions: Sequence[Submission]) -> list[Standing]:
    """How submissions stand, by class of CSI and then by link.

    Args:
        board: that they are of.
        submissions: as ``read_submission`` returns them.

    Raises:
        InvalidInputError: where two submissions of one contender have different integers.
    """
    labels = _labels(submissions)
    return [
        standing
        for csi in CSI_WORDS
        for link in board.links
        if (standing := _standing(board, link, csi, submissions, labels)) is not None
    ]


def _labels(submissions: Sequence[Submission]) -> dict[str, str]:
    """A label for each key; one that two contenders have gets the key behind it."""
    labels: dict[str, str] = {}
    for submission in submissions:
        label = submission.label
        if label in [other for key, other in labels.items() if key != submission.key]:
            label = f"{label[:70]} [{submission.key[:6]}]"
        labels.setdefault(submission.key, label)
    return labels


def _standing(
    board: Board,
    link: BoardLink,
    csi: Csi,
    submissions: Sequence[Submission],
    labels: dict[str, str],
) -> Standing | None:
    chosen: dict[str, Submission] = {}
    confirmed: dict[str, int] = {}
    for submission in submissions:
        entry = submission.links.get(link.name)
        if entry is None or entry.csi != csi:
            continue
        label = labels[submission.key]
        if label in chosen:
            _check_same(link, chosen[label], submission)
            confirmed[label] += 1
        else:
            chosen[label], confirmed[label] = submission, 0
    if not chosen:
        return None
    entries = {label: submission.links[link.name] for label, submission in chosen.items()}
    curves = tuple(curve_of(link, submission, label) for label, submission in chosen.items())
    timings = _timings(board, entries, labels)
    costs = {
        label: CostReport(**entry.cost.model_dump())
        for label, entry in entries.items()
        if entry.cost is not None
    }
    first = next(iter(chosen.values()))
    answers = Answers(
        Comparison(
            link.scenario,
            link.plan([curve.contender for curve in curves]),
            curves,
            provenance_of(first, "see each submission"),
            timings,
            costs,
        )
    )
    return Standing(link, csi, answers, _lines(link, answers, chosen, confirmed, labels))


def _check_same(link: BoardLink, one: Submission, other: Submission) -> None:
    a, b = (
        [point.sha256 for point in submission.links[link.name].points]
        for submission in (one, other)
    )
    if a != b:
        raise InvalidInputError(
            f"contender {one.label!r}: two submissions count differently on {link.name!r}; "
            "see which one is right with: mimolearn board check"
        )


def _timings(
    board: Board, entries: dict[str, LinkEntry], labels: dict[str, str]
) -> dict[str, Timing]:
    """Times as on the machine of the yardstick's submission: scaled by the yardstick's own."""
    usual = labels.get(board.yardstick.key(), "")
    order = [usual, *entries] if usual in entries else list(entries)
    known = [entries[label].yardstick for label in order]
    standard = next((times for times in known if times is not None), None)
    timings = {}
    for label, entry in entries.items():
        if standard is not None and entry.times is not None and entry.yardstick is not None:
            factor = standard.whole_us / entry.yardstick.whole_us
            timings[label] = _scaled(entry.times, factor, standard.machine)
    return timings


def _scaled(times: Times, factor: float, machine: str) -> Timing:
    return Timing(
        threads=1,
        batch=times.batch,
        channel_reuse=times.channel_reuse,
        snr_db=times.snr_db,
        prepare_us=0.0,
        detect_us=0.0,
        vector_us=times.vector_us * factor,
        latency_us=times.latency_us * factor,
        repeats=0,
        machine=machine,
        estimate_us=times.estimate_us * factor,
        soft_us=times.soft_us * factor,
        decode_us=times.decode_us * factor,
    )


def _lines(
    link: BoardLink,
    answers: Answers,
    chosen: dict[str, Submission],
    confirmed: dict[str, int],
    labels: dict[str, str],
) -> tuple[Line, ...]:
    ranks = _ranks(answers)
    reference = labels.get(link.reference.key(), "")
    lines = []
    for row in answers.rows:
        entry = chosen[row.label].links[link.name]
        gap = answers.gap(reference, row.label) if reference in chosen else None
        beside = None
        if entry.times is not None and entry.yardstick is not None:
            beside = entry.times.whole_us / entry.yardstick.whole_us
        known = gap if gap is not None and gap.value_db is not None else None
        rank = ranks.get(row.label)
        lines.append(Line(row, rank, known, beside, chosen[row.label], confirmed[row.label]))
    # Rows come by the SNR that they need; those without a rank go last.
    return tuple(sorted(lines, key=lambda line: (line.rank is None, line.rank or 0)))


def _ranks(answers: Answers) -> dict[str, int]:
    """Layers of the frontier of SNR and measured time.

    One is in a layer when it needs significantly less SNR than every cheaper one of the layer.
    """

    def beats(label: str, cheaper: str) -> bool:
        low = answers.gap(label, cheaper).low_db
        return low is not None and low > 0

    costs = {label: answers.cost(label, answers.time) for label in answers.required}
    left = [
        label
        for label in sorted(costs, key=lambda label: costs[label] or 0.0)
        if costs[label] is not None and answers.required[label].value_db is not None
    ]
    ranks: dict[str, int] = {}
    rank = 1
    while left:
        layer: list[str] = []
        for label in left:
            if all(beats(label, cheaper) for cheaper in layer):
                layer.append(label)
        ranks |= dict.fromkeys(layer, rank)
        left = [label for label in left if label not in layer]
        rank += 1
    return ranks
