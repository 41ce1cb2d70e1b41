"""No whole number that decides time or memory is without an upper bound, checked at its field."""

import inspect
from typing import Any, get_args

import annotated_types
import pytest
from pydantic import BaseModel

from mimolearn import InvalidInputError, detector_names, make_detector
from mimolearn.beamformers import HybridArray, beamformer_class, beamformer_names, make_beamformer
from mimolearn.detectors import detector_class
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.link.scenario import Scenario
from mimolearn.plans.beam_plan import BeamPlan
from mimolearn.plans.plan import RunPlan
from mimolearn.quantizers import make_quantizer, quantizer_class, quantizer_names
from mimolearn.training import BeamRecipe, Recipe, SoftBitRecipe

HUGE = 2**62


def whole_numbers(cls: type) -> list[str]:
    """Options whose default, or whose type, is a whole number; seeds cost nothing."""
    found = []
    for name, option in inspect.signature(cls.__init__).parameters.items():
        whole = isinstance(option.default, int) and not isinstance(option.default, bool)
        if (whole or option.annotation in ("int", int)) and not name.endswith("seed"):
            found.append(name)
    return found


DETECTORS = [(n, o) for n in detector_names() for o in whole_numbers(detector_class(n))]
BEAMFORMERS = [(n, o) for n in beamformer_names() for o in whole_numbers(beamformer_class(n))]
QUANTIZERS = [(n, o) for n in quantizer_names() for o in whole_numbers(quantizer_class(n))]


def check(option: str, make: Any) -> None:
    with pytest.raises(InvalidInputError, match=rf"^{option}: got {HUGE}, expected ") as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "option"), DETECTORS)
def test_detectors(name: str, option: str) -> None:
    required = {"num_tx_ant": 2} if "num_tx_ant" in whole_numbers(detector_class(name)) else {}
    check(option, lambda: make_detector(name, "qpsk", **{**required, option: HUGE}))


@pytest.mark.parametrize(("name", "option"), BEAMFORMERS)
def test_beamformers(name: str, option: str) -> None:
    check(option, lambda: make_beamformer(name, HybridArray(), "qpsk", **{option: HUGE}))


@pytest.mark.parametrize(("name", "option"), QUANTIZERS)
def test_quantizers(name: str, option: str) -> None:
    check(option, lambda: make_quantizer(name, "qpsk", **{option: HUGE}))


def unbounded(model: type[BaseModel], seen: set[type] | None = None) -> list[str]:
    """Whole-number fields without an upper bound, of the model and the models inside it."""
    seen = set() if seen is None else seen
    if model in seen:
        return []
    seen.add(model)
    found = []
    for name, field in model.model_fields.items():
        parts = _parts(field.annotation)
        inner = [p for p in parts if isinstance(p, type) and issubclass(p, BaseModel)]
        found += [f"{name}.{deep}" for part in inner for deep in unbounded(part, seen)]
        rules = [*field.metadata, *_metadata(field.annotation)]
        bounded = any(isinstance(r, annotated_types.Le | annotated_types.Lt) for r in rules)
        # Options are checked by what they are options of; rows of an MCS table and labels of points
        # by the table and the points.
        checked = name.endswith(("options", "seed")) or name in ("mcs", "labels")
        if int in parts and not bounded and not checked:
            found.append(name)
    return found


def _parts(annotation: Any) -> list[Any]:
    arguments = get_args(annotation)
    if not arguments:
        return [annotation]
    return [part for argument in arguments for part in _parts(argument)]


def _metadata(annotation: Any) -> list[Any]:
    own = [r for m in getattr(annotation, "__metadata__", ()) for r in getattr(m, "metadata", [m])]
    return own + [rule for argument in get_args(annotation) for rule in _metadata(argument)]


@pytest.mark.parametrize(
    "model",
    [Scenario, BeamScenario, RunPlan, BeamPlan, Recipe, BeamRecipe, SoftBitRecipe, HybridArray],
    ids=lambda model: model.__name__,
)
def test_files(model: type[BaseModel]) -> None:
    assert unbounded(model) == []
