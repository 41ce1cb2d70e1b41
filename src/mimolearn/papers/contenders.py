"""Who competes in an experiment: classical detectors, and networks that may not be there yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mimolearn.detectors import Detector, detector_names
from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.scenario import Scenario
from mimolearn.papers.files.contenders import AbsentError, Competitor, Told
from mimolearn.studies import Contender
from mimolearn.training import Recipe, SoftBitRecipe, train
from mimolearn.weights import shipped_weights


@dataclass(frozen=True)
class Network:
    """A trained network, by the name of its weights.

    Attributes:
        label: what the figure calls it.
        weights: a name of the zoo.
        recipe: how to train it where the zoo does not have it; ``quick`` runs do not train.
        needs: weights that the recipe starts from.
    """

    label: str
    weights: str
    recipe: Callable[[], Recipe | SoftBitRecipe] | None = None
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quantized:
    """A detector whose soft bits go through a trained quantiser.

    Attributes:
        label: what the figure calls it.
        weights: of the quantiser, a name of the zoo.
        detector: as a contender's text.
        recipe: as in ``Network``.
        needs: as in ``Network``.
    """

    label: str
    weights: str
    detector: str = "ml"
    recipe: Callable[[], SoftBitRecipe] | None = None
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Derived:
    """A detector made from trained weights without training.

    Attributes:
        label: what the figure calls it.
        needs: names of the weights.
        make: makes it.
    """

    label: str
    needs: tuple[str, ...]
    make: Callable[[], Detector]


@dataclass(frozen=True)
class PerScenario:
    """A receiver that is made for each scenario of a panel.

    Attributes:
        label: what the figure calls it.
        entry: what competes in a scenario.
    """

    label: str
    entry: Callable[[Scenario], Entry]


OldEntry = str | Mapping[str, Any] | Network | Quantized | Derived
Entry = OldEntry | Competitor


class Resolved(NamedTuple):
    """What became of the entries of a panel.

    Attributes:
        contenders: those that can compete.
        missing: why the others cannot, by label.
    """

    contenders: tuple[Contender, ...]
    missing: dict[str, str]


def entry_label(entry: Entry | PerScenario) -> str:
    """The label of an entry, whether or not it can be built.

    >>> entry_label("lmmse:biased=true,label=LMMSE"), entry_label(Network("net", "net-8x8"))
    ('LMMSE', 'net')
    """
    if isinstance(entry, Network | Quantized | Derived | PerScenario | Competitor):
        return entry.label
    if isinstance(entry, str):
        _, separator, label = entry.partition("label=")
        if separator:
            return label.partition(",")[0].strip()
        if entry.partition(":")[0] not in detector_names():
            return entry.partition(":")[0]
    elif "label" in entry or entry["name"] not in detector_names():
        return str(entry.get("label", entry["name"]))
    return Contender.parse(entry).label


def resolve(
    entries: tuple[Entry, ...], folder: Path, *, may_train: bool, progress: Told | None = None
) -> Resolved:
    """Build what can be built.

    Args:
        entries: of a panel.
        folder: keeps networks that were trained here.
        may_train: a quick run does not train.
        progress: is told of trainings.

    Raises:
        InvalidInputError: a contender of a paper's file that is wrong.
    """
    contenders: list[Contender] = []
    missing: dict[str, str] = {}
    for entry in entries:
        if isinstance(entry, Competitor):
            resolved = _competing(entry, folder, may_train, progress)
        else:
            resolved = _resolve(entry, folder, may_train)
        if isinstance(resolved, Contender):
            contenders.append(resolved)
        else:
            missing[entry_label(entry)] = resolved
    return Resolved(tuple(contenders), missing)


def _resolve(entry: OldEntry, folder: Path, may_train: bool) -> Contender | str:
    if isinstance(entry, Network | Quantized | Derived):
        try:
            if isinstance(entry, Network | Quantized):
                return _trained(entry, folder, may_train)
            absent = _absent(entry.needs)
            return absent or Contender.from_detector(entry.label, entry.make())
        except InvalidInputError as error:
            return str(error)  # weights that are not sound are as good as missing
    name = entry.partition(":")[0].strip() if isinstance(entry, str) else entry["name"]
    if name not in detector_names():
        return f"detector {name} is missing"
    return Contender.parse(entry)


def _competing(
    entry: Competitor, folder: Path, may_train: bool, progress: Told | None
) -> Contender | str:
    """A contender of a paper's file, or why it cannot compete."""
    if entry.make:
        return Contender.from_detector(entry.label, entry.made())
    try:
        table = entry.table(folder, may_train=may_train, progress=progress)
    except AbsentError as reason:
        return str(reason)
    return Contender.parse(table)


def _trained(entry: Network | Quantized, folder: Path, may_train: bool) -> Contender | str:
    weights = entry.weights
    if weights not in shipped_weights():
        path = folder / f"{weights}.safetensors"
        if entry.recipe is None:
            return f"weight {weights} is missing"
        absent = _absent(entry.needs)
        if absent:
            return absent
        if not path.is_file():
            if not may_train:
                return f"{weights} has to be trained first, which a quick run does not do"
            train(entry.recipe(), out=folder)
        weights = str(path)
    if isinstance(entry, Network):
        return Contender(weights, label=entry.label)
    plain = Contender.parse(entry.detector)
    return Contender(plain.name, {**plain.options, "quantizer": weights}, label=entry.label)


def _absent(names: tuple[str, ...]) -> str:
    absent = [name for name in names if name not in shipped_weights()]
    return f"weight {', '.join(absent)} is missing" if absent else ""
