"""The tables of a paper's file: the paper, its networks, its figures and their panels."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from mimolearn.foundation.errors import InvalidInputError, invalid
from mimolearn.foundation.plainmodel import Count, PlainModel, Real
from mimolearn.papers.files.quantities import Claim, Label, Rate
from mimolearn.plans.plan import Metric, parse_snr_db

ContenderTable = str | dict[str, Any]
Effort = Annotated[Count, Field(le=10**10)]


class EffortTable(PlainModel):
    """How much each effort may spend on a point.

    Attributes:
        quick: for a look.
        default: for verdicts.
        full: for a publication.
    """

    quick: Effort
    default: Effort
    full: Effort

    @model_validator(mode="after")
    def _ascending(self) -> EffortTable:
        if not self.quick <= self.default <= self.full:
            got = [self.quick, self.default, self.full]
            raise invalid("default", got, "numbers that do not fall from quick to full")
        return self


class _Panel(PlainModel):
    """What every panel has.

    Attributes:
        name: unique in the figure.
        title: above the plot or table.
    """

    name: Label
    title: str


class _Measured(_Panel):
    """A panel that is measured at SNRs.

    Attributes:
        snr_db: SNRs in dB, of the scenario's definition.
        contenders: in the contender grammar, or tables with ``name``; a name may be one of
            ``[network]``. A table with ``make = "package.module:function"`` is made by it.
    """

    snr_db: tuple[float, ...]
    contenders: Annotated[tuple[ContenderTable, ...], Field(min_length=1)]

    @field_validator("snr_db", "quick_snr_db", mode="before", check_fields=False)
    @classmethod
    def _read_snr_db(cls, value: object) -> tuple[float, ...]:
        return () if value == () else parse_snr_db(value)


class RatesTable(_Measured):
    """Error rates over SNR, counted; coded links and grids too.

    Attributes:
        kind: "rates".
        scenario: a name of ``[scenario]``, or of one that ships.
        quick_snr_db: SNRs of a quick run; all by default.
        metric: the error rate that is drawn and that claims mean by default.
        target: the rate at which claims compare by default.
        vectors: the most at a point.
        blocks: the same in coded blocks, in place of vectors.
        min_errors: errors that finish a point before.
        min_channels: channels that a point takes at least.
        from_snr_db: the SNR in dB below which a receiver is too slow to run, by label.
        timed: measure how long each receiver takes, for ``time``.
    """

    kind: Literal["rates"]
    scenario: str
    quick_snr_db: tuple[float, ...] = ()
    metric: Metric = "ber"
    target: Rate = 1e-4
    vectors: EffortTable = EffortTable(quick=1_000, default=60_000, full=1_000_000)
    blocks: EffortTable | None = None
    min_errors: EffortTable = EffortTable(quick=60, default=150, full=600)
    min_channels: Count = 100
    from_snr_db: dict[str, Real] = Field(default_factory=dict)
    timed: bool = False


class AccuracyTable(_Measured):
    """Mean squares of estimates, before bits are decided.

    Attributes:
        kind: "accuracy".
        scenario: one name, or a list of them.
        axis: "layer" (the iterates, of one scenario and SNR), "snr" or "streams" (the last
            estimate) or "option" (the last estimate over ``option`` of the receivers that have it).
            A contender that differs from scenario to scenario is a table with ``label`` and
            ``each_scenario``, a list of contenders.
        option: of the receivers, on an axis of that kind.
        metric: "nmse" [dB], "evm" [%] or "residual" [dB].
        channels: how many are drawn.
        shrunk: labels of unbiased receivers that are compared in mean square.
        logged: weights trained layer by layer whose log is shown, by label.
    """

    kind: Literal["accuracy"]
    scenario: str | tuple[str, ...]
    axis: Literal["layer", "snr", "streams", "option"] = "layer"
    option: str = ""
    metric: Literal["nmse", "evm", "residual"] = "nmse"
    channels: EffortTable = EffortTable(quick=256, default=2_048, full=16_384)
    shrunk: tuple[Label, ...] = ()
    logged: dict[str, str] = Field(default_factory=dict)

    @property
    def scenarios(self) -> tuple[str, ...]:
        """All names."""
        return (self.scenario,) if isinstance(self.scenario, str) else self.scenario

    @model_validator(mode="after")
    def _axis_fits(self) -> AccuracyTable:
        if bool(self.option) != (self.axis == "option"):
            raise invalid("option", self.option, "an option's name where axis is 'option', alone")
        return self


class BeamsTable(_Measured):
    """Exact error rates of beamformers over SNR, on common channels.

    Attributes:
        kind: "beams".
        scenario: a name of ``[scenario]``, or of a beam scenario that ships.
        quick_snr_db: SNRs of a quick run; all by default.
        channels: how many are drawn.
    """

    kind: Literal["beams"]
    scenario: str
    quick_snr_db: tuple[float, ...] = ()
    channels: EffortTable = EffortTable(quick=64, default=128, full=2_048)


class PythonTable(_Panel):
    """A table that a Python function makes, for what verbs cannot say.

    Attributes:
        kind: "python".
        function: "package.module:name" of a function with ``@python_panel``.
        draws: what the function may spend, if it draws at all.
    """

    kind: Literal["python"]
    function: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    draws: EffortTable = EffortTable(quick=1, default=1, full=1)


PanelTable = Annotated[
    RatesTable | AccuracyTable | BeamsTable | PythonTable, Field(discriminator="kind")
]


class ReferenceTable(PlainModel):
    """A point that the paper gives: a cross in the plot, and with a tolerance a claim.

    Attributes:
        panel: its name.
        label: of the curve.
        x: SNR in dB, or on the axis of an accuracy panel.
        value: in the unit of the panel.
        tolerance: how far off still counts as the same, in that unit.
        tolerance_percent: the same in per cent of the value.
        better: as for claims.
        source: the section, figure or table that says it.
    """

    panel: str = ""
    label: Label
    x: Real
    value: Real
    tolerance: Annotated[Real, Field(gt=0)] | None = None
    tolerance_percent: Annotated[Real, Field(gt=0)] | None = None
    better: Literal["", "lower", "higher"] = ""
    source: Annotated[str, Field(min_length=1)]


class FigureTable(PlainModel):
    """A figure or table of the paper.

    Attributes:
        name: as "fig10"; with the paper's key it is the name of the experiment.
        title: in a few words.
        shows: what the paper shows, in our words.
        panel: what is run.
        claim: what is claimed.
        reference: points that the paper gives.
        notes: what a reader has to know of conventions and differences.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,39}$")]
    title: Annotated[str, Field(min_length=1)]
    shows: str = ""
    panel: tuple[PanelTable, ...] = ()
    claim: tuple[Claim, ...] = ()
    reference: tuple[ReferenceTable, ...] = ()
    notes: tuple[str, ...] = ()


class NetworkTable(PlainModel):
    """A network that whoever runs the paper trains.

    Attributes:
        base: a recipe that ships, or another network of the file.
        fine_tune: weights from which training goes on, in place of base.
        steps: of fine_tune.
        learning_rate: of fine_tune.
        scenario: a name of ``[scenario]``, or of one that ships; that of the base by default.
        changes: fields of the recipe; tables are merged into those of the base.
        without: fields of the base that are left out.
        seeds: of the trainings. Claims take their mean, and their spread into the interval. A seed
            with which the recipe of the base ships is not trained again.
    """

    base: str = ""
    fine_tune: str = ""
    steps: Count = 200
    learning_rate: Annotated[Real, Field(gt=0, le=10)] = 5e-3
    scenario: str = ""
    changes: dict[str, Any] = Field(default_factory=dict)
    without: tuple[str, ...] = ()
    seeds: Annotated[
        tuple[Annotated[int, Field(strict=True, ge=0, lt=2**63)], ...], Field(max_length=100)
    ] = ()

    @model_validator(mode="after")
    def _one_start(self) -> NetworkTable:
        if bool(self.base) == bool(self.fine_tune):
            raise InvalidInputError("base: missing; give base or fine_tune, one of them")
        if len(set(self.seeds)) != len(self.seeds):
            raise invalid("seeds", list(self.seeds), "each seed once")
        return self


class PaperFile(PlainModel):
    """A paper: what it is, what it is measured on, and what it claims.

    Attributes:
        key: the first half of its experiments' names.
        title: in full.
        authors: as they are cited.
        year: of publication.
        link: its address, for readers.
        shared: values that stand for "@name" anywhere in the file.
        scenario: tables by name: a whole scenario, or ``base`` (one that ships, or another of the
            file) and what differs from it.
        network: networks by name of their weights.
        figure: its figures and tables.
    """

    key: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    title: Annotated[str, Field(min_length=1)]
    authors: Annotated[str, Field(min_length=1)]
    year: Annotated[int, Field(strict=True, ge=1900, le=2100)]
    link: str = ""
    shared: dict[str, Any] = Field(default_factory=dict)
    scenario: dict[str, dict[str, Any]] = Field(default_factory=dict)
    network: dict[str, NetworkTable] = Field(default_factory=dict)
    figure: Annotated[tuple[FigureTable, ...], Field(min_length=1)]
