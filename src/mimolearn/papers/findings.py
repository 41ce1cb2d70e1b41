"""What an experiment measured, as statements ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import stdev

from scipy.special import stdtrit

from mimolearn.papers.panels import Accuracy, CurvePoint, Table
from mimolearn.papers.verdict import Measured, NotMeasuredError
from mimolearn.studies import BeamComparison, Comparison, Curve, SnrEstimate, SnrGap

_FEW_BATCHES = 4

Finding = Comparison | BeamComparison | Accuracy | Table


@dataclass(frozen=True)
class Findings:
    """What the panels of an experiment have given.

    Every method raises NotMeasuredError, with the reason, for a number that is not there. Its
    ``panel`` is the name of a panel, its labels are those of receivers.

    Attributes:
        panels: by name of the panel.
        missing: by panel, why a receiver could not compete, by its label.
    """

    panels: Mapping[str, Finding]
    missing: Mapping[str, Mapping[str, str]]

    def snr(self, panel: str, label: str, target: float | None = None) -> Measured:
        """SNR that a receiver needs for an error rate."""
        comparison = self._comparison(panel)
        self._curve(panel, comparison, label)
        return _measured(comparison.required_snr(label, target), label)

    def gap(self, panel: str, worse: str, better: str, target: float | None = None) -> Measured:
        """How many dB more the first needs than the second, from their common draws."""
        comparison = self._comparison(panel)
        for label in (worse, better):
            self._curve(panel, comparison, label)
        return _measured(comparison.gap(better, worse, target), f"{worse} to {better}")

    def rate(self, panel: str, label: str, snr_db: float) -> Measured:
        """Error rate at an SNR."""
        comparison = self._comparison(panel)
        point = self._curve(panel, comparison, label).at(snr_db)
        if point is None:
            raise NotMeasuredError(f"{label} was not simulated at {snr_db:g} dB in this run")
        metric = comparison.plan.metric
        return Measured(point.rate(metric), *point.interval(metric))

    def unlike(self, panel: str, label: str, other: str, snr_db: float) -> Measured:
        """Vectors that one of two receivers got wrong and the other did not."""
        for name in (label, other):
            self.rate(panel, name, snr_db)
        paired = self._comparison(panel).paired(label, other, snr_db)
        return Measured.exact(float(paired.only_a + paired.only_b), "vectors")

    def level(self, panel: str, label: str, x: float | None = None) -> Measured:
        """A mean square at an x of the axis; the last one where none is given."""
        point = self._point(panel, label, x)
        return Measured(point.value, point.low, point.high, self._accuracy(panel).panel.unit())

    def difference(
        self,
        panel: str,
        first: tuple[str, float | None],
        second: tuple[str, float | None],
    ) -> Measured:
        """Mean square of one receiver less that of another, each given as (label, x).

        Both saw the same channels, so that their difference is known better than either.
        """
        a, b = (self._point(panel, *end) for end in (first, second))
        unit = self._accuracy(panel).panel.unit()
        value = a.value - b.value
        if len(a.batches) < _FEW_BATCHES or len(a.batches) != len(b.batches):
            apart = Measured(a.value, a.low, a.high).minus(Measured(b.value, b.low, b.high))
            return apart._replace(unit=unit)
        spread = [x - y for x, y in zip(a.batches, b.batches, strict=True)]
        half = float(stdtrit(len(spread) - 1, 0.975)) * stdev(spread) / len(spread) ** 0.5
        return Measured(value, value - half, value + half, unit)

    def value(self, panel: str, name: str, unit: str = "") -> Measured:
        """A counted or computed number of a table."""
        table = self.panels[panel]
        assert isinstance(table, Table), panel
        if name not in table.values:
            raise NotMeasuredError(table.missing.get(name, f"{name} was not computed in this run"))
        return Measured.exact(table.values[name], unit)

    def beam_rate(
        self, panel: str, label: str, snr_db: float, *, geometric: bool = False
    ) -> Measured:
        """A beamformer's error rate, mean or geometric mean over channels."""
        point = self._beams(panel, label, snr_db).curve(label).at(snr_db)
        if geometric:
            return Measured(point.geometric_mean, *point.geometric_interval())
        return Measured(point.mean, *point.interval())

    def beam_ratio(self, panel: str, over: str, under: str, snr_db: float) -> Measured:
        """Mean error rate of one beamformer over that of another, from their common channels."""
        self._beams(panel, under, snr_db)
        value, interval = self._beams(panel, over, snr_db).ratio(over, under, snr_db)
        return Measured(value, *interval)

    def _beams(self, panel: str, label: str, snr_db: float) -> BeamComparison:
        comparison = self.panels[panel]
        assert isinstance(comparison, BeamComparison), panel
        if label not in {curve.label for curve in comparison.curves}:
            raise NotMeasuredError(self._why(panel, label))
        if snr_db not in comparison.snr_db:
            raise NotMeasuredError(f"{label} was not run at {snr_db:g} dB in this run")
        return comparison

    def _point(self, panel: str, label: str, x: float | None) -> CurvePoint:
        curve = next((c for c in self._accuracy(panel).curves if c.label == label), None)
        if curve is None:
            raise NotMeasuredError(self._why(panel, label))
        if curve.flat or x is None:
            return curve.points[-1]
        point = next((p for p in curve.points if p.x == x), None)
        if point is None:
            raise NotMeasuredError(f"{label} has no value at {x:g} in this run")
        return point

    def _comparison(self, panel: str) -> Comparison:
        comparison = self.panels[panel]
        assert isinstance(comparison, Comparison), panel
        return comparison

    def _accuracy(self, panel: str) -> Accuracy:
        accuracy = self.panels[panel]
        assert isinstance(accuracy, Accuracy), panel
        return accuracy

    def _curve(self, panel: str, comparison: Comparison, label: str) -> Curve:
        for curve in comparison.curves:
            if curve.label == label:
                return curve
        raise NotMeasuredError(self._why(panel, label))

    def _why(self, panel: str, label: str) -> str:
        return self.missing.get(panel, {}).get(label, f"{label} was not measured in this run")


def _measured(estimate: SnrEstimate | SnrGap, what: str) -> Measured:
    if estimate.value_db is None or estimate.low_db is None or estimate.high_db is None:
        raise NotMeasuredError(f"{what}: {estimate.note or 'no crossing in this run'}")
    return Measured(estimate.value_db, estimate.low_db, estimate.high_db, "dB")
