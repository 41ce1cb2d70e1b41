"""Error rates of beamformers over channels: means of heavy tails, and what they may differ by."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.plans.beam_contender import BeamContender
from mimolearn.results.comparison import Provenance
from mimolearn.results.statistics import (
    ENOUGH_CLUSTERS,
    Interval,
    clustered_interval,
    effective_clusters,
)

# Below this a channel's error rate is rounding of the exact sums.
FLOOR = 1e-15


@dataclass(frozen=True)
class BeamPoint:
    """One contender at one SNR.

    Attributes:
        snr_db: in dB, of the scenario's definition.
        rates: (channels,) exact error rates, mean over streams.
    """

    snr_db: float
    rates: np.ndarray

    @property
    def mean(self) -> float:
        """Mean over channels; a few bad ones make most of it."""
        return float(self.rates.mean())

    @property
    def geometric_mean(self) -> float:
        """Geometric mean over channels, rates below 1e-15 taken as that."""
        return float(np.exp(np.log(np.maximum(self.rates, FLOOR)).mean()))

    def interval(self, confidence: float = 0.95) -> Interval:
        """Interval of the mean, 95 % by default.

        Student's t over the channels, whose upper end takes half of one more as bad as the worst
        seen: the channels that would raise the mean most are those too rare to have come up, of
        which a bootstrap would know nothing. Where few channels make the mean it is the interval of
        as many errors, each channel a cluster.

        Args:
            confidence: of the interval; default 0.95.
        """
        if self.is_unsure():
            return clustered_interval(self.rates, 1, confidence)
        from scipy.special import stdtrit  # here, because it would slow down `import mimolearn`

        count = len(self.rates)
        freedom = min(count, 2 * self.effective_channels()) - 1
        half = float(stdtrit(freedom, (1 + confidence) / 2)) * float(self.rates.std(ddof=1))
        half /= math.sqrt(count)
        unseen = float(self.rates.max()) / 2 / count
        return Interval(max(self.mean - half, 0.0), min(self.mean + half + unseen, 1.0))

    def effective_channels(self) -> float:
        """How many equally bad channels the mean is worth."""
        return effective_clusters(self.rates)

    def is_unsure(self) -> bool:
        """True when so few channels make the mean that its interval may be too narrow."""
        return self.effective_channels() < ENOUGH_CLUSTERS

    def geometric_interval(self, confidence: float = 0.95) -> Interval:
        """Interval of the geometric mean, 95 % by default, by Student's t on the logarithms.

        Args:
            confidence: of the interval; default 0.95.
        """
        from scipy.special import stdtrit  # here, because it would slow down `import mimolearn`

        logs = np.log(np.maximum(self.rates, FLOOR))
        if len(logs) < 2:
            return Interval(0.0, 1.0)
        half = (
            float(stdtrit(len(logs) - 1, (1 + confidence) / 2))
            * float(logs.std(ddof=1))
            / math.sqrt(len(logs))
        )
        middle = float(logs.mean())
        return Interval(math.exp(middle - half), min(math.exp(middle + half), 1.0))


@dataclass(frozen=True)
class BeamCurve:
    """The points of one contender, ascending in SNR.

    Attributes:
        contender: what was run.
        points: one for each SNR.
        parameters: learned numbers.
        design_ms: time of a design in a batch, in milliseconds a channel on one thread; None where
            not measured.
    """

    contender: BeamContender
    points: tuple[BeamPoint, ...]
    parameters: int
    design_ms: float | None = None

    @property
    def label(self) -> str:
        """Its name in tables and plots."""
        return self.contender.label

    def at(self, snr_db: float) -> BeamPoint:
        """The point at an SNR that was run.

        Args:
            snr_db: in dB.
        """
        return next(point for point in self.points if point.snr_db == snr_db)


@dataclass(frozen=True)
class BeamComparison:
    """All contenders on the same channels.

    Attributes:
        scenario: arrays, channels and constellation.
        curves: one per contender, in the plan's order.
        channels: how many were drawn.
        provenance: where and when.
    """

    scenario: BeamScenario
    curves: tuple[BeamCurve, ...]
    channels: int
    provenance: Provenance

    @property
    def snr_db(self) -> tuple[float, ...]:
        """SNRs of the run."""
        return tuple(point.snr_db for point in self.curves[0].points)

    @property
    def snr_label(self) -> str:
        """What the axis says."""
        offset = self.scenario.snr_offset_db
        words = f", {offset:+g} dB in truth" if offset else ""
        return f"Power over noise per receive antenna [dB{words}]"

    def curve(self, label: str) -> BeamCurve:
        """A contender's curve.

        Args:
            label: of the contender.
        """
        return next(curve for curve in self.curves if curve.label == label)

    def frontier(self, snr_db: float) -> tuple[str, ...]:
        """Labels that no other contender beats in both time and mean error rate.

        Args:
            snr_db: an SNR that was run, in dB.
        """
        timed = [c for c in self.curves if c.design_ms is not None]
        order = sorted(timed, key=lambda c: (c.design_ms or 0.0, c.at(snr_db).mean))
        best, labels = math.inf, []
        for curve in order:
            if curve.at(snr_db).mean < best:
                best = curve.at(snr_db).mean
                labels.append(curve.label)
        return tuple(labels)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "scenario": self.scenario.model_dump(mode="json"),
            "channels": self.channels,
            "curves": [_plain(curve) for curve in self.curves],
            "provenance": asdict(self.provenance),
        }

    def to_json(self) -> str:
        """The same as text."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)


def _plain(curve: BeamCurve) -> dict[str, Any]:
    return {
        "label": curve.label,
        "name": curve.contender.name,
        "options": dict(curve.contender.options),
        "parameters": curve.parameters,
        "design_ms": curve.design_ms,
        "points": [
            {
                "snr_db": point.snr_db,
                "ser": point.mean,
                "interval": list(point.interval()),
                "effective_channels": point.effective_channels(),
                "is_unsure": point.is_unsure(),
                "geometric_ser": point.geometric_mean,
                "geometric_interval": list(point.geometric_interval()),
            }
            for point in curve.points
        ],
    }
