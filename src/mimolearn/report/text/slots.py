"""Answers over a resource grid as tables and sentences for the terminal."""

from __future__ import annotations

import math

from rich.text import Text

from mimolearn.link.grid_scenario import GridScenario
from mimolearn.report.answers import Answers
from mimolearn.report.goodput_answers import GoodputAnswers
from mimolearn.report.links import link_words
from mimolearn.report.numbers import format_names, format_us
from mimolearn.report.text.coded import table_of
from mimolearn.report.text.fitted import Column, FittedTable
from mimolearn.report.text.sentences import UNSURE_MARK, bound_notes, unsure_words
from mimolearn.report.text.tables import over_snr, rate_cell
from mimolearn.results.goodput import Goodput
from mimolearn.results.point import Point


def slot_table(answers: Answers) -> FittedTable | None:
    """What every receiver does at the middle SNR; None without a resource grid."""
    return table_of(slot_rows(answers))


def slot_rows(answers: Answers) -> list[list[str]]:
    """Headings, then one row a receiver at the middle SNR; empty without a resource grid.

    Raw bit errors, GMI, the error of the estimated channels as it is and as it is claimed, decoder
    iterations, and goodput.
    """
    comparison = answers.comparison
    link = comparison.scenario
    if not isinstance(link, GridScenario):
        return []
    snr_db = comparison.plan.snr_db[len(comparison.plan.snr_db) // 2]
    coded = ["iterations", "bit/slot", "bit/s/Hz"] if link.has_blocks else []
    gmi = ["GMI/bit"] if link.has_blocks else []
    rows = [[f"at {snr_db:g} dB", "raw BER", *gmi, "error [dB]", "claimed [dB]", *coded]]
    for curve in comparison.curves:
        point = curve.at(snr_db)
        if point is not None:
            rows.append([curve.label, *_slot_cells(link, point)])
    return rows


def _slot_cells(link: GridScenario, point: Point) -> list[str]:
    counts = point.counts
    measured, claimed = counts.estimate_errors()
    cells = [f"{point.rate('ber'):.2e}", decibels(measured), decibels(claimed)]
    if not link.has_blocks:
        return cells
    runs = counts.decoder_iterations / counts.decoder_runs if counts.decoder_runs else 0.0
    good = link.slot_code.info_bits * point.delivered_share()
    rate = good / (link.slot_duration_s * link.bandwidth_hz)
    return [cells[0], f"{point.gmi():.4f}", *cells[1:], f"{runs:.1f}", f"{good:.0f}", f"{rate:.2f}"]


def decibels(ratio: float) -> str:
    """A power ratio in dB; a channel that is known has no error.

    >>> decibels(0.01), decibels(0.0)
    ('-20.0', 'none')
    """
    return f"{10 * math.log10(ratio):.1f}" if ratio > 0 else "none"


def goodput_table(answers: GoodputAnswers) -> FittedTable:
    """Most goodput of every receiver at every SNR, with the MCS in brackets."""
    study = answers.study
    table = over_snr("bit/slot (MCS) at SNR [dB]", study.snr_db)
    for label, line in answers.envelopes.items():
        cells = {one.snr_db: _good(one) for one in line}
        table.add_row(label, *(cells.get(snr, "") for snr in study.snr_db))
    table.caption = f"1000 bit/slot are {1000 * hz_of(answers):.3g} bit/s/Hz."
    return table


def hz_of(answers: GoodputAnswers) -> float:
    """What a bit a slot is in bit/s/Hz."""
    return 1 / (answers.link.slot_duration_s * answers.link.bandwidth_hz)


def block_table(answers: GoodputAnswers) -> FittedTable:
    """The plan's error rate of every receiver with every MCS at every SNR."""
    study = answers.study
    metric = answers.answers[0].metric.upper()
    table = FittedTable(
        Column(f"{metric} at SNR [dB]", "name"),
        Column("MCS", "name"),
        *(Column(f"{snr:g}") for snr in study.snr_db),
    )
    for label in study.labels:
        for each, link in zip(answers.answers, study.scenarios, strict=True):
            scheme = link.mcs
            cells = {rate.snr_db: rate_cell(rate) for rate in each.rates[label]}
            row = "" if scheme is None else str(scheme.index)
            table.add_row(label, row, *(cells.get(snr, Text("")) for snr in study.snr_db))
    return table


def time_table(answers: GoodputAnswers) -> FittedTable | None:
    """Goodput at the middle SNR, and where the time of a slot goes; None without times."""
    if not answers.times:
        return None
    table = FittedTable(
        Column(f"at {answers.middle_db:g} dB", "name"),
        Column("bit/slot (MCS)"),
        Column("bit/s/Hz"),
        Column("time/slot"),
        Column("estimate", rank=1),
        Column("detect", rank=1),
        Column("decode", rank=1),
    )
    for label, one in answers.middle.items():
        table.add_row(
            Text(label, style="bold" if label in answers.frontier else ""),
            _good(one),
            f"{one.bits_per_s_hz:.2f}",
            format_us(one.slot_us or None),
            *(format_us(part) if one.slot_us else "–" for part in one.parts_us),
        )
    return table


def goodput_notes(answers: GoodputAnswers) -> list[str]:
    """How to read the tables, and what the link is."""
    lines = []
    if answers.frontier:
        lines.append(
            "Bold: on the frontier, no faster receiver has as much goodput "
            f"(95 % intervals at {answers.middle_db:g} dB)."
        )
    if any(each.has_unsure for each in answers.answers):
        metric = answers.answers[0].metric
        lines.append(f"{UNSURE_MARK}: {unsure_words(metric, 'slot')}.")
    lines += bound_notes(answers.study.comparisons[0].bounds)
    return [*lines, link_words(answers.link, answers.mcs)]


def goodput_verdict(answers: GoodputAnswers) -> list[str]:
    """Who carries most at the middle SNR, who comes next, and who keeps the budget of time."""
    known = [one for one in answers.middle.values() if one.label in answers.study.receivers]
    if not known:
        return [f"Nothing was simulated at {answers.middle_db:g} dB."]
    best = known[0]
    lines = [f"At {answers.middle_db:g} dB {best.label} carries most: {_words(best)}{_at(best)}."]
    tied = [one.label for one in known[1:] if one.interval.high >= best.interval.low]
    if tied:
        lines.append(f"{format_names(tied)} cannot be told from it at this many slots.")
    behind = [one for one in known[1:] if one.label not in tied]
    if behind:
        share = 1 - behind[0].bits_per_slot / best.bits_per_slot if best.bits_per_slot else 0.0
        lines.append(
            f"Next comes {behind[0].label} with {_words(behind[0])}{_at(behind[0])}, "
            f"{100 * share:.0f} % less."
        )
    return lines if answers.served is None else [*lines, answers.served.words()]


def _words(one: Goodput) -> str:
    scheme = "" if one.mcs is None else f" with MCS {one.mcs}"
    return f"{one.bits_per_slot:.0f} bit/slot{scheme} ({one.bits_per_s_hz:.2f} bit/s/Hz)"


def _at(one: Goodput) -> str:
    return f" at {format_us(one.slot_us)} a slot" if one.slot_us else ""


def _good(one: Goodput) -> str:
    scheme = "" if one.mcs is None else f" ({one.mcs})"
    return f"{one.bits_per_slot:.0f}{scheme}"
