"""The answer card: which receiver to run, and its numbers, each once."""

from __future__ import annotations

from typing import NamedTuple

from mimolearn.link.grid_scenario import GridScenario
from mimolearn.report.answers import Answers, Row
from mimolearn.report.goodput_answers import GoodputAnswers
from mimolearn.report.numbers import format_us
from mimolearn.results.costs import Timing
from mimolearn.results.goodput import Goodput


class Fact(NamedTuple):
    """One number of the card.

    Attributes:
        name: what it is.
        value: the number with its unit.
        more: its interval, or what it stands on.
    """

    name: str
    value: str
    more: str = ""


class Card(NamedTuple):
    """The answer of a page.

    Attributes:
        verb: what is said of the receiver, "Run" or "Carries most".
        label: the receiver.
        facts: its numbers.
    """

    verb: str
    label: str
    facts: tuple[Fact, ...]


def answer_card(answers: Answers) -> Card | None:
    """The receiver to run at the target, with its numbers; None when none reaches the target."""
    row = answers.recommended
    if row is None or row.required.value_db is None:
        return None
    needed = row.required
    interval = ""
    if needed.low_db is not None and needed.high_db is not None:
        interval = f"95 % interval {needed.low_db:.2f} to {needed.high_db:.2f} dB"
    first = Fact(f"SNR for {answers.goal}", f"{needed.value_db:.2f} dB", interval)
    facts = [first, *_gained(answers, row), *_times(answers, row), *_gmi(answers, row)]
    return Card("Run", row.label, tuple(facts))


def goodput_card(answers: GoodputAnswers) -> Card | None:
    """The receiver with most goodput at the middle SNR; None where nothing was simulated there."""
    known = [one for one in answers.middle.values() if one.label in answers.study.receivers]
    if not known:
        return None
    best = known[0]
    scheme = "" if best.mcs is None else f"MCS {best.mcs}, "
    words = f"{scheme}{best.bits_per_s_hz:.2f} bit/s/Hz, block error rate {best.bler:.2g}"
    carried = Fact(
        f"Goodput at {answers.middle_db:g} dB", f"{best.bits_per_slot:.0f} bit/slot", words
    )
    facts = [carried, *_carried_more(known, best)]
    if best.slot_us:
        facts += _slot_facts(best.parts_us, answers.link)
    return Card("Carries most", best.label, tuple(facts))


def _gained(answers: Answers, row: Row) -> list[Fact]:
    """How many dB less than the cheapest receiver."""
    cheapest = answers.cheapest
    if cheapest is None:
        return []
    if cheapest == row.label:
        return [Fact("Cost", "the cheapest", "of all receivers here")]
    name = f"Gained over {cheapest}, the cheapest"
    gap = answers.gap(row.label, cheapest)
    if gap.value_db is None:
        return [Fact(name, "–", f"{cheapest}: {answers.required[cheapest].note or 'not known'}")]
    interval = ""
    if gap.low_db is not None and gap.high_db is not None:
        interval = f"paired 95 % interval {gap.low_db:.2f} to {gap.high_db:.2f} dB"
    return [Fact(name, f"{gap.value_db:.2f} dB", interval)]


def _times(answers: Answers, row: Row) -> list[Fact]:
    timing = answers.comparison.timings.get(row.label)
    if timing is None:
        return []
    link = answers.comparison.scenario
    if isinstance(link, GridScenario):
        return _slot_facts(timing.slot_parts_us, link)
    return [
        Fact("Detection", f"{format_us(row.time_us)} a vector", _detection_words(timing, answers))
    ]


def _detection_words(timing: Timing, answers: Answers) -> str:
    link = answers.comparison.scenario
    if isinstance(link, GridScenario) or not link.has_blocks:
        return f"{format_us(timing.latency_us)} for a vector alone"
    uses = link.uses_per_block
    block = format_us(uses * timing.vector_us)
    return f"{block} a block of {uses} vectors; the decoder is apart and not timed"


def _slot_facts(parts_us: tuple[float, float, float], link: GridScenario) -> list[Fact]:
    """The times of a slot, that of the decoder apart."""
    estimate, detect, decode = parts_us
    elements = link.link.grid.num_data
    words = f"estimation {format_us(estimate)}, detection {format_us(detect)}"
    facts = [
        Fact(
            "Estimation and detection",
            f"{format_us(estimate + detect)} a slot",
            f"{words}: {format_us(detect / elements)} a vector",
        )
    ]
    if link.has_blocks:
        facts.append(Fact("Decoder, apart", f"{format_us(decode)} a slot"))
    return facts


def _gmi(answers: Answers, row: Row) -> list[Fact]:
    """GMI of the soft bits at the SNR nearest to the one needed, on a coded link."""
    comparison = answers.comparison
    if not comparison.scenario.has_blocks or row.required.value_db is None:
        return []
    wanted = row.required.value_db
    points = comparison.curve(row.label).points
    nearest = min(points, key=lambda point: abs(point.snr_db - wanted))
    return [Fact("GMI of its soft bits", f"{nearest.gmi():.3f} a bit", f"at {nearest.snr_db:g} dB")]


def _carried_more(known: list[Goodput], best: Goodput) -> list[Fact]:
    timed = [one for one in known if one.slot_us]
    if not timed or not best.slot_us:
        return []
    cheapest = min(timed, key=lambda one: one.slot_us)
    if cheapest.label == best.label:
        return [Fact("Cost", "the cheapest", "of all receivers here")]
    if not cheapest.bits_per_slot:
        return [Fact(f"Gained over {cheapest.label}, the cheapest", "–", "which carries nothing")]
    share = 100 * (best.bits_per_slot / cheapest.bits_per_slot - 1)
    name = f"Gained over {cheapest.label}, the cheapest"
    return [Fact(name, f"{share:.0f} %", f"{cheapest.bits_per_slot:.0f} bit/slot")]
