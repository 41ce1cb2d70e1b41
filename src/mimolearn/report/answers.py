"""The answers that table, plots and page all show: one row per receiver, and the frontier."""

from __future__ import annotations

from dataclasses import dataclass

from mimolearn.plans.counts import BLOCK_METRICS
from mimolearn.results.comparison import UPPER_LIMIT_ERRORS
from mimolearn.results.statistics import ENOUGH_CLUSTERS
from mimolearn.studies import Comparison, Curve, SnrEstimate

WORTH_NAMING = 1.25


@dataclass(frozen=True)
class Row:
    """What is known of one receiver at the target error rate.

    required: SNR needed. loss_db: how much more than the best receiver, with a paired 95 %
    interval (low, high); None where one of the two does not reach the target.
    vector_us, latency_us: measured microseconds per vector in a batch, and for one vector alone;
    None where not measured. multiplications: real ones per vector, the channel's share included.
    estimated_at_db: SNR at which a data-dependent search's work was counted, else None.
    parameters: stored numbers. nonfinite, incomplete: flagged vectors over all SNRs.
    on_frontier: no cheaper receiver is as good; None where it cannot be said.
    """

    label: str
    required: SnrEstimate
    loss_db: tuple[float, float, float] | None
    vector_us: float | None
    latency_us: float | None
    multiplications: float | None
    estimated_at_db: float | None
    parameters: int
    parameter_bytes: int
    nonfinite: int
    incomplete: int
    vectors: int
    on_frontier: bool | None


def rows(comparison: Comparison) -> list[Row]:
    """One row per receiver: those that reach the target first, best first."""
    best = best_label(comparison)
    frontier = frontier_labels(comparison, "vector_us")
    answers = [_row(comparison, curve, best, frontier) for curve in comparison.curves]
    return sorted(
        answers,
        key=lambda row: (
            row.required.value_db is None,
            row.required.value_db or 0.0,
            row.vector_us or 0.0,
        ),
    )


def best_label(comparison: Comparison) -> str | None:
    """The receiver that needs the least SNR for the target, None when none reaches it."""
    needed = {
        curve.label: comparison.required_snr(curve.label).value_db for curve in comparison.curves
    }
    reached = {label: value for label, value in needed.items() if value is not None}
    return min(reached, key=lambda label: reached[label]) if reached else None


def cost_of(comparison: Comparison, label: str, cost: str) -> float | None:
    """A receiver's cost per vector: "vector_us", "latency_us" or "multiplications"."""
    if cost == "multiplications":
        return _multiplications(comparison, comparison.curve(label))[0]
    timing = comparison.timings.get(label)
    if timing is None:
        return None
    return timing.vector_us if cost == "vector_us" else timing.latency_us


def frontier_labels(comparison: Comparison, cost: str) -> list[str]:
    """Receivers that no cheaper one equals, cheapest first.

    A receiver falls behind when a cheaper one exists that it does not beat significantly: the
    paired 95 % interval of the gap reaches zero.
    """
    placed = [
        (label, value)
        for label in (curve.label for curve in comparison.curves)
        if (value := cost_of(comparison, label, cost)) is not None
        and comparison.required_snr(label).value_db is not None
    ]
    placed.sort(key=lambda item: item[1])
    frontier: list[str] = []
    for label, _ in placed:
        if all(_beats(comparison, label, cheaper) for cheaper in frontier):
            frontier.append(label)
    return frontier


def outdone_by(comparison: Comparison, row: Row) -> str | None:
    """The fastest receiver that a slower one does not beat; None where there is none such."""
    if row.on_frontier is not False or row.vector_us is None:
        return None
    for other in frontier_labels(comparison, "vector_us"):
        time = cost_of(comparison, other, "vector_us")
        if time is not None and time < row.vector_us and not _beats(comparison, row.label, other):
            return other
    return None


def verdict(comparison: Comparison) -> list[str]:
    """The main answers, as sentences: who needs least, what is nearly as good and faster."""
    table = rows(comparison)
    reached = [row for row in table if row.required.value_db is not None]
    metric, target = comparison.plan.metric.upper(), f"{comparison.plan.target:g}"
    if not reached:
        return [f"No receiver crosses {metric} {target} within the simulated SNRs."]
    tied = [row for row in reached if row.loss_db is not None and row.loss_db[1] <= 0]
    best = min(tied, key=_time)
    others = [row.label for row in tied if row is not best]
    lines = [f"Run {best.label}: it needs {_needs(best)} for {metric} {target}{_at_speed(best)}."]
    if others:
        lines.append(f"{_words(others)} cannot be told from it at this many errors{_dearer(best)}.")
    elif len(reached) > 1:
        lines.append(f"Next comes {reached[1].label}, {_loss(reached[1])}.")
    faster = [row for row in reached if _time(row) * WORTH_NAMING < _time(best)]
    if faster:
        row = faster[0]
        lines.append(
            f"If that is too slow, {row.label} needs {_needs(row)}, {_loss(row)}, "
            f"at {format_us(row.vector_us)} a vector ({_time(best) / _time(row):.1f} times faster)."
        )
    return lines


UNSURE_MARK = "?"


def cautions(comparison: Comparison) -> list[str]:
    """What the answers rest on, where that is little: sentences for below a table."""
    lines = [
        f"{curve.label}: {estimate.note}."
        for curve in comparison.curves
        if (estimate := comparison.required_snr(curve.label)).value_db is not None and estimate.note
    ]
    if comparison.scenario.channel.model == "recorded":
        lines.append(
            "Rates are means over the recorded channels, drawn at random; "
            "no interval speaks of channels that were not recorded."
        )
    return lines


def unsure_words(metric: str) -> str:
    """When a point is drawn as unsure, for legends."""
    cluster = "blocks" if metric in BLOCK_METRICS else "channels"
    return (
        f"fewer than {UPPER_LIMIT_ERRORS} errors, or errors worth those of fewer than "
        f"{ENOUGH_CLUSTERS} equally bad {cluster}: the interval may be too narrow"
    )


def has_unsure(comparison: Comparison) -> bool:
    """True when a point with errors is drawn as unsure."""
    metric = comparison.plan.metric
    return any(
        point.counts.errors(metric) and point.is_unsure(metric)
        for curve in comparison.curves
        for point in curve.points
    )


def format_us(value: float | None) -> str:
    """Microseconds in three significant digits, in µs or ms."""
    if value is None:
        return "–"
    return f"{value / 1000:.3g} ms" if value >= 1000 else f"{value:.3g} µs"


def format_count(value: float | None) -> str:
    """A count in three significant digits with k, M or G."""
    if value is None:
        return "–"
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{suffix}"
    return f"{value:.3g}"


def format_required(estimate: SnrEstimate) -> str:
    """The SNR needed with its interval, or why it is not known."""
    if estimate.value_db is None:
        return estimate.note or "not reached"
    if estimate.low_db is None or estimate.high_db is None:
        return f"{estimate.value_db:.2f} dB"
    return f"{estimate.value_db:.2f} dB [{estimate.low_db:.2f}, {estimate.high_db:.2f}]"


def _row(comparison: Comparison, curve: Curve, best: str | None, frontier: list[str]) -> Row:
    label = curve.label
    required = comparison.required_snr(label)
    multiplications, at_db = _multiplications(comparison, curve)
    timing, cost = comparison.timings.get(label), comparison.costs.get(label)
    rated = required.value_db is not None and timing is not None
    return Row(
        label=label,
        required=required,
        loss_db=_loss_interval(comparison, best, label),
        vector_us=timing.vector_us if timing else None,
        latency_us=timing.latency_us if timing else None,
        multiplications=multiplications,
        estimated_at_db=at_db,
        parameters=cost.parameters if cost else 0,
        parameter_bytes=cost.parameter_bytes if cost else 0,
        nonfinite=sum(point.counts.nonfinite for point in curve.points),
        incomplete=sum(point.counts.incomplete for point in curve.points),
        vectors=sum(point.counts.vectors for point in curve.points),
        on_frontier=label in frontier if rated else None,
    )


def _loss_interval(
    comparison: Comparison, best: str | None, label: str
) -> tuple[float, float, float] | None:
    if best is None or comparison.required_snr(label).value_db is None:
        return None
    if best == label:
        return (0.0, 0.0, 0.0)
    gap = comparison.gap(best, label)
    if gap.value_db is None or gap.low_db is None or gap.high_db is None:
        return None
    return (gap.value_db, gap.low_db, gap.high_db)


def _multiplications(comparison: Comparison, curve: Curve) -> tuple[float | None, float | None]:
    """Real multiplications per vector, and the SNR a search's work was taken at."""
    cost = comparison.costs.get(curve.label)
    if cost is None:
        return None, None
    share = cost.per_channel / comparison.scenario.channel_reuse
    if cost.per_vector is not None:
        return share + cost.per_vector, None
    searched = [point for point in curve.points if point.work_per_vector() is not None]
    if not searched:
        return None, None
    wanted = comparison.required_snr(curve.label).value_db
    centre = wanted if wanted is not None else searched[len(searched) // 2].snr_db
    nearest = min(searched, key=lambda point: abs(point.snr_db - centre))
    return share + (nearest.work_per_vector() or 0.0), nearest.snr_db


def _beats(comparison: Comparison, label: str, other: str) -> bool:
    """True when label needs significantly less SNR than other."""
    gap = comparison.gap(label, other)
    return gap.value_db is not None and gap.low_db is not None and gap.low_db > 0


def _time(row: Row) -> float:
    return float("inf") if row.vector_us is None else row.vector_us


def _needs(row: Row) -> str:
    return f"{row.required.value_db:.2f} dB"


def _at_speed(row: Row) -> str:
    return "" if row.vector_us is None else f" at {format_us(row.vector_us)} a vector"


def _dearer(row: Row) -> str:
    return "" if row.vector_us is None else ", and cost more time"


def _loss(row: Row) -> str:
    if row.loss_db is None:
        return "at an unknown distance"
    value, low, high = row.loss_db
    return f"{value:.2f} dB behind the best (95 % interval {low:.2f} to {high:.2f})"


def _words(labels: list[str]) -> str:
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"
