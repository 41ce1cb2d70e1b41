"""What recipes of all kinds share: stages, Adam, SNRs, and the way to and from TOML."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator
from torch import nn
from torch.optim import Adam as TorchAdam

from mimolearn.foundation.errors import InvalidInputError, invalid, user_path
from mimolearn.foundation.plainmodel import Count, PlainModel, Real
from mimolearn.foundation.shipped import read_shipped_toml
from mimolearn.foundation.tomlfile import read_toml, write_toml
from mimolearn.link.channels import with_paths_from
from mimolearn.link.scenario import Scenario

FOLDER = "data/recipes"
RECIPE_SCHEMA = 1

Db = Annotated[Real, Field(ge=-200, le=200)]
PlainValue = Annotated[bool, Field(strict=True)] | Annotated[int, Field(strict=True)] | Real | str


class SnrMix(PlainModel):
    """SNRs in dB, of the scenario's definition.

    Attributes:
        low_db, high_db: ends of a uniform distribution.
        levels_db: levels of equal probability, in place of that.
    """

    low_db: Db = 0.0
    high_db: Db = 0.0
    levels_db: tuple[Db, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> SnrMix:
        if self.low_db > self.high_db:
            raise invalid("high_db", self.high_db, f"at least low_db = {self.low_db}")
        return self


class Stage(PlainModel):
    """A part of the schedule with its own optimiser.

    Attributes:
        steps: of the optimiser.
        learning_rate: at the start; a half cosine takes it to final_fraction of that.
        final_fraction: see learning_rate.
        warm_up: steps of linear rise before the cosine.
        depth: layers in use; all by default.
        train: "all" parameters of these layers; those of the "newest" layer; or in a first stage
            "shared", one small layer for all streams, new or that of ``start_from``. The next stage
            then trains all weights (see ``shared_streams``).
        snr: takes the place of the recipe's.
        sharpness: of a soft quantiser.
    """

    steps: Annotated[Count, Field(le=10_000_000)]
    learning_rate: Annotated[Real, Field(gt=0, le=10)] = 1e-2
    final_fraction: Annotated[Real, Field(ge=0, le=1)] = 0.03
    warm_up: Annotated[int, Field(ge=0, le=10_000_000, strict=True)] = 0
    depth: Annotated[Count, Field(le=1024)] | None = None
    train: Literal["all", "newest", "shared"] = "all"
    snr: SnrMix | None = None
    sharpness: Annotated[Real, Field(gt=0)] | None = None

    def learning_rate_at(self, step: int) -> float:
        """The rate of a step.

        step: of the stage, from 0. Returns linear warm-up, then half a cosine down to
        final_fraction at the last step.
        """
        if step < self.warm_up:
            return self.learning_rate * (step + 1) / self.warm_up
        length = max(self.steps - self.warm_up - 1, 1)
        done = min((step - self.warm_up) / length, 1.0)
        cosine = (1 + math.cos(math.pi * done)) / 2
        return self.learning_rate * (self.final_fraction + (1 - self.final_fraction) * cosine)


class Adam(PlainModel):
    """Settings of Adam.

    Attributes:
        beta1, beta2: decay rates of the first and the second moment.
        clip_norm: the largest norm that a gradient keeps; 0 for any.
        fused: one pass over all parameters, for networks of millions.
    """

    beta1: Annotated[Real, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[Real, Field(ge=0, lt=1)] = 0.99
    clip_norm: Annotated[Real, Field(ge=0)] = 0.0
    fused: Annotated[bool, Field(exclude_if=lambda fused: not fused)] = False

    def optimizer(self, module: nn.Module, learning_rate: float) -> TorchAdam:
        """A new optimiser of what can be trained in a module.

        Args:
            module: its parameters.
            learning_rate: of the first step.
        """
        trainable = [p for p in module.parameters() if p.requires_grad]
        betas = self.beta1, self.beta2
        return TorchAdam(trainable, lr=learning_rate, betas=betas, fused=self.fused)


class BaseRecipe(PlainModel):
    """What recipes of all kinds have.

    Attributes:
        kind: the tag that says which of them a file is.
        name: of the weights.
        network: what is trained, by name.
        options: of the network.
        scenario: the link; a file may name a shipped one.
        seed: of all draws.
        start_from: weights, a shipped name or a file, whose parameters training starts from.
    """

    scenario_class: ClassVar[type[Any]] = Scenario

    kind: Any
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,79}$")]
    network: str
    options: dict[str, PlainValue] = Field(default_factory=dict)
    scenario: Any
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = 0
    start_from: str = ""

    @field_validator("scenario", mode="before")
    @classmethod
    def _shipped_scenario(cls, value: object) -> object:
        return cls.scenario_class.shipped(value) if isinstance(value, str) else value

    @classmethod
    def _scenario_of_file(cls, path: Path) -> Any:
        return cls.scenario_class.from_toml(path)

    @model_validator(mode="after")
    def _points_have_a_name(self) -> BaseRecipe:
        points = self.scenario.points()
        if not isinstance(points.plain(), str):
            expected = "a constellation with a name, by which weights are kept"
            raise invalid("scenario.constellation", points.name, expected)
        return self

    def key(self) -> str:
        """16 hex digits of SHA-256 over canonical JSON and a schema number.

        Fields at their default are left out, so that a later field changes no key by itself.
        """
        fields = self.model_dump(mode="json", exclude_defaults=True, exclude={"scenario"})
        content = {"schema": RECIPE_SCHEMA, "scenario": self.scenario.key(), **fields}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read a recipe file.

        path: its ``scenario`` may be a shipped name, a .toml path or a table.
        Raises InvalidInputError, one line that names the file.
        """
        return cls.from_content(read_toml(path), str(path), user_path(path).parent)

    @classmethod
    def shipped(cls, name: str) -> Self:
        """A recipe that comes with the library.

        name: one of ``shipped_recipes()``, of this kind.
        Raises InvalidInputError for another name or a recipe of another kind.
        """
        return cls.from_content(read_shipped_toml("recipe", FOLDER, name), name, Path())

    @classmethod
    def from_content(cls, content: Mapping[str, Any], source: str, folder: Path) -> Self:
        """A recipe from parsed TOML.

        source: what an error calls the file.
        folder: that paths in the content start from.
        Raises InvalidInputError, one line that names the source.
        """
        fields = dict(content)
        try:
            scenario = fields.get("scenario")
            if isinstance(scenario, str) and scenario.endswith(".toml"):
                fields["scenario"] = cls._scenario_of_file(folder / user_path(scenario))
            elif scenario is not None:
                fields["scenario"] = with_paths_from(scenario, folder)
            return cls(**fields)
        except InvalidInputError as error:
            raise InvalidInputError(f"{source}: {error}") from None

    def to_toml(self) -> str:
        """TOML text that ``from_toml`` reads back to an equal recipe."""
        return write_toml(self.model_dump(mode="json", exclude_none=True))
