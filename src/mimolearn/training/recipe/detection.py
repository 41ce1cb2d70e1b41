"""How a detector is trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from mimolearn.detectors import UnfoldedDetector, detector_class, make_detector
from mimolearn.foundation.errors import invalid
from mimolearn.foundation.plainmodel import Count, PlainModel, Real
from mimolearn.link.any_scenario import AnyScenario, read_scenario, scenario_class
from mimolearn.training.recipe.base import Adam, BaseRecipe, Db, SnrMix, Stage


def _scenario(value: object) -> object:
    """A scenario of either kind from its shipped name or its table."""
    if isinstance(value, str):
        return read_scenario(value)[0]
    return scenario_class(value)(**value) if isinstance(value, Mapping) else value


class Share(PlainModel):
    """A further scenario to train on.

    Attributes:
        scenario: in TOML also by its shipped name.
        snr: its SNRs.
    """

    scenario: AnyScenario
    snr: SnrMix

    @field_validator("scenario", mode="before")
    @classmethod
    def _read_scenario(cls, value: object) -> object:
        return _scenario(value)


class Loss(PlainModel):
    """What is minimised; see ``losses``.

    Attributes:
        name: "mse", "residual" (blind), "cross-entropy", "level-entropy" (that of the levels of
            real axes, from networks with logits of them) or "mse-over-zf" (DetNet's).
        layers: "cubic", see inner_weight; "equal"; "log", ln t for layer t (DetNet's).
        over_noise: divide each channel's loss by its noise_var, so that high SNRs count as much.
        inner_weight: weight of the layers before the last, each of which gets (t/L)^3 of it over L.
        log_offset: above 0, a step minimises ln(loss + log_offset), so that scenarios with many
            errors do not drown those with few.
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


class LayerByLayer(PlainModel):
    """LcgNet's schedule: for each SNR, for each depth, first the newest layer, then all so far.

    Attributes:
        levels_db: from the highest down (Wei et al. 2020, section III-D: 30, 25, ..., 0).
        newest_steps: for the newest layer alone.
        newest_learning_rate: stays as it is.
        all_steps: for all layers so far.
        all_learning_rate: at the start; a half cosine takes it to final_fraction of that.
        final_fraction: see all_learning_rate.
    """

    levels_db: Annotated[tuple[Db, ...], Field(min_length=1)]
    newest_steps: Annotated[Count, Field(le=10_000_000)]
    newest_learning_rate: Annotated[Real, Field(gt=0, le=10)] = 1e-3
    all_steps: Annotated[Count, Field(le=10_000_000)]
    all_learning_rate: Annotated[Real, Field(gt=0, le=10)] = 5e-4
    final_fraction: Annotated[Real, Field(ge=0, le=1)] = 0.03

    def stages(self, num_layers: int) -> tuple[Stage, ...]:
        """The same as a list of stages.

        Args:
            num_layers: of the network.
        """
        listed = []
        for level in self.levels_db:
            mix = SnrMix(low_db=level, high_db=level)
            for depth in range(1, num_layers + 1):
                common = {"depth": depth, "snr": mix}
                listed.append(
                    Stage(
                        steps=self.newest_steps,
                        learning_rate=self.newest_learning_rate,
                        final_fraction=1.0,
                        train="newest",
                        **common,
                    )
                )
                listed.append(
                    Stage(
                        steps=self.all_steps,
                        learning_rate=self.all_learning_rate,
                        final_fraction=self.final_fraction,
                        **common,
                    )
                )
        return tuple(listed)


class Batch(PlainModel):
    """What a step trains on; symbols and noise are fresh in every step.

    Over a resource grid every element has an estimated channel of its own, with one vector:
    a step takes channels times vectors elements, and so do validation and measurement.

    Attributes:
        channels: how many.
        vectors: over each channel.
        bank: channels that are drawn once, from which steps choose, for a model that draws slowly;
            0 for fresh ones in every step. Over a grid, received elements that are drawn once.
    """

    channels: Annotated[Count, Field(le=100_000)] = 64
    vectors: Annotated[Count, Field(le=100_000)] = 8
    bank: Annotated[int, Field(ge=0, le=1_000_000, strict=True)] = 0


class Validation(PlainModel):
    """Samples that stay the same; the parameters with the lowest loss on them are kept.

    Attributes:
        channels: how many.
        vectors: over each channel.
        every: steps between two validations.
    """

    channels: Annotated[Count, Field(le=100_000)] = 256
    vectors: Annotated[Count, Field(le=100_000)] = 8
    every: Annotated[Count, Field(le=10_000_000)] = 50


class Measurement(PlainModel):
    """What the card reports of the finished network: NMSE and error rates.

    Attributes:
        snr_db: SNRs, in dB.
        channels: at each.
        vectors: over each channel.
    """

    snr_db: tuple[Db, ...] = ()
    channels: Annotated[Count, Field(le=1_000_000)] = 1024
    vectors: Annotated[Count, Field(le=100_000)] = 8


class Recipe(BaseRecipe):
    """How a detector is trained.

    Attributes:
        kind: "detection"; a file without it is of this kind.
        name: of the weights.
        network, options: for ``make_detector``; ``num_tx_ant`` comes from the scenario unless
            given.
        scenario: a Scenario or a GridScenario, in TOML also the name of a shipped one.
        seed: of all draws.
        start_from: weights, a shipped name or a file, whose parameters training starts from.
        snr: of the training blocks, for each channel.
        loss, batch, adam, validation, measure: see their tables.
        stage: the schedule; or layer_by_layer: a schedule of that form.
        also: further scenarios; steps take the scenario and these in turn, and validation their
            mean.
        precision: of the large products of a training step, where the network knows how; parameters
            and sums stay in float32.
        stored: of the numbers in the file; they are used in float32.

    >>> recipe = Recipe(
    ...     name="mine", network="lcgnet-s", scenario="lcgnet-32x64-bpsk", stage=[{"steps": 10}]
    ... )
    >>> recipe.build().num_layers
    15
    """

    kind: Literal["detection"] = "detection"
    scenario: AnyScenario
    snr: SnrMix = SnrMix(low_db=0.0, high_db=12.0)
    loss: Loss = Loss()
    batch: Batch = Batch()
    adam: Adam = Adam()
    stage: tuple[Stage, ...] = ()
    layer_by_layer: LayerByLayer | None = None
    validation: Validation = Validation()
    measure: Measurement = Measurement()
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
        return _scenario(value)

    @classmethod
    def _scenario_of_file(cls, path: Path) -> AnyScenario:
        return read_scenario(path)[0]

    @model_validator(mode="after")
    def _can_be_built(self) -> Recipe:
        if bool(self.stage) == (self.layer_by_layer is not None):
            raise invalid("stage", len(self.stage), "either [[stage]] tables or [layer_by_layer]")
        detector = self.build()
        num_layers = detector.num_layers
        for share in self.also:
            detector.serving(share.scenario.points())
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
        detector = make_detector(self.network, self.scenario.points(), **options)
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
