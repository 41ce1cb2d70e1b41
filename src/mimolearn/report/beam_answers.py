"""What a comparison of beamformers answers; terminal, plots and page are drawn from it."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

from mimolearn.report.links import repetition
from mimolearn.report.style import Style, styles
from mimolearn.results.beam_comparison import BeamComparison, BeamPoint
from mimolearn.results.statistics import Interval


class BeamRate(NamedTuple):
    """Error rates of one beamformer at one SNR, over channels.

    Attributes:
        snr_db: in dB.
        mean: over channels.
        interval: 95 %, of the mean.
        geometric_mean: over channels.
        geometric_interval: 95 %, of the geometric mean.
        is_unsure: so few channels make the mean that its interval may be too narrow.
    """

    snr_db: float
    mean: float
    interval: Interval
    geometric_mean: float
    geometric_interval: Interval
    is_unsure: bool


class BeamRow(NamedTuple):
    """What is known of one beamformer.

    Attributes:
        label: its name.
        rates: one for each SNR, ascending.
        design_ms: time of a design in milliseconds a channel; None where not measured.
        parameters: learned numbers.
        on_frontier: no other is better in both time and mean error rate, at the middle SNR.
    """

    label: str
    rates: tuple[BeamRate, ...]
    design_ms: float | None
    parameters: int
    on_frontier: bool


class BeamAnswers:
    """The answers of a comparison of beamformers. Each is derived once.

    Args:
        comparison: stored results.

    Attributes:
        comparison: as given.
        title: the link in a few words.
        look: how each beamformer is drawn, by label.
        middle: position of the SNR at which they are ranked.
        middle_db: that SNR in dB.
        frontier: labels that no other beats in both time and mean error rate there, fastest first.
    """

    def __init__(self, comparison: BeamComparison) -> None:
        self.comparison = comparison
        link, array = comparison.scenario, comparison.scenario.array
        size = f"{array.num_tx_ant} antennas and {array.num_tx_chains} chains"
        users = f"to {array.num_users} users"
        link_words = f"{link.constellation.upper()} over {link.channel.model}{repetition(link)}"
        self.title = f"{size} {users}, {link_words}"
        self.look: dict[str, Style] = styles(
            [(curve.label, curve.contender.name) for curve in comparison.curves]
        )
        self.middle = len(comparison.snr_db) // 2
        self.middle_db = comparison.snr_db[self.middle]
        self.frontier = comparison.frontier(self.middle_db)

    @cached_property
    def rows(self) -> tuple[BeamRow, ...]:
        """One row per beamformer, in the plan's order."""
        return tuple(
            BeamRow(
                curve.label,
                tuple(_rate(point) for point in curve.points),
                curve.design_ms,
                curve.parameters,
                curve.label in self.frontier,
            )
            for curve in self.comparison.curves
        )

    @property
    def has_unsure(self) -> bool:
        """Whether a mean is drawn as unsure."""
        return any(rate.is_unsure for row in self.rows for rate in row.rates)


def _rate(point: BeamPoint) -> BeamRate:
    return BeamRate(
        point.snr_db,
        point.mean,
        point.interval(),
        point.geometric_mean,
        point.geometric_interval(),
        point.is_unsure(),
    )
