"""Networks of a paper's file: recipes from a base and what differs, trained once and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mimolearn.foundation.errors import InvalidInputError, check_one_of
from mimolearn.foundation.shipped import read_shipped_toml
from mimolearn.link.any_scenario import AnyScenario
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.link.scenario import Scenario
from mimolearn.papers.files.contenders import AbsentError, Told
from mimolearn.papers.files.tables import NetworkTable
from mimolearn.papers.files.templates import merge
from mimolearn.training import TrainingEvent, fine_tune_recipe, train
from mimolearn.training.recipe import FOLDER, AnyRecipe, Recipe, recipe_class, shipped_recipes
from mimolearn.weights import read_card, shipped_beams, shipped_weights

AnyLink = AnyScenario | BeamScenario


@dataclass(frozen=True)
class FileNetwork:
    """A network of a paper's file, with one training seed.

    Attributes:
        name: of the weights.
        table: as it stands in the file.
        seed: of the training; None for that of the base.
        scenario: by name, from the file.
        others: networks of the file, by name.
    """

    name: str
    table: NetworkTable
    seed: int | None
    scenario: Callable[[str], AnyLink]
    others: Mapping[str, FileNetwork]

    def weights(self, folder: Path, *, may_train: bool, progress: Told | None = None) -> str:
        """Path of the trained weights, or the name of shipped ones of the same recipe.

        Args:
            folder: that keeps what is trained here.
            may_train: a quick run does not train.
            progress: is told of trainings.

        Raises:
            AbsentError: one line, why there are none.
        """
        shipped = self.shipped_twin()
        if shipped:
            return shipped
        path = folder / f"{self.name}.safetensors"
        needed = self._needed()
        if not path.is_file() and not may_train:
            text = f"{self.name} has to be trained first, which a quick run does not do"
            raise AbsentError(text)
        start = {
            name: self.others[name].weights(folder, may_train=may_train, progress=progress)
            for name in needed
        }
        recipe = self.recipe(start)
        if path.is_file() and read_card(path).recipe_key == recipe.key():
            return str(path)
        if not may_train:
            text = f"{self.name} has to be trained anew, which a quick run does not do"
            raise AbsentError(text)

        def forward(event: TrainingEvent) -> None:
            if progress is not None:
                progress(self.name, event.step, event.total_steps)

        if train(recipe, out=folder, progress=forward).path is None:
            raise AbsentError(f"no step lowered the validation loss of {self.name}")
        return str(path)

    def check(self) -> None:
        """Raise InvalidInputError, one line, for a base or a scenario that does not exist."""
        try:
            start = self.table.fine_tune
            if start:
                check_one_of("fine_tune", start, (*shipped_weights(), *self.others))
            else:
                link = self._fields.get("scenario")
                if isinstance(link, str):
                    self.scenario(link)
            if self.table.scenario:
                self.scenario(self.table.scenario)
        except InvalidInputError as error:
            raise InvalidInputError(f"network.{self.name}: {error}") from None

    def shipped_twin(self) -> str:
        """Name of the shipped weights that this recipe would make; "" for none."""
        base = self.table.base
        plain = not (self.table.changes or self.table.without or self.table.scenario)
        if not plain or base not in (*shipped_weights(), *shipped_beams()):
            return ""
        return base if self.seed in (None, self._base_fields.get("seed", 0)) else ""

    def recipe(self, start: Mapping[str, str] | None = None) -> AnyRecipe:
        """The recipe.

        Args:
            start: paths of the weights of other networks of the file, by name.

        Raises:
            InvalidInputError: one line that names the network.
        """
        try:
            return self._recipe(start or {})
        except InvalidInputError as error:
            raise InvalidInputError(f"network.{self.name}: {error}") from None

    def _recipe(self, start: Mapping[str, str]) -> AnyRecipe:
        if self.table.fine_tune:
            return self._fine_tuned(start)
        fields = {k: start.get(v, v) if isinstance(v, str) else v for k, v in self._fields.items()}
        link = fields.get("scenario")
        if isinstance(link, str):
            fields["scenario"] = self.scenario(link)
        return recipe_class(fields).from_content(fields, self.name, Path())

    def _fine_tuned(self, start: Mapping[str, str]) -> Recipe:
        weights = self.table.fine_tune
        card = read_card(start.get(weights, weights))
        link = self.scenario(self.table.scenario) if self.table.scenario else None
        if link is None:
            link = Scenario(**card.recipe["scenario"])
        recipe = fine_tune_recipe(
            start.get(weights, weights),
            link,  # type: ignore[arg-type]  # the recipe says so where it is none of its kind
            name=self.name,
            steps=self.table.steps,
            learning_rate=self.table.learning_rate,
        )
        changes = dict(self.table.changes)
        if self.seed is not None:
            changes["seed"] = self.seed
        return recipe.with_(**changes) if changes else recipe

    def _needed(self) -> list[str]:
        """Other networks of the file that training starts from."""
        if self.table.fine_tune:
            named = [self.table.fine_tune]
        else:
            named = [value for value in self._fields.values() if isinstance(value, str)]
        return [name for name in named if name in self.others and name != self.name]

    @cached_property
    def _base_fields(self) -> Mapping[str, Any]:
        base = self.table.base
        if base in self.others and base != self.name:
            return self.others[base]._fields
        check_one_of("base", base, (*shipped_recipes(), *self.others))
        return read_shipped_toml("recipe", FOLDER, base)

    @cached_property
    def _fields(self) -> dict[str, Any]:
        base = {k: v for k, v in self._base_fields.items() if k not in self.table.without}
        fields = merge(base, self.table.changes) | {"name": self.name}
        if self.table.scenario:
            fields["scenario"] = self.table.scenario
        if self.seed is not None:
            fields["seed"] = self.seed
        return fields


def seed_name(name: str, number: int) -> str:
    """Name of the weights of one seed, counted from 0.

    >>> seed_name("net", 0), seed_name("net", 2)
    ('net', 'net-seed3')
    """
    return f"{name}-seed{number + 1}" if number else name


def file_networks(
    tables: Mapping[str, NetworkTable], scenario: Callable[[str], AnyLink]
) -> dict[str, FileNetwork]:
    """All networks of a file by name; those of further seeds end in -seed2, -seed3 and so on.

    Args:
        tables: ``[network]`` as it stands in the file.
        scenario: a scenario by name.
    """
    networks: dict[str, FileNetwork] = {}
    for name, table in tables.items():
        for number, seed in enumerate(table.seeds or (None,)):
            called = seed_name(name, number)
            networks[called] = FileNetwork(called, table, seed, scenario, networks)
    return networks
