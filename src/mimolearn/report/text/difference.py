"""What differs between two comparisons, as tables and sentences."""

from __future__ import annotations

from mimolearn.report.numbers import format_us
from mimolearn.report.text.fitted import Column, FittedTable
from mimolearn.results.beam_comparison import BeamComparison
from mimolearn.results.comparison import Comparison
from mimolearn.results.crossings import SnrGap
from mimolearn.results.difference import CurveDifference, Difference

_AnyComparison = Comparison | BeamComparison


def difference_table(difference: Difference) -> FittedTable:
    """One line for each pair of contenders and SNR: both rates, what lies between, the verdict."""
    rate = difference.metric.upper()
    table = FittedTable(
        Column(_contender(difference), "name"),
        Column("SNR [dB]"),
        Column(f"{rate} of A"),
        Column(f"{rate} of B"),
        Column("A - B [95 %]", rank=1),
        Column("verdict", "words"),
    )
    for curve in difference.curves:
        for point in curve.points:
            table.add_row(
                _labels(curve),
                f"{point.snr_db:g}",
                f"{point.rate_a:.2e}",
                f"{point.rate_b:.2e}",
                f"{point.difference:.1e} [{point.low:.1e}, {point.high:.1e}]",
                point.verdict,
            )
    return table


def gap_table(difference: Difference) -> FittedTable:
    """One line for each pair of contenders: dB between them at the target, and both times."""
    unit = _unit(difference)
    table = FittedTable(
        Column(_contender(difference), "name"),
        Column(f"B needs more for {difference.metric.upper()} {difference.target:g} [95 %]"),
        Column(f"time/{unit} of A"),
        Column(f"time/{unit} of B"),
    )
    for curve in difference.curves:
        table.add_row(
            _labels(curve),
            _gap(curve.gap),
            format_us(curve.time_a_us),
            format_us(curve.time_b_us),
        )
    return table


def difference_notes(difference: Difference) -> list[str]:
    """What was compared with what, and how."""
    lines = [
        f"{name}: {_origin(comparison, other)}."
        for name, comparison, other in (
            ("A", difference.a, difference.b),
            ("B", difference.b, difference.a),
        )
    ]
    if difference.paired:
        lines.append("The same link and the same draws: channels are compared one by one.")
    else:
        changes = ", ".join(difference.link_changes()) or "fields of another version"
        lines.append(
            f"The links differ in {changes}, so that their draws do: the intervals of both are "
            "joined."
        )
    for name, labels in (("A", difference.only_a), ("B", difference.only_b)):
        if labels:
            lines.append(f"Of {name} not compared: {', '.join(labels)}.")
    return lines


def difference_verdict(difference: Difference) -> str:
    """All points in one sentence."""
    counts = difference.counts
    total = sum(counts.values())
    points = "1 point" if total == 1 else f"{total} points"
    if set(counts) == {"identical"}:
        numbers = "rates" if difference.of_beams else "integers"
        alike = f"All {points} identical: the same {numbers}."
        return alike if total > 1 else "1 point, identical."
    words = ", ".join(f"{count} {_SAID[verdict]}" for verdict, count in counts.items())
    chance = ""
    if difference.differs:
        chance = f" By chance alone about {0.05 * total:.2g} of {total} would be told apart."
    return f"{points}: {words}.{chance}"


_SAID = {
    "identical": "identical",
    "same": "the same where both counted",
    "a better": "better in A",
    "b better": "better in B",
    "not told apart": "not told apart",
}


def _contender(difference: Difference) -> str:
    return "beamformer" if difference.of_beams else "receiver"


def _labels(curve: CurveDifference) -> str:
    return curve.a if curve.a == curve.b else f"{curve.a} against {curve.b}"


def _gap(gap: SnrGap) -> str:
    if gap.value_db is None or gap.low_db is None or gap.high_db is None:
        return "–"
    return f"{gap.value_db:.2f} dB [{gap.low_db:.2f}, {gap.high_db:.2f}]"


def _unit(difference: Difference) -> str:
    """Return what a time is for."""
    a, b = difference.a, difference.b
    if isinstance(a, BeamComparison) or isinstance(b, BeamComparison):
        return "design"
    timings = [*a.timings.values(), *b.timings.values()]
    return "slot" if any(timing.slot_us for timing in timings) else "vector"


def _origin(comparison: _AnyComparison, other: _AnyComparison) -> str:
    """Where and when a comparison was simulated; of its versions, those that differ."""
    here, there = comparison.provenance, other.provenance
    versions = [
        f"{name} {version}"
        for name, version in here.versions.items()
        if name == "mimolearn" or there.versions.get(name) != version
    ]
    return ", ".join(filter(None, [*versions, here.machine, here.date]))
