"""Fitting what works on soft bits: a recipe says whose, on which link, and how."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Generator, Tensor

from mimolearn.detectors import Detector, EQNetEstimator, EQNetPublishedEstimator, make_detector
from mimolearn.detectors.trained import load_detector
from mimolearn.foundation.errors import InvalidInputError, invalid, user_path
from mimolearn.foundation.plainmodel import Count, PlainModel, Real
from mimolearn.foundation.shipped import read_shipped_toml, shipped_names
from mimolearn.foundation.tensors.threads import one_thread
from mimolearn.foundation.tomlfile import read_toml, write_toml
from mimolearn.link.channels import with_paths_from
from mimolearn.link.scenario import Block, Scenario
from mimolearn.quantizers import Quantizer, fit_quantizer
from mimolearn.quantizers.descent import kl_loss
from mimolearn.quantizers.trained import load_quantizer
from mimolearn.training.data import mixed_noise_var, step_generator
from mimolearn.training.recipe import Db, PlainValue, SnrMix
from mimolearn.training.soft_bit_estimators import Descent, fit_estimator, fit_published
from mimolearn.weights import Card, MeasuredSoftBits, read_card, write_weights

_FOLDER = "data/recipes/soft_bits"
SOFT_BIT_SCHEMA = 1
Estimator = EQNetEstimator | EQNetPublishedEstimator
_USES_A_CALL = 16_384


class SoftBitMeasurement(PlainModel):
    """SNRs of the card and how many channel uses at each."""

    snr_db: tuple[Db, ...] = ()
    uses: Annotated[Count, Field(le=10**8)] = 20_000


class SoftBitRecipe(PlainModel):
    """How a quantiser of soft bits, or a network that estimates them, is fitted.

    kind: "quantizer" or "estimator". network: the scheme, or the detector. scenario: the link, in
    TOML also by its shipped name; its coding plays no part. teacher: the detector, by name, whose
    LLRs are taken for true, with teacher_options. snr: SNRs of the samples. uses: how many channel
    uses. bits: a quantiser's, stored a soft bit. options: of a quantiser's fit, or of the detector.
    fit: an estimator's descent. start_from: weights of the same kind to begin with. stage_one: of
    the estimator "eq-net-published", weights of the quantiser whose features it aims at.
    """

    recipe_schema: Literal[1] = SOFT_BIT_SCHEMA
    kind: Literal["quantizer", "estimator"] = "quantizer"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,79}$")]
    network: str
    scenario: Scenario
    teacher: str = "ml"
    teacher_options: dict[str, PlainValue] = Field(default_factory=dict)
    snr: SnrMix
    uses: Annotated[Count, Field(le=10**8)] = 400_000
    seed: Annotated[int, Field(strict=True, ge=0)] = 1
    bits: Annotated[Real, Field(ge=0, le=16)] = 0.0
    options: dict[str, PlainValue] = Field(default_factory=dict)
    fit: Descent = Descent()
    start_from: str = ""
    stage_one: str = ""
    measure: SoftBitMeasurement = SoftBitMeasurement()

    @field_validator("scenario", mode="before")
    @classmethod
    def _shipped_scenario(cls, value: object) -> object:
        return Scenario.shipped(value) if isinstance(value, str) else value

    def key(self) -> str:
        """16 hex digits of SHA-256 over canonical JSON; fields at their default are left out."""
        fields = self.model_dump(mode="json", exclude_defaults=True, exclude={"scenario"})
        content = {"schema": SOFT_BIT_SCHEMA, "scenario": self.scenario.key(), **fields}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def build_teacher(self) -> Detector:
        """The detector whose LLRs are the samples."""
        return make_detector(self.teacher, self.scenario.constellation, **self.teacher_options)

    @classmethod
    def from_content(cls, content: Mapping[str, Any], source: str, folder: Path) -> SoftBitRecipe:
        """From parsed TOML; ``scenario`` may be a .toml path as well."""
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

    @classmethod
    def from_toml(cls, path: str | Path) -> SoftBitRecipe:
        """Read a recipe file."""
        return cls.from_content(read_toml(path), str(path), user_path(path).parent)

    @classmethod
    def shipped(cls, name: str) -> SoftBitRecipe:
        """One of ``shipped_soft_bit_recipes()``."""
        content = read_shipped_toml("recipe", _FOLDER, name)
        return cls.from_content(content, name, Path())

    def to_toml(self) -> str:
        """TOML text that ``from_toml`` reads back to an equal recipe."""
        return write_toml(self.model_dump(mode="json", exclude_none=True))


@dataclass(frozen=True)
class FittedSoftBits:
    """part: a Quantizer or a Detector, ready to use. card, path: of the file, if any."""

    part: Quantizer | Estimator
    card: Card | None = None
    path: Path | None = None


def shipped_soft_bit_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with the library; each makes the weights of its name."""
    return shipped_names(_FOLDER)


def fit_soft_bits(recipe: SoftBitRecipe, out: str | Path | None = None) -> FittedSoftBits:
    """Draw samples and fit as a recipe says; out: a folder for weights and card.

    The same recipe gives the same numbers: one thread, and generators of its own.
    """
    started = time.process_time()
    with one_thread():
        part = _fit_quantizer(recipe) if recipe.kind == "quantizer" else _fit_estimator(recipe)
        seconds = time.process_time() - started
        measured = tuple(
            measure_soft_bits(part, recipe, snr_db) for snr_db in recipe.measure.snr_db
        )
    if out is None:
        return FittedSoftBits(part)
    folder = user_path(out)
    folder.mkdir(parents=True, exist_ok=True)
    fields = {
        "name": recipe.name,
        "kind": "quantizer" if recipe.kind == "quantizer" else "detector",
        "network": recipe.network,
        "constellation": recipe.scenario.constellation,
        "options": part.plain_options() if isinstance(part, Quantizer) else recipe.options,
        "recipe": recipe.model_dump(mode="json", exclude_none=True),
        "recipe_key": recipe.key(),
        "seed": recipe.seed,
        "start": read_card(recipe.start_from).sha256 if recipe.start_from else "",
        "steps": _steps(recipe),
        "best_step": 0,
        "validation_loss": measured[0].kl_mbit if measured else 0.0,
        "seconds": round(seconds, 1),
        "soft_bits": measured,
    }
    card = write_weights(folder, part, fields)
    return FittedSoftBits(part, card, folder / f"{recipe.name}.safetensors")


def _steps(recipe: SoftBitRecipe) -> int:
    if recipe.kind == "estimator":
        return recipe.fit.steps
    return sum(int(recipe.options.get(key, 0)) for key in ("steps", "tuning_steps"))


def _fit_quantizer(recipe: SoftBitRecipe) -> Quantizer:
    llr = draw_soft_bits(recipe, recipe.snr, recipe.uses, "samples")
    options: dict[str, Any] = dict(recipe.options)
    if recipe.start_from:
        options["start"] = load_quantizer(recipe.start_from)
    if recipe.network in _SEEDED:
        options = {"seed": recipe.seed} | options
    return fit_quantizer(recipe.network, llr, bits=recipe.bits, **options)


def _fit_estimator(recipe: SoftBitRecipe) -> Estimator:
    estimator = make_detector(recipe.network, recipe.scenario.constellation, **recipe.options)
    if not isinstance(estimator, EQNetEstimator | EQNetPublishedEstimator):
        raise invalid(
            "network",
            recipe.network,
            "'eq-net' or 'eq-net-published', the estimators that are trained like this",
        )
    if recipe.start_from:
        estimator.load_state_dict(load_detector(recipe.start_from).state_dict())
    samples = _draws(recipe, recipe.snr, recipe.uses, "samples")
    if isinstance(estimator, EQNetPublishedEstimator):
        fit_published(estimator, samples, recipe.fit, recipe.stage_one, recipe.seed)
    else:
        fit_estimator(estimator, samples, recipe.fit, recipe.seed)
    return estimator


_SEEDED = ("eq-net", "eq-net-published", "deep-llr")


def draw_soft_bits(recipe: SoftBitRecipe, snr: SnrMix, uses: int, purpose: str) -> Tensor:
    """(uses, Nt, K) LLRs of the recipe's teacher on fresh channels, each at an SNR of its own."""
    return torch.cat([true[:, 0] for _, true in _draws(recipe, snr, uses, purpose)])


def _draws(
    recipe: SoftBitRecipe, snr: SnrMix, uses: int, purpose: str
) -> Iterator[tuple[Block, Tensor]]:
    """Blocks of one vector a channel, and their true LLRs (N, 1, Nt, K), float32."""
    teacher = recipe.build_teacher().eval()
    for start in range(0, uses, _USES_A_CALL):
        generator = step_generator(recipe.seed, f"soft bits {purpose}", start)
        block = draw_uses(recipe.scenario, snr, min(_USES_A_CALL, uses - start), generator)
        with torch.no_grad():
            yield block, teacher(block.y, block.h_hat, block.noise_var).llr().to(torch.float32)


def draw_uses(scenario: Scenario, snr: SnrMix, uses: int, generator: Generator) -> Block:
    """Channels of one vector each."""
    h = scenario.channel.draw(uses, scenario.num_rx_ant, scenario.num_tx_ant, generator)
    return scenario.transmit(h, mixed_noise_var(scenario, snr, h, generator), 1, generator)


def measure_soft_bits(
    part: Quantizer | Detector, recipe: SoftBitRecipe, snr_db: float
) -> MeasuredSoftBits:
    """What quantising or estimating loses at one SNR, on fresh channels."""
    snr, uses = SnrMix(low_db=snr_db, high_db=snr_db), recipe.measure.uses
    pairs: list[tuple[Tensor, Tensor]] = []
    for block, llr in _draws(recipe, snr, uses, f"measure {snr_db:.6f}"):
        if isinstance(part, Quantizer):
            pairs.append((part.through(llr), llr))
        else:
            pairs.append((part(block.y, block.h_hat, block.noise_var).llr(), llr))
    found, true = (torch.cat(column).double() for column in zip(*pairs, strict=True))
    one = torch.sigmoid(true)
    cross = torch.nn.functional.softplus(found) - one * found
    own = torch.nn.functional.softplus(true) - one * true
    bit = 1 / math.log(2)
    return MeasuredSoftBits(
        snr_db=snr_db,
        kl_mbit=round(1000 * bit * float(kl_loss(found, true).mean()), 3),
        gmi=round(1 - bit * float(cross.mean()), 5),
        gmi_true=round(1 - bit * float(own.mean()), 5),
        uses=uses,
    )
