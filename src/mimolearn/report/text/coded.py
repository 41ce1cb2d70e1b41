"""What stands behind block errors: retransmissions, and how true soft bits are."""

from __future__ import annotations

from mimolearn.link.grid_scenario import GridScenario
from mimolearn.report.answers import Answers
from mimolearn.report.text.fitted import Column, FittedTable
from mimolearn.results.point import Point

# Claimed probabilities that are wrong by less, in the mean, are nothing to speak of.
_CALIBRATED = 0.005


def table_of(rows: list[list[str]]) -> FittedTable | None:
    """Headings, then rows, as a table; None without any."""
    if not rows:
        return None
    first, *others = rows[0]
    table = FittedTable(Column(first, "name"), *map(Column, others))
    for row in rows[1:]:
        table.add_row(*row)
    return table


def harq_table(answers: Answers) -> FittedTable | None:
    """``harq_rows`` for the terminal; None on a link without retransmissions."""
    return table_of(harq_rows(answers))


def harq_rows(answers: Answers) -> list[list[str]]:
    """Headings, then one row a receiver and SNR; empty without retransmissions.

    Block error rate after each transmission, transmissions a block, goodput, and what a quantiser
    keeps of the first transmission.
    """
    link = answers.comparison.scenario
    if link.harq is None:
        return []
    unit = "bit/slot" if isinstance(link, GridScenario) else "bit/use"
    numbers = range(1, link.harq.transmissions + 1)
    after = [f"BLER after {number}" for number in numbers]
    every = [(c.label, p) for c in answers.comparison.curves for p in c.points]
    keeps = any(point.counts.stored_bits for _, point in every)
    kept = ["kept [bit/vector]"] if keeps else []
    rows = [["receiver", "SNR [dB]", *after, "transmissions", f"goodput [{unit}]", *kept]]
    for label, point in every:
        rates = [f"{rate:.2e}" if rate else "0" for rate in point.rates_after()]
        cells = [f"{point.mean_transmissions():.2f}", _goodput(answers, point)]
        if keeps:
            stored = point.stored_bits()
            cells.append(f"{stored:.1f}" if stored else "all")
        rows.append([label, f"{point.snr_db:g}", *rates, *cells])
    return rows


def _goodput(answers: Answers, point: Point) -> str:
    link, counts = answers.comparison.scenario, point.counts
    # Over a grid a cluster is a slot, elsewhere uses of the channel are counted.
    units = counts.channels if isinstance(link, GridScenario) else counts.vectors
    bits = counts.info_bits / units * point.delivered_share()
    return f"{bits:.0f}" if bits >= 100 else f"{bits:.2f}"


def harq_notes(answers: Answers) -> list[str]:
    """How to read ``harq_table``."""
    link = answers.comparison.scenario
    if link.harq is None:
        return []
    lines = [
        f"HARQ: {link.harq.words()}. Bit errors and GMI are those of the first transmission; "
        "goodput counts the information bits of right blocks over all transmissions."
    ]
    if any(c.quantizer for c in answers.comparison.plan.contenders):
        lines.append("kept: entropy of what a quantiser keeps of the first transmission.")
    return lines


def reliability_points(answers: Answers) -> dict[str, Point]:
    """The point at the middle SNR of every receiver whose soft bits were counted."""
    plan = answers.comparison.plan
    snr_db = plan.snr_db[len(plan.snr_db) // 2]
    points = {curve.label: curve.at(snr_db) for curve in answers.comparison.curves}
    return {label: p for label, p in points.items() if p is not None and p.reliability()}


def calibration_rows(answers: Answers) -> list[list[str]]:
    """Headings, then the calibration error of every receiver at every SNR; empty if not counted."""
    comparison = answers.comparison
    snr_db = comparison.plan.snr_db
    rows = [["calibration error at SNR [dB]", *(f"{snr:g}" for snr in snr_db)]]
    for curve in comparison.curves:
        points = [curve.at(snr) for snr in snr_db]
        errors = [None if point is None else point.calibration_error() for point in points]
        if any(error is not None for error in errors):
            rows.append([curve.label, *("" if e is None else f"{e:.4f}" for e in errors)])
    return rows if len(rows) > 1 else []


def calibration_notes(answers: Answers) -> list[str]:
    """Whose soft bits at the middle SNR are not true, and in which direction."""
    lines = []
    for label, point in reliability_points(answers).items():
        error, bins = point.calibration_error(), point.reliability()
        if error is None or error < _CALIBRATED:
            continue
        claimed = sum(b.claimed * b.bits for b in bins)
        wrong = sum(b.errors or 0.0 for b in bins)
        say = "sure of too much" if wrong > claimed else "too doubtful"
        lines.append(
            f"{label}: its soft bits are {say} at {point.snr_db:g} dB (claimed and counted error "
            f"probability are {error:.3f} apart in the mean); llr_scale mends a constant factor."
        )
    return lines
