"""How a scenario is run: SNRs, contenders, and when to stop. The ``[run]`` table of a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from pydantic import ConfigDict, Field, field_validator
from torch import Tensor

from mimolearn.foundation.errors import InvalidInputError, check_one_of, invalid
from mimolearn.foundation.plainmodel import PlainModel
from mimolearn.link.any_scenario import AnyScenario, read_scenario
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.scenario import Scenario
from mimolearn.plans.contender import Contender, unique_contenders
from mimolearn.plans.counts import BLOCK_METRICS

Plan = TypeVar("Plan", bound=PlainModel)
SnrDb = str | float | Sequence[float] | np.ndarray | Tensor
"""What ``parse_snr_db`` understands."""
Metric = Literal["ber", "ser", "ver", "bler", "info-ber"]

METRIC_LABELS: dict[str, str] = {
    "ber": "Bit error rate",
    "ser": "Symbol error rate",
    "ver": "Vector error rate",
    "bler": "Block error rate",
    "info-ber": "Information bit error rate",
}


def metrics() -> tuple[str, ...]:
    """Names of the error rates that are counted; those of blocks on a coded link alone."""
    return get_args(Metric)


def check_metric(metric: str, scenario: AnyScenario) -> str:
    """A metric that this scenario has."""
    check_one_of("metric", metric, metrics())
    if metric in BLOCK_METRICS and not scenario.has_blocks:
        expected = "ber, ser or ver: the scenario has no coding"
        raise invalid("metric", metric, expected)
    return metric


class RunPlan(PlainModel):
    """SNRs, contenders and stop rule of one run.

    A point is finished once a contender has made ``min_errors`` errors of the metric's unit
    (bits, symbols, vectors) on at least ``min_channels`` channels, of which enough were bad, or has
    seen ``max_vectors`` vectors. Enough: the errors are worth those of 16 equally bad channels, or
    blocks after decoding (fewer in proportion where ``min_errors`` is less than 100).

    Attributes:
        snr_db: SNRs in dB, of the scenario's own definition; kept sorted, unique, and rounded to
            1e-6 dB.
        contenders: what is compared.
        metric: "ber", "ser" or "ver" (bit, symbol, vector error rate of the receiver); on a coded
            link also "bler" or "info-ber" (block, information bit error rate after decoding).
        target: the error rate that answers are given for ("SNR at target").
        min_errors: errors of the metric's unit that finish a point.
        min_channels: channels that a point takes at least.
        max_vectors: vectors at which a point is given up.
        floor: above an SNR where the rate is known (95 %) to lie under it, a contender is not
            simulated, and a point without errors is finished when that is known; None means
            target / 10, and 0 turns this off.
        mcs: rows of the MCS table of a frame of 5G NR, an axis of the run as SNRs are
            (``simulate_mcs``; ``simulate`` counts that of the frame alone); kept sorted and unique.

    >>> RunPlan(snr_db=[10, 0, 5], contenders=["lmmse"]).snr_db
    (0.0, 5.0, 10.0)
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    snr_db: tuple[float, ...] = tuple(float(snr) for snr in range(0, 21, 2))
    contenders: tuple[Contender, ...] = tuple(map(Contender, ("lmmse", "mmse-sic", "ep", "oamp")))
    metric: Metric = "ber"
    target: float = Field(default=1e-3, gt=0, lt=1)
    min_errors: int = Field(default=100, ge=1, le=10**9, strict=True)
    min_channels: int = Field(default=200, ge=1, le=10**9, strict=True)
    max_vectors: int = Field(default=2_000_000, ge=1, le=10**12, strict=True)
    floor: float | None = Field(default=None, ge=0, lt=1)
    mcs: tuple[int, ...] = ()

    @field_validator("mcs", mode="before")
    @classmethod
    def _read_mcs(cls, value: object) -> tuple[int, ...]:
        return parse_mcs(value)

    @field_validator("snr_db", mode="before")
    @classmethod
    def _read_snr_db(cls, value: object) -> tuple[float, ...]:
        return parse_snr_db(value)

    @field_validator("contenders", mode="before")
    @classmethod
    def _read_contenders(cls, value: object) -> tuple[Contender, ...]:
        return unique_contenders(value)

    @property
    def floor_rate(self) -> float:
        """The floor as a rate; 0 when it is turned off."""
        return self.target / 10 if self.floor is None else self.floor

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; ``from_dict`` reads them back."""
        content = self.model_dump(mode="json", exclude={"contenders"})
        return {**content, "contenders": [contender.to_dict() for contender in self.contenders]}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> RunPlan:
        """Inverse of ``to_dict``.

        Args:
            content: what ``to_dict`` gave.
        """
        contenders = [Contender.from_dict(item) for item in content["contenders"]]
        return cls(**{**content, "contenders": contenders})


def adjust_plan(plan: Plan, **fields: Any) -> Plan:
    """A plan with some fields replaced.

    Args:
        plan: a RunPlan or a BeamPlan.
        **fields: new values by the name of the field; None leaves a field as it is.

    Returns:
        the plan itself where no field is given, else a new one of the same class.

    Raises:
        InvalidInputError: a value that the field refuses.

    >>> adjust_plan(RunPlan(snr_db=[3]), target=1e-2, metric=None).target
    0.01
    """
    given = {name: value for name, value in fields.items() if value is not None}
    kept = {name: getattr(plan, name) for name in type(plan).model_fields}
    return type(plan)(**kept | given) if given else plan


def canonical_snr(snr_db: float) -> str:
    """An SNR as text, exact to 1e-6 dB: what seeds and results are keyed by.

    >>> canonical_snr(10), canonical_snr(-0.0), canonical_snr(0.1 + 0.2)
    ('10.000000', '0.000000', '0.300000')
    """
    text = f"{snr_db:.6f}"
    return "0.000000" if text == "-0.000000" else text


def parse_snr_db(value: object) -> tuple[float, ...]:
    """SNRs in dB from a number, a list, an array, "0,5,10", or the inclusive range "0:20:2".

    Returns them sorted, unique, rounded to 1e-6 dB.

    Args:
        value: a number, a list, an array, or text.

    >>> parse_snr_db("0:6:2")
    (0.0, 2.0, 4.0, 6.0)
    """
    expected = "SNRs in dB: a list of numbers, '0,5,10' or 'first:last:step'"
    if isinstance(value, str):
        value = _parse_snr_text(value, expected)
    value = _plain_numbers(value)
    numbers = value if isinstance(value, list | tuple | range) else [value]
    if not numbers or len(numbers) > 1000:
        raise invalid("snr_db", value, expected + ", at least one and at most 1000")
    checked = []
    for number in map(_plain_numbers, numbers):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise invalid("snr_db", number, expected)
        if not math.isfinite(number) or abs(number) > 200:
            raise invalid("snr_db", number, "a finite number from -200 to 200")
        checked.append(float(canonical_snr(number)))
    return tuple(sorted(set(checked)))


def _plain_numbers(value: Any) -> Any:
    """Python numbers of an array or a tensor; all else as it is."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic | Tensor) else value


def _parse_snr_text(text: str, expected: str) -> list[float]:
    try:
        parts = [float(part) for part in text.split(":" if ":" in text else ",") if part.strip()]
    except ValueError:
        raise invalid("snr_db", text, expected) from None
    if ":" not in text:
        return parts
    if len(parts) == 2:
        parts.append(1.0)
    if len(parts) != 3 or not all(map(math.isfinite, parts)) or parts[2] <= 0:
        raise invalid("snr_db", text, expected)
    first, last, step = parts
    count = math.floor((last - first) / step + 1e-9) + 1
    if not 1 <= count <= 1000:
        raise invalid("snr_db", text, expected + ", at least one and at most 1000")
    return [first + i * step for i in range(count)]


def parse_mcs(value: object) -> tuple[int, ...]:
    """Rows of an MCS table from a number, a list, or "4,10,14"; sorted and unique.

    >>> parse_mcs("14,4,10")
    (4, 10, 14)
    """
    expected = "rows of an MCS table: a list of integers from 0 to 28, or '4,10,14'"
    given = value
    if isinstance(value, str):
        try:
            value = [int(part) for part in value.split(",") if part.strip()] or [None]
        except ValueError:
            raise invalid("mcs", given, expected) from None
    rows: set[int] = set()
    for number in value if isinstance(value, list | tuple | range) else [value]:
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 28:
            raise invalid("mcs", given, expected)
        rows.add(number)
    return tuple(sorted(rows))


def load_scenario(source: str | Path) -> AnyScenario:
    """Read the scenario of a TOML file, or load one that ships by its name.

    Args:
        source: the path of a file, or a name.

    Raises:
        InvalidInputError: one line that names the file and the field.
    """
    return read_scenario(source)[0]


def load_comparison(
    source: AnyScenario | str | Path, plan: RunPlan | None = None, **fields: Any
) -> tuple[AnyScenario, RunPlan]:
    """A scenario, and the one plan by which it is run.

    Args:
        source: a Scenario or GridScenario; a TOML file with the fields of one and a ``[run]``
            table (optional); or the name of a scenario that ships, with its plan.
        plan: what is used in place of the file's ``[run]`` table.
        **fields: new values of the plan, by field; None leaves a field as it is.

    Returns:
        (scenario, plan). A Scenario without a plan gets the fields over ``RunPlan()``.

    Raises:
        InvalidInputError: one line that names the file and the field.

    >>> load_comparison("lcgnet-32x64-bpsk", target=1e-4)[1].target
    0.0001
    """
    scenario, plan_of_source = _read_comparison(source)
    plan = adjust_plan(plan or plan_of_source, **fields)
    for row in plan.mcs:
        check_mcs(row, scenario)
    return scenario, plan


def check_mcs(row: int, scenario: AnyScenario) -> GridScenario:
    """The scenario with a row of its MCS table.

    Raises:
        InvalidInputError: for a row that its table lacks, and for a scenario without a table.
    """
    if not isinstance(scenario, GridScenario):
        raise invalid("mcs", row, "a scenario over a grid, with a table [frame] of 5G NR")
    return scenario.with_mcs(row)


def _read_comparison(source: AnyScenario | str | Path) -> tuple[AnyScenario, RunPlan]:
    if isinstance(source, Scenario | GridScenario):
        return source, RunPlan()
    scenario, content = read_scenario(source)
    return scenario, read_run_table(RunPlan, content, str(source))


def read_run_table(plan: type[Plan], content: dict[str, Any], source: str) -> Plan:
    """The plan of a parsed file: its ``[run]`` table.

    Args:
        plan: the class of the plan.
        content: of the whole file.
        source: what errors call the file.

    Returns:
        the plan; of a file without the table, the plan of all defaults.

    Raises:
        InvalidInputError: one line that names the file and the field.
    """
    table = content.get("run", {})
    if not isinstance(table, dict):
        raise InvalidInputError(f"{source}: {invalid('run', table, 'a table: [run]')}")
    try:
        return plan(**table)
    except InvalidInputError as error:
        raise InvalidInputError(f"{source}: run: {error}") from None
