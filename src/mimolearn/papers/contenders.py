"""Who competes in a panel: receivers that can be built, and networks that may not be there yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mimolearn.link.scenario import Scenario
from mimolearn.papers.files.contenders import AbsentError, Competitor, Told
from mimolearn.studies import Contender


@dataclass(frozen=True)
class PerScenario:
    """A receiver that is made for each scenario of a panel.

    Attributes:
        label: what the figure calls it.
        entry: what competes in a scenario.
    """

    label: str
    entry: Callable[[Scenario], Competitor]


class Resolved(NamedTuple):
    """What became of the entries of a panel.

    Attributes:
        contenders: those that can compete.
        missing: why the others cannot, by label.
    """

    contenders: tuple[Contender, ...]
    missing: dict[str, str]


def resolve(
    entries: tuple[Competitor, ...],
    folder: Path,
    *,
    may_train: bool,
    progress: Told | None = None,
) -> Resolved:
    """Build what can be built.

    Args:
        entries: of a panel.
        folder: keeps networks that were trained here.
        may_train: a quick run does not train.
        progress: is told of trainings.

    Raises:
        InvalidInputError: a contender that is wrong.
    """
    contenders: list[Contender] = []
    missing: dict[str, str] = {}
    for entry in entries:
        if entry.make:
            contenders.append(Contender.from_detector(entry.label, entry.made()))
            continue
        try:
            table = entry.table(folder, may_train=may_train, progress=progress)
        except AbsentError as reason:
            missing[entry.label] = str(reason)
        else:
            contenders.append(Contender.parse(table))
    return Resolved(tuple(contenders), missing)
