"""The answers as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from mimolearn.report.answers import Answers, Rate, Row
from mimolearn.report.beam_answers import BeamAnswers
from mimolearn.report.numbers import format_count, format_required, format_us
from mimolearn.report.text.fitted import Column, FittedTable, Prose
from mimolearn.report.text.sentences import UNSURE_MARK


def answer_table(answers: Answers) -> FittedTable:
    """One line per receiver: SNR needed, loss, time, multiplications, parameters."""
    if answers.unit == "slot":
        return _slot_answer_table(answers)
    table = FittedTable(
        Column("receiver", "name"),
        Column(f"SNR for {answers.goal} [95 %]"),
        Column("loss [95 %]"),
        Column(f"time/vector (T={answers.comparison.scenario.channel_reuse})"),
        Column("latency", rank=3),
        Column("real mult./vector", rank=1),
        Column("parameters", rank=2),
    )
    for row in answers.rows:
        table.add_row(
            Text(row.label, style="bold" if row.on_frontier else ""),
            _required(row),
            _loss(row),
            format_us(row.time_us),
            format_us(row.latency_us),
            format_count(row.multiplications) + ("*" if row.estimated_at_db is not None else ""),
            format_count(row.parameters) if row.parameters else "0",
        )
    return table


def _slot_answer_table(answers: Answers) -> FittedTable:
    """SNR needed, loss, and the time of a slot in its parts."""
    table = FittedTable(
        Column("receiver", "name"),
        Column(f"SNR for {answers.goal} [95 %]"),
        Column("loss [95 %]"),
        Column("time/slot"),
        Column("estimate", rank=1),
        Column("detect", rank=1),
        Column("decode", rank=1),
        Column("parameters", rank=2),
    )
    timings = answers.comparison.timings
    for row in answers.rows:
        timing = timings.get(row.label)
        parts = (None,) * 3 if timing is None else timing.slot_parts_us
        table.add_row(
            Text(row.label, style="bold" if row.on_frontier else ""),
            _required(row),
            _loss(row),
            format_us(row.time_us),
            *map(format_us, parts),
            format_count(row.parameters) if row.parameters else "0",
        )
    return table


def rate_table(answers: Answers) -> FittedTable:
    """Error rates of every receiver at every SNR: dim and marked where unsure, < without errors."""
    snr_db = answers.comparison.plan.snr_db
    table = over_snr(f"{answers.metric.upper()} at SNR [dB]", snr_db)
    for label, rates in answers.rates.items():
        cells = {rate.snr_db: rate_cell(rate) for rate in rates}
        table.add_row(label, *(cells.get(snr, Text("")) for snr in snr_db))
    return table


def gmi_table(answers: Answers) -> FittedTable | None:
    """GMI a bit of every receiver's soft bits, taken at their word; None on an uncoded link."""
    comparison = answers.comparison
    if not comparison.scenario.has_blocks:
        return None
    table = over_snr("GMI a bit at SNR [dB]", comparison.plan.snr_db)
    for curve in comparison.curves:
        points = [curve.at(snr_db) for snr_db in comparison.plan.snr_db]
        table.add_row(curve.label, *("" if p is None else f"{p.gmi():.4f}" for p in points))
    return table


def beam_table(answers: BeamAnswers) -> FittedTable:
    """Mean and geometric mean of the error rate by SNR, time and parameters."""
    table = FittedTable(
        Column("beamformer", "name"),
        *(Column(f"{snr:g} dB") for snr in answers.comparison.snr_db),
        Column("ms a channel"),
        Column("parameters", rank=1),
    )
    for row in answers.rows:
        cells = [
            f"{r.mean:.2e}{UNSURE_MARK if r.is_unsure else ''} ({r.geometric_mean:.0e})"
            for r in row.rates
        ]
        spent = "–" if row.design_ms is None else f"{row.design_ms:.2f}"
        table.add_row(row.label, *cells, spent, f"{row.parameters:,}")
    return table


def over_snr(heading: str, snr_db: Iterable[float]) -> FittedTable:
    """An empty table with names down and SNRs across.

    Args:
        heading: of the column of names.
        snr_db: SNRs in dB.
    """
    return FittedTable(Column(heading, "name"), *(Column(f"{snr:g}") for snr in snr_db))


def rate_cell(rate: Rate) -> Text:
    """An error rate: dim and marked where unsure, < without errors."""
    if rate.errors == 0:
        return Text(f"<{rate.high:.1e}", style="dim")
    if rate.is_unsure:
        return Text(f"{rate.value:.2e}{UNSURE_MARK}", style="dim")
    return Text(f"{rate.value:.2e}")


def _required(row: Row) -> Text:
    text = format_required(row.required)
    return Prose(text, style="dim") if row.required.value_db is None else Text(text)


def _loss(row: Row) -> str:
    if row.loss is None:
        return "–"
    value, low, high = row.loss
    return "best" if value == 0 else f"{value:.2f} dB [{low:.2f}, {high:.2f}]"
