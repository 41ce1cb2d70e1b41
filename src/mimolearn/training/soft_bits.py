"""Fitting what works on soft bits: a recipe says whose, on which link, and how."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor

from mimolearn.detectors import Detector, EQNetEstimator, EQNetPublishedEstimator, make_detector
from mimolearn.detectors.trained import load_detector
from mimolearn.foundation.errors import invalid, user_path
from mimolearn.foundation.tensors.threads import one_thread
from mimolearn.link.scenario import Block, Scenario
from mimolearn.quantizers import Quantizer, fit_quantizer
from mimolearn.quantizers.descent import kl_loss
from mimolearn.quantizers.trained import load_quantizer
from mimolearn.training.data import mixed_noise_var, step_generator
from mimolearn.training.recipe import SnrMix, SoftBitRecipe
from mimolearn.training.soft_bit_estimators import fit_estimator, fit_published
from mimolearn.weights import Card, MeasuredSoftBits, read_card, write_weights

Estimator = EQNetEstimator | EQNetPublishedEstimator
_USES_A_CALL = 16_384


@dataclass(frozen=True)
class FittedSoftBits:
    """part: a Quantizer or a Detector, ready to use. card, path: of the file, if any."""

    part: Quantizer | Estimator
    card: Card | None = None
    path: Path | None = None


def fit_soft_bits(recipe: SoftBitRecipe, out: str | Path | None = None) -> FittedSoftBits:
    """Draw samples and fit as a recipe says; out: a folder for weights and card.

    The same recipe gives the same numbers: one thread, and generators of its own.
    """
    started = time.process_time()
    with one_thread():
        part = _fit_quantizer(recipe) if recipe.part == "quantizer" else _fit_estimator(recipe)
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
        "kind": "quantizer" if recipe.part == "quantizer" else "detector",
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
    if recipe.part == "estimator":
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
