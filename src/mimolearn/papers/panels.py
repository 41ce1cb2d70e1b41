"""The panels of a figure as data: what is run, on which axis, with how much effort."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

from mimolearn.link.scenario import Scenario
from mimolearn.papers.beam_panel import BeamPanel
from mimolearn.papers.contenders import PerScenario
from mimolearn.papers.effort import Effort
from mimolearn.papers.files.contenders import Competitor
from mimolearn.papers.verdict import Measured
from mimolearn.plans.plan import AnyScenario, Metric
from mimolearn.snr import snr_label
from mimolearn.studies import Contender

BudgetName = Literal["quick", "default", "full"]


_CHANNELS = Effort(256, 2_048, 16_384)
_ONE = Effort(1, 1, 1)
_VECTORS = Effort(1_000, 60_000, 1_000_000)
_MIN_ERRORS = Effort(60, 150, 600)


def budgets() -> tuple[str, ...]:
    """Names of the budgets."""
    return get_args(BudgetName)


@dataclass(frozen=True)
class ErrorRatePanel:
    """Error rates over SNR, counted by the simulation engine.

    Attributes:
        name: of the panel within its figure.
        title: above the plot.
        scenario: the link.
        contenders: what competes.
        snr_db: SNRs in dB, of the scenario's definition.
        quick_snr_db: those of a quick run.
        metric: the error rate that is drawn.
        target: the rate at which receivers are compared.
        vectors: the most at a point.
        min_errors: errors that finish a point before.
        min_channels: channels that a point takes at least.
        from_snr_db: the SNR in dB below which a receiver is too slow to run, by its label.
        timed: measure how long each receiver takes.
    """

    name: str
    title: str
    scenario: AnyScenario
    contenders: tuple[Competitor, ...]
    snr_db: tuple[float, ...]
    quick_snr_db: tuple[float, ...]
    metric: Metric = "ber"
    target: float = 1e-4
    vectors: Effort = _VECTORS
    min_errors: Effort = _MIN_ERRORS
    min_channels: int = 100
    from_snr_db: Mapping[str, float] = field(default_factory=dict)
    timed: bool = False

    def snrs(self, budget: str) -> tuple[float, ...]:
        """SNRs of a budget."""
        return self.quick_snr_db if budget == "quick" else self.snr_db


class TrainingLog(NamedTuple):
    """A curve over layers from the card of weights that were trained layer by layer.

    It shows what each depth had reached on the validation set when it was the last.

    Attributes:
        label: of the curve.
        weights: their name.
    """

    label: str
    weights: str


@dataclass(frozen=True)
class AccuracyPanel:
    """Mean squares of the estimates, before bits are decided.

    Attributes:
        name: of the panel within its figure.
        title: above the plot.
        scenarios: the links.
        contenders: what competes.
        snr_db: SNRs in dB, of the scenarios' definition.
        axis: "layer" (the iterates, one scenario and SNR), "snr" or "streams" (the last estimate;
            one scenario per number of streams) or "option" (the last estimate over ``option`` of
            the receivers that have it, one curve per receiver).
        option: of the receivers, on an axis of that kind.
        metric: "nmse" (E||x_hat - x||^2 / E||x||^2 in dB), "evm" (its root in per cent) or
            "residual" (E||H^H (y - H x_hat)||^2 / E||H^H y||^2 in dB).
        channels: how many are drawn.
        shrunk: labels of unbiased receivers that are compared in mean square and therefore shrunk
            back to the estimate of least mean square.
        logged: curves that are shown beside, without intervals.
    """

    name: str
    title: str
    scenarios: tuple[Scenario, ...]
    contenders: tuple[Competitor | PerScenario, ...]
    snr_db: tuple[float, ...]
    axis: Literal["layer", "snr", "streams", "option"] = "layer"
    option: str = ""
    metric: Literal["nmse", "evm", "residual"] = "nmse"
    channels: Effort = _CHANNELS
    shrunk: tuple[str, ...] = ()
    logged: tuple[TrainingLog, ...] = ()

    def axis_label(self) -> str:
        """What the x axis says."""
        if self.axis == "snr":
            return snr_label(self.scenarios[0].snr_definition)
        if self.axis == "option":
            return self.option.replace("num_", "number of ").replace("_", " ").capitalize()
        return {"layer": "Layers or iterations", "streams": "Users (streams)"}[self.axis]

    def axis_value(self, scenario: Scenario, snr_db: float, contender: Contender) -> float:
        """The x of a measurement; not used on a layer axis.

        Args:
            scenario: the link.
            snr_db: in dB.
            contender: what was measured.
        """
        if self.axis == "option":
            return float(contender.options.get(self.option, 0))
        return float(scenario.num_tx_ant) if self.axis == "streams" else snr_db

    def unit(self) -> str:
        """Unit of the values."""
        return "%" if self.metric == "evm" else "dB"


class TableRun(NamedTuple):
    """What a panel in Python may spend.

    Attributes:
        effort: "quick", "default" or "full".
        draws: of the panel in the file, doubled where its claims need more.
        folder: for what is worth keeping; it exists.
    """

    effort: str
    draws: int
    folder: Path


class Table(NamedTuple):
    """Counted or computed numbers.

    Attributes:
        columns: headings.
        rows: cells of each row.
        values: numbers by name, which statements read.
        note: how to read it.
        missing: why a number is not there, by its name.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    values: Mapping[str, float | Measured]
    note: str = ""
    missing: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class TablePanel:
    """A table that is counted or computed in a moment; it is made anew by every run.

    Attributes:
        name: of the panel within its figure.
        title: above the table.
        made: makes it with what may be spent.
        draws: that made may spend.
    """

    name: str
    title: str
    made: Callable[[TableRun], Table]
    draws: Effort = _ONE


@dataclass(frozen=True)
class CurvePoint:
    """A value on a curve.

    Attributes:
        x: on the axis of the panel.
        value: in the unit of the panel.
        low: lower end of the 95 % interval.
        high: upper end of the same.
        batches: the values of equal parts of the channels.
    """

    x: float
    value: float
    low: float
    high: float
    batches: tuple[float, ...] = ()


@dataclass(frozen=True)
class AccuracyCurve:
    """The curve of one receiver.

    Attributes:
        label: the receiver's.
        points: its values.
        flat: it has no iterates, so that its one value holds at every layer.
    """

    label: str
    points: tuple[CurvePoint, ...]
    flat: bool = False


@dataclass(frozen=True)
class Accuracy:
    """What an AccuracyPanel found, with the channels behind every point."""

    panel: AccuracyPanel
    curves: tuple[AccuracyCurve, ...]
    channels: int


Panel = ErrorRatePanel | AccuracyPanel | BeamPanel | TablePanel
