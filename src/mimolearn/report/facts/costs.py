"""What every detector costs in one scenario: multiplications, FLOPs, parameters, memory."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from mimolearn.detectors import Detector, detector_class, detector_names, make_detector
from mimolearn.detectors.trained import load_detector
from mimolearn.foundation.errors import InvalidInputError, MimolearnError
from mimolearn.foundation.tensors.state import clean_torch, evaluating
from mimolearn.link.estimators import Perfect
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.plans.plan import AnyScenario, canonical_snr
from mimolearn.report.text.fitted import Column, FittedTable
from mimolearn.studies import cost_report
from mimolearn.studies.kinds.slots import SlotCounts
from mimolearn.weights import is_weights_name

_VECTORS = 200
_SEED = 1


@dataclass(frozen=True)
class DetectorCost:
    """Counted work and storage of one detector.

    Attributes:
        name: of the detector, or of trained weights.
        per_channel: real multiplications per channel, a complex one counted as four.
        per_vector: real multiplications per vector.
        measured: per_vector is a mean over random vectors, of a search whose work depends on them.
        vectors: per channel.
        flops: of one channel with ``vectors`` vectors, each multiplication with one addition, which
            matrix products come close to.
        parameters: stored numbers, as float32.
        parameter_bytes: their size.
    """

    name: str
    per_channel: int
    per_vector: float
    measured: bool
    vectors: int
    flops: float
    parameters: int
    parameter_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Costs:
    """What detectors cost in a scenario.

    Attributes:
        scenario: the link.
        snr_db: of the vectors over which searches are averaged, in dB.
        costs: in the order asked for.
        missing: why a detector is not among them, by its name.
    """

    scenario: AnyScenario
    snr_db: float
    costs: tuple[DetectorCost, ...]
    missing: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "scenario": self.scenario.model_dump(mode="json"),
            "snr_db": self.snr_db,
            "detectors": [cost.to_dict() for cost in self.costs],
            "missing": self.missing,
        }


def detector_costs(
    scenario: AnyScenario, names: tuple[str, ...] = (), snr_db: float = 10.0
) -> Costs:
    """Count detectors and weights by name, with the scenario's sizes.

    Networks that are made for a number of streams or a load are built for the scenario's.

    Args:
        scenario: the link; over a resource grid costs are those of an element.
        names: of detectors and weights; none for all detectors, of which those that do not serve
            the scenario are named with the reason.
        snr_db: of the vectors over which searches are averaged, in dB.

    Raises:
        InvalidInputError: a detector that was asked for by name does not serve the scenario.

    >>> from mimolearn.link.scenario import Scenario
    >>> s = Scenario(num_tx_ant=30, num_rx_ant=60, constellation="bpsk")
    >>> detector_costs(s, ("detnet",)).costs[0].parameters == 20 * 57931
    True
    """
    costs, missing = [], {}
    for name in names or detector_names():
        try:
            detector = _build(scenario, name)
            costs.append(_cost(scenario, name, detector, snr_db))
        except MimolearnError as error:
            if names:
                raise InvalidInputError(f"{name}: {error}") from None
            missing[name] = str(error)
    return Costs(scenario, snr_db, tuple(costs), missing)


def cost_table(costs: Costs) -> FittedTable:
    """As a table for the terminal."""
    s = costs.scenario
    size = f"{s.num_tx_ant} x {s.num_rx_ant} {s.points().name}"
    shared = "an element" if isinstance(s, GridScenario) else f"{s.channel_reuse} vector a channel"
    title = f"{size}, {shared}"
    table = FittedTable(
        Column("detector", "name"),
        Column("mult. a channel"),
        Column("a vector"),
        Column("kFLOP a block"),
        Column("parameters"),
        Column("kB", rank=1),
        title=title,
    )
    for cost in costs.costs:
        vector = f"{cost.per_vector:,.0f}" + (" *" if cost.measured else "")
        table.add_row(
            cost.name,
            f"{cost.per_channel:,}",
            vector,
            f"{cost.flops / 1e3:,.0f}",
            f"{cost.parameters:,}" if cost.parameters else "-",
            f"{cost.parameter_bytes / 1e3:,.1f}" if cost.parameters else "-",
        )
    if any(cost.measured for cost in costs.costs):
        table.caption = f"* mean of {_VECTORS} vectors at {costs.snr_db:g} dB"
    return table


def _build(scenario: AnyScenario, name: str) -> Detector:
    points = scenario.points()
    if is_weights_name(name):
        return load_detector(name, points)
    known = detector_class(name).option_names()
    sizes = {
        "num_tx_ant": scenario.num_tx_ant,
        "load": scenario.num_tx_ant / scenario.num_rx_ant,
    }
    options = {key: value for key, value in sizes.items() if key in known}
    if name == "detnet" and points.num_levels > 2:
        options["version"] = 2
    return make_detector(name, points, **options)


def _cost(scenario: AnyScenario, name: str, detector: Detector, snr_db: float) -> DetectorCost:
    report = cost_report(scenario, detector)
    per_vector: float | None = report.per_vector
    measured = per_vector is None
    if per_vector is None:
        per_vector = _mean_work(scenario, detector, snr_db)
    vectors = scenario.channel_reuse
    return DetectorCost(
        name=name,
        per_channel=report.per_channel,
        per_vector=per_vector,
        measured=measured,
        vectors=vectors,
        flops=2 * (report.per_channel + vectors * per_vector),
        parameters=report.parameters,
        parameter_bytes=report.parameter_bytes,
    )


def _mean_work(scenario: AnyScenario, detector: Detector, snr_db: float) -> float:
    """Multiplications that a search spends on a vector."""
    channels = max(1, _VECTORS // scenario.channel_reuse)
    with clean_torch(), evaluating(detector):
        if isinstance(scenario, GridScenario):
            drawn, _ = SlotCounts(scenario, ()).draw(canonical_snr(snr_db), 0)
            observed = drawn.observed(Perfect())[1]
            y, h, noise_var = (x[:channels] for x in observed[:3])
        else:
            block = scenario.draw(snr_db, channels, torch.Generator().manual_seed(_SEED))
            y, h, noise_var = block.y, block.h_hat, block.noise_var
        work = detector(y, h, noise_var).work
    assert work is not None, detector.name
    return float(work.double().mean())
