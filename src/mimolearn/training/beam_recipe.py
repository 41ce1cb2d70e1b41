"""How a beamformer is trained: a frozen description, to and from TOML."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from mimolearn.beamformers import LearnedBeamformer, beamformer_class, make_beamformer
from mimolearn.foundation.errors import InvalidInputError, check_one_of, invalid
from mimolearn.foundation.plainmodel import Count, PlainModel, Real
from mimolearn.foundation.shipped import read_shipped_toml, shipped_names
from mimolearn.foundation.tomlfile import read_toml, write_toml
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.link.channels import with_paths_from
from mimolearn.training.recipe import Adam, Db, PlainValue, Stage

_FOLDER = "data/recipes/beamformers"
BEAM_RECIPE_SCHEMA = 1


class BeamBatch(PlainModel):
    """Channels in a step at one SNR, chosen from ``bank`` channels that are drawn once.

    levels: steps take the SNRs "in turn", or each step all of them "together", each on channels of
    its own.
    """

    channels: Annotated[Count, Field(le=100_000)] = 16
    bank: Annotated[Count, Field(le=1_000_000)] = 500
    levels: Literal["in turn", "together"] = "in turn"


class BeamValidation(PlainModel):
    """A fixed set of channels, seen at every SNR; every: steps between two looks at it."""

    channels: Annotated[Count, Field(le=100_000)] = 32
    every: Annotated[Count, Field(le=10_000_000)] = 25


class Evolution(PlainModel):
    """Derivatives by differences in place of automatic ones, which are noise over Newton's layers.

    Each step compares losses at +-``deviation`` along ``directions`` random ones, on the same
    channels, in which layers differ by no more than a trend.
    """

    directions: Annotated[Count, Field(le=10_000)] = 8
    deviation: Annotated[Real, Field(gt=0, le=10)] = 0.1


class BeamMeasurement(PlainModel):
    """What the card reports of the finished network: exact error rates at these SNRs."""

    snr_db: tuple[Db, ...] = ()
    channels: Annotated[Count, Field(le=100_000)] = 100


class BeamRecipe(PlainModel):
    """Everything that decides how a beamformer is trained.

    name: of the weights. network, options: for ``make_beamformer``. scenario: a BeamScenario, in
    TOML also the name of a shipped one. levels_db: the SNRs, see BeamBatch. criterion: "mser"
    or "mmse" (black boxes only). inner_weight: share of the mean over the later half of the layers
    in a loss that is otherwise that of the best layer. mean_share: a level's loss is this share of
    ln of the mean and the rest of the mean of ln over channels, the first for the few bad channels
    that own the mean, less the same of the start. evolution: see there; networks of layers only.
    frozen_layers: first layers that stay as ``start_from`` made them.
    """

    kind: Literal["beamformer"] = "beamformer"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,79}$")]
    network: str = "unfolded-mser"
    options: dict[str, PlainValue] = Field(default_factory=dict)
    scenario: BeamScenario
    levels_db: Annotated[tuple[Db, ...], Field(min_length=1)]
    criterion: Literal["mser", "mmse"] = "mser"
    inner_weight: Annotated[Real, Field(ge=0, le=10)] = 0.2
    mean_share: Annotated[Real, Field(ge=0, le=1)] = 0.5
    batch: BeamBatch = BeamBatch()
    evolution: Evolution | None = None
    adam: Adam = Adam(clip_norm=1.0)
    stage: Annotated[tuple[Stage, ...], Field(min_length=1)]
    validation: BeamValidation = BeamValidation()
    measure: BeamMeasurement = BeamMeasurement()
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = 0
    start_from: str = ""
    frozen_layers: Annotated[int, Field(ge=0, le=1024, strict=True)] = 0

    @field_validator("scenario", mode="before")
    @classmethod
    def _shipped_scenario(cls, value: object) -> object:
        return BeamScenario.shipped(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _can_be_built(self) -> BeamRecipe:
        network = self.build()
        layers = network.num_layers
        if self.evolution and not network.layered_parameters():
            raise invalid("evolution", "<given>", f"none, since {self.network} has no layers")
        if self.frozen_layers >= layers:
            raise invalid("frozen_layers", self.frozen_layers, f"less than {layers}, all layers")
        for stage in self.stage:
            if stage.depth is not None or stage.train != "all" or stage.snr is not None:
                raise invalid("stage", "<depth, train or snr>", "steps and learning rates alone")
        return self

    def build(self) -> LearnedBeamformer:
        """The network before training."""
        known = beamformer_class(self.network).option_names()
        for option in self.options:
            check_one_of(f"option of beamformer {self.network!r}", option, known)
        s = self.scenario
        made = make_beamformer(self.network, s.array, s.constellation, **self.options)
        if not isinstance(made, LearnedBeamformer):
            raise invalid("network", self.network, "a beamformer with learned parameters")
        return made

    def network_options(self) -> dict[str, Any]:
        """Options for the constructor."""
        return dict(self.options)

    def shares(self) -> tuple[BeamScenario, ...]:
        """The scenarios that are trained on."""
        return (self.scenario,)

    def stages(self) -> tuple[Stage, ...]:
        """The schedule as a list."""
        return self.stage

    def key(self) -> str:
        """16 hex digits of SHA-256 over canonical JSON and a schema number."""
        fields = self.model_dump(mode="json", exclude_defaults=True, exclude={"scenario"})
        content = {"schema": BEAM_RECIPE_SCHEMA, "scenario": self.scenario.key(), **fields}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @classmethod
    def from_toml(cls, path: str | Path) -> BeamRecipe:
        """Read a recipe file; ``scenario`` is a shipped name or a table."""
        return cls._from_content(read_toml(path), str(path), Path(path).parent)

    @classmethod
    def shipped(cls, name: str) -> BeamRecipe:
        """One of ``shipped_beam_recipes()``."""
        content = read_shipped_toml("recipe", _FOLDER, name)
        return cls._from_content(content, name, Path())

    @classmethod
    def _from_content(cls, content: dict[str, Any], source: str, folder: Path) -> BeamRecipe:
        fields = dict(content)
        try:
            if "scenario" in fields:
                fields["scenario"] = with_paths_from(fields["scenario"], folder)
            return cls(**fields)
        except InvalidInputError as error:
            raise InvalidInputError(f"{source}: {error}") from None

    def to_toml(self) -> str:
        """TOML text that ``from_toml`` reads back to an equal recipe."""
        return write_toml(self.model_dump(mode="json", exclude_none=True))


def shipped_beam_recipes() -> tuple[str, ...]:
    """Names of the beamformer recipes that come with the library."""
    return shipped_names(_FOLDER)
