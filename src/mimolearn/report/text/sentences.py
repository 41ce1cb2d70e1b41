"""The answers as sentences, for below a table and for the page."""

from __future__ import annotations

from collections.abc import Collection

from mimolearn.link.grid_scenario import GridScenario
from mimolearn.plans.shared_samples import shared_samples
from mimolearn.report.answers import Answers, Row
from mimolearn.report.beam_answers import BeamAnswers
from mimolearn.report.links import link_words
from mimolearn.report.numbers import format_names, format_us
from mimolearn.results.point import cluster_word
from mimolearn.results.statistics import ENOUGH_CLUSTERS

# What a number is followed by where its interval may be too narrow.
UNSURE_MARK = "?"
# A receiver that is slightly faster is not worth a sentence.
_WORTH_NAMING = 1.25


def verdict(answers: Answers) -> list[str]:
    """The main answers: who needs least, and what is nearly as good and faster."""
    best = answers.recommended
    if best is None:
        return verdict_around(answers)
    below = _below(answers)
    run = f"Of the others, run {best.label}" if below else f"Run {best.label}"
    speed = _at_speed(best, answers.unit)
    return [*below, f"{run}: it needs {_needs(best)} for {answers.goal}{speed}.", *_beside(answers)]


def verdict_around(answers: Answers) -> list[str]:
    """What ``verdict`` says besides which receiver to run."""
    below = _below(answers)
    beside = _beside(answers)
    if answers.recommended is None and not below and not beside:
        return [f"No receiver crosses {answers.goal} within the simulated SNRs."]
    return [*below, *beside]


def _beside(answers: Answers) -> list[str]:
    """Who cannot be told from the receiver to run, who comes next, who is faster, who is open."""
    best = answers.recommended
    if best is None:
        return _bracketed(answers)
    running = [row for row in answers.rows if row.label in answers.receivers]
    reached = [row for row in running if row.required.value_db is not None]
    lines = []
    others = [
        row.label
        for row in reached
        if row is not best and row.loss is not None and row.loss.low_db <= 0
    ]
    if others:
        names = format_names(others)
        lines.append(f"{names} cannot be told from it at this many errors{_dearer(best)}.")
    elif len(reached) > 1:
        lines.append(f"Next comes {reached[1].label}, {_loss(reached[1])}.")
    faster = [row for row in reached if _time(row) * _WORTH_NAMING < _time(best)]
    if faster:
        row = faster[0]
        lines.append(
            f"If that is too slow, {row.label} needs {_needs(row)}, {_loss(row)}, "
            f"at {format_us(row.time_us)} a {answers.unit} "
            f"({_time(best) / _time(row):.1f} times faster)."
        )
    return [*lines, *_bracketed(answers)]


def _bracketed(answers: Answers) -> list[str]:
    """Who crosses the target between two SNRs, but without an error at the second."""
    lines = []
    for row in answers.rows:
        low, high = row.required.low_db, row.required.high_db
        if row.required.is_bracketed and row.label in answers.receivers:
            lines.append(
                f"{row.label} crosses {answers.goal} between {low:g} and {high:g} dB, and is not "
                f"ranked: it made no errors at {high:g} dB."
            )
    return lines


def _below(answers: Answers) -> list[str]:
    """Who needs less SNR than was simulated: they are better than all others, and not ranked."""
    labels = [r.label for r in answers.rows if r.required.is_below and r.label in answers.receivers]
    if not labels:
        return []
    lowest = answers.comparison.plan.snr_db[0]
    verb = "is" if len(labels) == 1 else "are"
    return [
        f"{format_names(labels)} {verb} below {answers.goal} at the lowest SNR already, "
        f"{lowest:g} dB: simulate lower SNRs to rank the best."
    ]


def notes(answers: Answers) -> list[str]:
    """How to read the tables, and what the answers rest on."""
    lines = ["Bold: on the frontier, no cheaper receiver is as good (paired 95 % interval)."]
    lines += bound_notes(answers.comparison.bounds)
    lines += rate_notes(answers)
    lines += cautions(answers)
    counted = {row.estimated_at_db for row in answers.rows if row.estimated_at_db is not None}
    if counted:
        snrs = ", ".join(f"{snr:g}" for snr in sorted(counted))
        lines.append(f"*: a search's work depends on the data; counted at {snrs} dB.")
    lines += training_notes(answers)
    for row in answers.rows:
        lines += flags(row, decoded=answers.comparison.scenario.has_blocks)
    return lines


def training_notes(answers: Answers) -> list[str]:
    """Which networks a faster receiver equals; none where training pays."""
    contenders = answers.comparison.plan.contenders
    # A quantiser's parameters buy storage, not speed.
    storing = {contender.label for contender in contenders if contender.quantizer}
    return [
        f"{row.label}: {row.outdone_by} is as good and faster; training buys nothing at this "
        "target."
        for row in answers.rows
        if row.parameters and row.label not in storing and row.outdone_by is not None
    ]


def bound_notes(bounds: Collection[str]) -> list[str]:
    """Which contenders are no receivers to run; none where there are none.

    Args:
        bounds: their labels.
    """
    if not bounds:
        return []
    return [f"Bounds, told what no receiver knows: {format_names(sorted(bounds))}."]


def rate_notes(answers: Answers) -> list[str]:
    """How to read the marks of ``rate_table``, and what a coded link or one over a grid is."""
    lines = (
        [f"{UNSURE_MARK}: {unsure_words(answers.metric, answers.unit)}."]
        if answers.has_unsure
        else []
    )
    link = answers.comparison.scenario
    if link.has_blocks or isinstance(link, GridScenario):
        lines.append(link_words(link))
    return [*lines, *time_notes(answers)]


def time_notes(answers: Answers) -> list[str]:
    """What measured times leave out; none without times, or where they leave out nothing."""
    comparison = answers.comparison
    if not comparison.timings or answers.unit == "slot" or not comparison.scenario.has_blocks:
        return []
    return ["Times are those of detection alone: the decoder is not in them."]


def cautions(answers: Answers) -> list[str]:
    """What the answers rest on, where that is little."""
    lines = [
        f"{label}: {estimate.note}."
        for label, estimate in answers.required.items()
        if estimate.value_db is not None and estimate.note
    ]
    link = answers.comparison.scenario
    if link.has_blocks and link.num_rx_ant <= link.num_tx_ant:
        lines += [
            f"{contender.label}: with no more antennas than streams its soft bits are sure of too "
            "much, and decoders make less of them than of lmmse's; ep is the one to compare."
            for contender in answers.comparison.plan.contenders
            if contender.name == "oamp" and contender.options.get("variances") == "shared"
        ]
    if link.channel.model == "recorded":
        lines.append(
            "Rates are means over the recorded channels, drawn at random; "
            "no interval speaks of channels that were not recorded."
        )
        for curve in answers.comparison.curves:
            shared = shared_samples(curve.contender, answers.comparison.scenario)
            if shared:
                lines.append(
                    f"{curve.label} was trained on {shared:,} of these samples: what it does on "
                    "others is not measured here; split the file by rows."
                )
    return lines


def flags(row: Row, *, decoded: bool = False) -> list[str]:
    """Vectors of a receiver that were flagged; decoded: on a coded link."""
    lines = []
    rough = " Their soft bits are rough, and so are the blocks that they are in." if decoded else ""
    if row.incomplete:
        lines.append(
            f"{row.label}: {row.incomplete:,} of {row.vectors:,} searches hit their node "
            f"limit; their decisions count, but are not guaranteed to be the best.{rough}"
        )
    if row.nonfinite:
        lines.append(
            f"{row.label}: {row.nonfinite:,} of {row.vectors:,} vectors had no finite output "
            "and were counted as wrong."
        )
    return lines


def unsure_words(metric: str, unit: str = "vector") -> str:
    """When a point is drawn as unsure, for legends.

    Args:
        metric: of the rates.
        unit: that of the answers: over a resource grid, slots are independent.
    """
    cluster = cluster_word(metric, grid=unit == "slot")
    return (
        f"errors worth those of fewer than {ENOUGH_CLUSTERS} equally bad {cluster}, a handful: "
        "the interval may be too narrow"
    )


def beam_notes(answers: BeamAnswers) -> list[str]:
    """How to read ``beam_table``, and which designs no other beats in time and error rate."""
    lines = [
        f"Exact symbol-error rates, mean over {answers.comparison.channels} channels, in brackets "
        "the geometric mean; the same channels for all. Means have heavy tails: a few channels "
        "own them."
    ]
    last = answers.rows[-1]
    rate = last.rates[-1]
    interval = f"[{rate.interval.low:.1e}, {rate.interval.high:.1e}]"
    lines.append(
        f"Width of a 95 % interval, for one: {last.label} at {rate.snr_db:g} dB {interval}."
    )
    if answers.has_unsure:
        lines.append(
            f"{UNSURE_MARK}, and hollow markers: the mean is worth that of fewer than "
            f"{ENOUGH_CLUSTERS} equally bad channels, its interval may be too narrow."
        )
    return [*lines, *beam_verdict(answers)]


def beam_verdict(answers: BeamAnswers) -> list[str]:
    """Which designs no other beats in time and error rate; none without times."""
    if not answers.frontier:
        return []
    names = ", ".join(answers.frontier)
    return [f"Best at their speed, at {answers.middle_db:g} dB: {names}."]


def _time(row: Row) -> float:
    return float("inf") if row.time_us is None else row.time_us


def _needs(row: Row) -> str:
    return f"{row.required.value_db:.2f} dB"


def _at_speed(row: Row, unit: str) -> str:
    return "" if row.time_us is None else f" at {format_us(row.time_us)} a {unit}"


def _dearer(row: Row) -> str:
    return "" if row.time_us is None else ", and cost more time"


def _loss(row: Row) -> str:
    if row.loss is None:
        return "at an unknown distance"
    value, low, high = row.loss
    return f"{value:.2f} dB behind the best (95 % interval {low:.2f} to {high:.2f})"
