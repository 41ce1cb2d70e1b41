"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from mimolearn.report.answers import (
    UNSURE_MARK,
    Row,
    cautions,
    format_count,
    format_required,
    format_us,
    has_unsure,
    outdone_by,
    rows,
    unsure_words,
)
from mimolearn.report.fitted import Column, FittedTable, Prose
from mimolearn.studies import Comparison, Point


def answer_table(comparison: Comparison) -> FittedTable:
    """One line per receiver: SNR needed, loss, time, multiplications, parameters."""
    target = f"{comparison.plan.metric.upper()} {comparison.plan.target:g}"
    table = FittedTable(
        Column("receiver", "name"),
        Column(f"SNR for {target} [95 %]"),
        Column("loss [95 %]"),
        Column(f"time/vector (T={comparison.scenario.channel_reuse})"),
        Column("latency", rank=3),
        Column("real mult./vector", rank=1),
        Column("parameters", rank=2),
    )
    for row in rows(comparison):
        table.add_row(
            Text(row.label, style="bold" if row.on_frontier else ""),
            _required(row),
            _loss(row),
            format_us(row.vector_us),
            format_us(row.latency_us),
            format_count(row.multiplications) + ("*" if row.estimated_at_db is not None else ""),
            format_count(row.parameters) if row.parameters else "0",
        )
    return table


def notes(comparison: Comparison) -> list[str]:
    """What has to be said below the table: flags, and how to read it."""
    lines = ["Bold: on the frontier, no cheaper receiver is as good (paired 95 % interval)."]
    lines += rate_notes(comparison)
    lines += cautions(comparison)
    table = rows(comparison)
    counted = {row.estimated_at_db for row in table if row.estimated_at_db is not None}
    if counted:
        places = ", ".join(f"{snr:g}" for snr in sorted(counted))
        lines.append(f"*: a search's work depends on the data; counted at {places} dB.")
    # A quantiser's parameters buy storage, not speed.
    storing = {contender.label for contender in comparison.plan.contenders if contender.quantizer}
    for row in table:
        learned = row.parameters and row.label not in storing
        other = outdone_by(comparison, row) if learned else None
        if other is not None:
            lines.append(
                f"{row.label}: {other} is as good and faster; training buys nothing at this target."
            )
        if row.incomplete:
            lines.append(
                f"{row.label}: {row.incomplete:,} of {row.vectors:,} searches hit their node "
                "limit; their decisions count, but are not guaranteed to be the best."
            )
        if row.nonfinite:
            lines.append(
                f"{row.label}: {row.nonfinite:,} of {row.vectors:,} vectors had no finite output "
                "and were counted as wrong."
            )
    return lines


def rate_notes(comparison: Comparison) -> list[str]:
    """How to read the marks of ``rate_table``, and which decoder counted blocks."""
    lines = []
    if has_unsure(comparison):
        lines.append(f"{UNSURE_MARK}: {unsure_words(comparison.plan.metric)}.")
    if comparison.scenario.coding is not None:
        lines.append(f"Decoder: {comparison.scenario.coding.decoder_words()}.")
    return lines


def rate_table(comparison: Comparison) -> FittedTable:
    """Error rates of every receiver at every SNR: dim and marked where unsure, < without errors."""
    metric = comparison.plan.metric
    table = over_snr(f"{metric.upper()} at SNR [dB]", comparison.plan.snr_db)
    for curve in comparison.curves:
        cells = [_rate_cell(curve.at(snr_db), metric) for snr_db in comparison.plan.snr_db]
        table.add_row(curve.label, *cells)
    return table


def gmi_table(comparison: Comparison) -> FittedTable | None:
    """GMI a bit of every receiver's soft bits, taken at their word; None on an uncoded link."""
    if comparison.scenario.coding is None:
        return None
    table = over_snr("GMI a bit at SNR [dB]", comparison.plan.snr_db)
    for curve in comparison.curves:
        points = [curve.at(snr_db) for snr_db in comparison.plan.snr_db]
        table.add_row(curve.label, *("" if p is None else f"{p.gmi():.4f}" for p in points))
    return table


def over_snr(heading: str, snr_db: Iterable[float]) -> FittedTable:
    """An empty table with names down and SNRs across."""
    return FittedTable(Column(heading, "name"), *(Column(f"{snr:g}") for snr in snr_db))


def _rate_cell(point: Point | None, metric: str) -> Text:
    if point is None:
        return Text("")
    if point.counts.errors(metric) == 0:
        return Text(f"<{point.interval(metric).high:.1e}", style="dim")
    if point.is_unsure(metric):
        return Text(f"{point.rate(metric):.2e}{UNSURE_MARK}", style="dim")
    return Text(f"{point.rate(metric):.2e}")


def _required(row: Row) -> Text:
    text = format_required(row.required)
    return Prose(text, style="dim") if row.required.value_db is None else Text(text)


def _loss(row: Row) -> str:
    if row.loss_db is None:
        return "–"
    value, low, high = row.loss_db
    return "best" if value == 0 else f"{value:.2f} dB [{low:.2f}, {high:.2f}]"
