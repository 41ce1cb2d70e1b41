"""How a network is trained: a frozen description, to and from TOML."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from mimolearn.detectors import UnfoldedDetector, detector_class, make_detector
from mimolearn.foundation.errors import InvalidInputError, invalid, user_path
from mimolearn.foundation.plainmodel import Count, PlainModel, Real
from mimolearn.foundation.shipped import read_shipped_toml, shipped_names
from mimolearn.foundation.tomlfile import read_toml, write_toml
from mimolearn.link.channels import with_paths_from
from mimolearn.link.scenario import Scenario

_FOLDER = "data/recipes/detectors"
RECIPE_SCHEMA = 1

Db = Annotated[Real, Field(ge=-200, le=200)]
PlainValue = Annotated[bool, Field(strict=True)] | Annotated[int, Field(strict=True)] | Real | str


class SnrMix(PlainModel):
    """SNRs in dB, of the scenario's definition: uniform from low_db to high_db, or levels_db."""

    low_db: Db = 0.0
    high_db: Db = 0.0
    levels_db: tuple[Db, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> SnrMix:
        if self.low_db > self.high_db:
            raise invalid("high_db", self.high_db, f"at least low_db = {self.low_db}")
        return self


class Share(PlainModel):
    """A further scenario to train on, in TOML also by its shipped name, and its SNRs."""

    scenario: Scenario
    snr: SnrMix

    @field_validator("scenario", mode="before")
    @classmethod
    def _shipped_scenario(cls, value: object) -> object:
        return Scenario.shipped(value) if isinstance(value, str) else value


class Loss(PlainModel):
    """What is minimised; see ``losses``.

    name: "mse", "residual" (blind), "cross-entropy", "level-entropy" (that of the levels of real
    axes, from networks with logits of them) or "mse-over-zf" (DetNet's).
    layers: "cubic", see inner_weight; "equal"; "log", ln t for layer t (DetNet's).
    over_noise: divide each channel's loss by its noise_var, so that high SNRs count as much.
    inner_weight: weight of the layers before the last, each of which gets (t/L)^3 of it over L.
    log_offset: above 0, a step minimises ln(loss + log_offset), so that scenarios with many errors
    do not drown those with few.
    penalty: weight of what the network itself wants small (R-WeSNet's lambda).
    """

    name: Literal["mse", "residual", "cross-entropy", "level-entropy", "mse-over-zf"] = "mse"
    layers: Annotated[
        Literal["cubic", "equal", "log"], Field(exclude_if=lambda layers: layers == "cubic")
    ] = "cubic"
    over_noise: bool = False
    inner_weight: Annotated[Real, Field(ge=0, le=100)] = 0.0
    # Left out where it is 0: see Recipe.also.
    log_offset: Annotated[Real, Field(ge=0, le=100, exclude_if=lambda offset: offset == 0)] = 0.0
    penalty: Annotated[Real, Field(ge=0, le=100, exclude_if=lambda weight: weight == 0)] = 0.0


class Stage(PlainModel):
    """A part of the schedule with its own optimiser.

    steps; learning_rate, which falls to final_fraction of it on a half cosine after warm_up steps
    of linear rise. depth: layers in use (all by default). train: "all" rows of these, those of the
    "newest" layer, or in a first stage "shared": one small layer for all streams, new or that of
    ``start_from``, from which the next stage trains all weights (see ``shared_streams``). snr: in
    place of the recipe's. sharpness: of a soft quantiser.
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
        """Linear warm-up, then half a cosine down to final_fraction at the last step."""
        if step < self.warm_up:
            return self.learning_rate * (step + 1) / self.warm_up
        length = max(self.steps - self.warm_up - 1, 1)
        done = min((step - self.warm_up) / length, 1.0)
        cosine = (1 + math.cos(math.pi * done)) / 2
        return self.learning_rate * (self.final_fraction + (1 - self.final_fraction) * cosine)


class LayerByLayer(PlainModel):
    """LcgNet's schedule: for each SNR, for each depth, first the newest layer, then all so far.

    levels_db: from the highest down (Wei et al. 2020, section III-D: 30, 25, ..., 0).
    """

    levels_db: Annotated[tuple[Db, ...], Field(min_length=1)]
    newest_steps: Annotated[Count, Field(le=10_000_000)]
    newest_learning_rate: Annotated[Real, Field(gt=0, le=10)] = 1e-3
    all_steps: Annotated[Count, Field(le=10_000_000)]
    all_learning_rate: Annotated[Real, Field(gt=0, le=10)] = 5e-4
    final_fraction: Annotated[Real, Field(ge=0, le=1)] = 0.03

    def stages(self, num_layers: int) -> tuple[Stage, ...]:
        """The same as a list of stages."""
        found = []
        for level in self.levels_db:
            mix = SnrMix(low_db=level, high_db=level)
            for depth in range(1, num_layers + 1):
                common = {"depth": depth, "snr": mix}
                found.append(
                    Stage(
                        steps=self.newest_steps,
                        learning_rate=self.newest_learning_rate,
                        final_fraction=1.0,
                        train="newest",
                        **common,
                    )
                )
                found.append(
                    Stage(
                        steps=self.all_steps,
                        learning_rate=self.all_learning_rate,
                        final_fraction=self.final_fraction,
                        **common,
                    )
                )
        return tuple(found)


class Batch(PlainModel):
    """Channels in a step, and vectors sent over each.

    bank: channels drawn once, from which steps choose, for a model that draws slowly; 0: every
    step has fresh ones. Symbols and noise are fresh in either case.
    """

    channels: Annotated[Count, Field(le=100_000)] = 64
    vectors: Annotated[Count, Field(le=100_000)] = 8
    bank: Annotated[int, Field(ge=0, le=1_000_000, strict=True)] = 0


class Adam(PlainModel):
    """Adam's decay rates, and the largest norm that a gradient keeps (0: any).

    fused: one pass over all parameters, for networks of millions.
    """

    beta1: Annotated[Real, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[Real, Field(ge=0, lt=1)] = 0.99
    clip_norm: Annotated[Real, Field(ge=0)] = 0.0
    fused: Annotated[bool, Field(exclude_if=lambda fused: not fused)] = False


class Validation(PlainModel):
    """A fixed set: channels and vectors each; every: steps between two looks at it.

    The parameters with the lowest loss on it are kept.
    """

    channels: Annotated[Count, Field(le=100_000)] = 256
    vectors: Annotated[Count, Field(le=100_000)] = 8
    every: Annotated[Count, Field(le=10_000_000)] = 50


class Measurement(PlainModel):
    """What the card reports of the finished network: NMSE and error rates at these SNRs."""

    snr_db: tuple[Db, ...] = ()
    channels: Annotated[Count, Field(le=1_000_000)] = 1024
    vectors: Annotated[Count, Field(le=100_000)] = 8


class Recipe(PlainModel):
    """Everything that decides how a network is trained.

    name: of the weights. network, options: for ``make_detector``; ``num_tx_ant`` comes from the
    scenario unless it is given. scenario: a Scenario, in TOML also the name of a shipped one.
    start_from: weights (a shipped name or a file) whose parameters training starts from.
    also: further scenarios; steps take the scenario and these in turn, and validation their mean.
    precision: of the large products of a training step, where the network knows how; parameters
    and sums stay in float32. stored: of the numbers in the file; they are used in float32.

    >>> recipe = Recipe(
    ...     name="mine", network="lcgnet-s", scenario="lcgnet-32x64-bpsk", stage=[{"steps": 10}]
    ... )
    >>> recipe.build().num_layers
    15
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,79}$")]
    network: str
    options: dict[str, PlainValue] = Field(default_factory=dict)
    scenario: Scenario
    snr: SnrMix = SnrMix(low_db=0.0, high_db=12.0)
    loss: Loss = Loss()
    batch: Batch = Batch()
    adam: Adam = Adam()
    stage: tuple[Stage, ...] = ()
    layer_by_layer: LayerByLayer | None = None
    validation: Validation = Validation()
    measure: Measurement = Measurement()
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = 0
    start_from: str = ""
    # Left out where it is empty, so that the keys of recipes without it stay as they are.
    also: Annotated[tuple[Share, ...], Field(exclude_if=lambda shares: not shares)] = ()
    precision: Annotated[
        Literal["float32", "bfloat16"], Field(exclude_if=lambda kind: kind == "float32")
    ] = "float32"
    stored: Annotated[
        Literal["float32", "float16"], Field(exclude_if=lambda kind: kind == "float32")
    ] = "float32"

    @field_validator("scenario", mode="before")
    @classmethod
    def _shipped_scenario(cls, value: object) -> object:
        return Scenario.shipped(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _can_be_built(self) -> Recipe:
        if bool(self.stage) == (self.layer_by_layer is not None):
            raise invalid("stage", len(self.stage), "either [[stage]] tables or [layer_by_layer]")
        detector = self.build()
        num_layers = detector.num_layers
        for share in self.also:
            detector.serving(share.scenario.constellation)
        for stage in self.stage:
            if stage.depth is not None and stage.depth > num_layers:
                raise invalid("depth", stage.depth, f"at most the network's {num_layers} layers")
        self._check_shared(detector)
        return self

    def _check_shared(self, detector: UnfoldedDetector) -> None:
        """Streams are shared from the first step on or not at all."""
        shared = [number for number, stage in enumerate(self.stage) if stage.train == "shared"]
        if shared and shared != [0]:
            raise invalid("train", "shared", "another: only a first stage shares")
        if shared:
            detector.share_streams(self.seed)

    def build(self) -> UnfoldedDetector:
        """The network before training."""
        options = self.network_options()
        detector = make_detector(self.network, self.scenario.constellation, **options)
        if not isinstance(detector, UnfoldedDetector):
            raise invalid("network", self.network, "a detector with learned layers")
        return detector

    def network_options(self) -> dict[str, Any]:
        """Options with what the scenario decides filled in."""
        from_scenario = {
            "num_tx_ant": self.scenario.num_tx_ant,
            "load": self.scenario.num_tx_ant / self.scenario.num_rx_ant,
        }
        known = detector_class(self.network).option_names()
        return {k: v for k, v in from_scenario.items() if k in known} | self.options

    def shares(self) -> tuple[Share, ...]:
        """All scenarios with their SNRs."""
        return (Share(scenario=self.scenario, snr=self.snr), *self.also)

    def stages(self) -> tuple[Stage, ...]:
        """The schedule as a list."""
        if self.layer_by_layer is None:
            return self.stage
        return self.layer_by_layer.stages(self.build().num_layers)

    def key(self) -> str:
        """16 hex digits of SHA-256 over canonical JSON and a schema number.

        Fields at their default are left out, so that a later field changes no key by itself.
        """
        fields = self.model_dump(mode="json", exclude_defaults=True, exclude={"scenario"})
        content = {"schema": RECIPE_SCHEMA, "scenario": self.scenario.key(), **fields}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @classmethod
    def from_toml(cls, path: str | Path) -> Recipe:
        """Read a recipe file; ``scenario`` may be a shipped name, a .toml path or a table."""
        return cls._from_content(read_toml(path), str(path), user_path(path).parent)

    @classmethod
    def shipped(cls, name: str) -> Recipe:
        """One of ``shipped_recipes()``."""
        content = read_shipped_toml("recipe", _FOLDER, name)
        return cls._from_content(content, name, Path())

    @classmethod
    def _from_content(cls, content: Mapping[str, Any], source: str, folder: Path) -> Recipe:
        fields = dict(content)
        try:
            scenario = fields.get("scenario")
            if isinstance(scenario, str) and scenario.endswith(".toml"):
                fields["scenario"] = Scenario.from_toml(folder / user_path(scenario))
            elif scenario is not None:
                fields["scenario"] = with_paths_from(scenario, folder)
            return cls(**fields)
        except InvalidInputError as error:
            raise InvalidInputError(f"{source}: {error}") from None

    def to_toml(self) -> str:
        """TOML text that ``from_toml`` reads back to an equal recipe."""
        return write_toml(self.model_dump(mode="json", exclude_none=True))


def shipped_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with the library; each makes the weights of its name."""
    return shipped_names(_FOLDER)
