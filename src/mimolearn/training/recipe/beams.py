"""How a beamformer is trained."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from mimolearn.beamformers import LearnedBeamformer, beamformer_class, make_beamformer
from mimolearn.foundation.errors import check_one_of, invalid
from mimolearn.foundation.plainmodel import Count, PlainModel, Real
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.training.recipe.base import Adam, BaseRecipe, Db, Stage

_OF_STAGES = ("steps", "learning_rate", "final_fraction", "warm_up")


class BeamBatch(PlainModel):
    """What a step trains on.

    Attributes:
        channels: at one SNR.
        bank: channels that are drawn once, from which steps choose.
        levels: steps take the SNRs "in turn", or each step all of them "together", each on channels
            of its own.
    """

    channels: Annotated[Count, Field(le=100_000)] = 16
    bank: Annotated[Count, Field(le=1_000_000)] = 500
    levels: Literal["in turn", "together"] = "in turn"


class BeamValidation(PlainModel):
    """Channels that stay the same, at every SNR.

    Attributes:
        channels: how many.
        every: steps between two validations.
    """

    channels: Annotated[Count, Field(le=100_000)] = 32
    every: Annotated[Count, Field(le=10_000_000)] = 25


class Evolution(PlainModel):
    """Derivatives by differences in place of automatic ones, which are noise over Newton's layers.

    Each step compares losses on both sides of the parameters, on the same channels.

    Attributes:
        directions: random ones, in which layers differ by no more than a trend.
        deviation: of the parameters along a direction.
    """

    directions: Annotated[Count, Field(le=10_000)] = 8
    deviation: Annotated[Real, Field(gt=0, le=10)] = 0.1


class BeamMeasurement(PlainModel):
    """What the card reports of the finished network: exact error rates.

    Attributes:
        snr_db: SNRs, in dB.
        channels: at each.
    """

    snr_db: tuple[Db, ...] = ()
    channels: Annotated[Count, Field(le=100_000)] = 100


class BeamRecipe(BaseRecipe):
    """How a beamformer is trained.

    Attributes:
        kind: "beams".
        name: of the weights.
        network, options: for ``make_beamformer``.
        scenario: a BeamScenario, in TOML also the name of a shipped one. With csi_error_var,
            designs know the channels with their errors, and the loss is over the true ones.
        seed: of all draws.
        start_from: weights, a shipped name or a file, whose parameters training starts from.
        levels_db: the SNRs, see ``batch``.
        criterion: "mser", or for black boxes "mmse".
        inner_weight: weight of the mean over the later half of the layers, in a loss that is
            otherwise that of the best layer.
        mean_share: weight of ln of the mean over channels, which a few bad channels make; the rest
            is the mean of ln. Both are relative to the start of the layers.
        batch, adam, stage, validation, measure: see their tables.
        evolution: derivatives from differences; for networks of layers only.
        frozen_layers: first layers that stay as ``start_from`` made them.
    """

    scenario_class: ClassVar[type[Any]] = BeamScenario

    kind: Literal["beams"] = "beams"
    network: str = "unfolded-mser"
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
    frozen_layers: Annotated[int, Field(ge=0, le=1024, strict=True)] = 0

    @model_validator(mode="after")
    def _can_be_built(self) -> BeamRecipe:
        network = self.build()
        layers = network.num_layers
        if self.evolution and not network.layered_parameters():
            raise invalid("evolution", "<given>", f"none, since {self.network} has no layers")
        if self.frozen_layers >= layers:
            raise invalid("frozen_layers", self.frozen_layers, f"less than {layers}, all layers")
        for stage in self.stage:
            if stage != Stage(**{k: getattr(stage, k) for k in _OF_STAGES}):
                words = "<depth, train, snr or sharpness>"
                raise invalid("stage", words, "steps and learning rates alone")
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

    def stages(self) -> tuple[Stage, ...]:
        """The schedule as a list."""
        return self.stage
