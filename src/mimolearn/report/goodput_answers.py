"""What a comparison over several MCS answers; terminal, plots and page are drawn from it."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

from mimolearn.link.grid_scenario import GridScenario
from mimolearn.report.answers import Answers
from mimolearn.report.style import Style, styles
from mimolearn.results.comparison import Comparison
from mimolearn.results.goodput import Budget, Goodput, GoodputStudy, Served


class SlotTime(NamedTuple):
    """Where the time of a receiver goes at one SNR, with the MCS of most goodput there.

    Attributes:
        label: the receiver's.
        parts_us: microseconds a slot of estimation, detection and decoding.
        snr_db: at which it was taken, dB.
    """

    label: str
    parts_us: tuple[float, float, float]
    snr_db: float


class GoodputAnswers:
    """The answers of a comparison over several MCS. Each is derived once.

    Args:
        study: stored results.
        budget: a time for a slot that is asked for; default None.

    Attributes:
        study: as given.
        link: the scenario with its lowest MCS.
        mcs: rows of the MCS table, ascending.
        title: the link in a few words.
        answers: of each MCS alone, ascending.
        look: how each receiver is drawn, by label.
        middle_db: the SNR at which receivers are ranked, dB.
    """

    def __init__(self, study: GoodputStudy, budget: Budget | None = None) -> None:
        self.study = study
        self.answers = tuple(Answers(comparison) for comparison in study.comparisons)
        self.link: GridScenario = study.scenarios[0]
        antennas = f"{self.link.num_tx_ant} layers on {self.link.num_rx_ant} antennas"
        self.mcs = tuple(one.mcs.index for one in study.scenarios if one.mcs is not None)
        numbers = ", ".join(map(str, self.mcs))
        self.title = f"{antennas}, MCS {numbers} over {self.link.channel.model}"
        curves = study.comparisons[0].curves
        self.look: dict[str, Style] = styles([(c.label, c.contender.name) for c in curves])
        self.middle_db = study.middle_db
        self._budget = budget

    @cached_property
    def envelopes(self) -> dict[str, list[Goodput]]:
        """The best MCS of every receiver at every SNR, by label."""
        return {label: self.study.envelope(label) for label in self.study.labels}

    @cached_property
    def middle(self) -> dict[str, Goodput]:
        """The best MCS of every receiver at the middle SNR, most goodput first."""
        best = {label: self.study.best(label, self.middle_db) for label in self.study.labels}
        known = {label: one for label, one in best.items() if one is not None}
        return dict(sorted(known.items(), key=lambda item: -item[1].bits_per_slot))

    @cached_property
    def times(self) -> dict[str, SlotTime]:
        """Where the time of a slot goes, by label; empty where times were not measured."""
        return {
            label: SlotTime(label, one.parts_us, one.snr_db)
            for label, one in self.middle.items()
            if one.slot_us > 0
        }

    @cached_property
    def frontier(self) -> tuple[str, ...]:
        """Receivers that no faster one equals in goodput at the middle SNR, fastest first.

        One that is slower has to be better by more than the intervals of both.
        """
        known = (one for one in self.middle.values() if one.label in self.study.receivers)
        timed = sorted((one for one in known if one.slot_us), key=_time)
        chosen: list[Goodput] = []
        for one in timed:
            if all(one.interval.low > other.interval.high for other in chosen):
                chosen.append(one)
        return tuple(one.label for one in chosen)

    @cached_property
    def served(self) -> Served | None:
        """Who serves within the budget; None where none is given."""
        if self._budget is None:
            return None
        return self.study.within(self._budget.budget_us, cores=self._budget.cores)


def within_budget(comparison: Comparison, budget: Budget | None) -> list[str]:
    """One sentence on who serves within a budget of time; none where no budget is given.

    Args:
        comparison: over a resource grid, with blocks and times.
        budget: a time for a slot; None.
    """
    if budget is None:
        return []
    return [GoodputStudy((comparison,)).within(budget.budget_us, cores=budget.cores).words()]


def _time(one: Goodput) -> float:
    return one.slot_us
