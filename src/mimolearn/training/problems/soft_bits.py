"""Soft bits in the training loop: a teacher's LLRs are drawn once, and a part is fitted to them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Generator, Tensor
from torch.optim import Adam

from mimolearn.detectors import Detector, EQNetEstimator, EQNetPublishedEstimator, make_detector
from mimolearn.detectors.trained import load_detector
from mimolearn.foundation.errors import invalid
from mimolearn.link.scenario import Block, Scenario
from mimolearn.quantizers import Quantizer, prepare_fit
from mimolearn.quantizers.descent import Fit, Phase, kl_loss
from mimolearn.quantizers.trained import load_quantizer
from mimolearn.training.checkpoint import Position
from mimolearn.training.data import mixed_noise_var, step_generator
from mimolearn.training.problems.base import Problem
from mimolearn.training.problems.estimators import EstimatorFit, PublishedEstimatorFit
from mimolearn.training.recipe import SnrMix, SoftBitRecipe
from mimolearn.weights import MeasuredSoftBits, read_card

_USES_A_CALL = 16_384
_EVERY = 100
# Schemes whose fit draws something.
_SEEDED = ("eq-net", "eq-net-published", "deep-llr")
# Schemes whose fit can aim at sent bits, and the LLR of a bit that is known.
_AIMED = ("eq-net", "max-mi")
_CERTAIN = 40.0


class SoftBits(Problem[Phase]):
    """A quantiser of soft bits, or a network that estimates them.

    The last parameters are kept: the rate falls to nothing, and nothing is chosen by samples that
    were trained on.
    """

    keeps_best = False
    every = _EVERY

    def __init__(self, recipe: SoftBitRecipe) -> None:
        self._recipe = recipe

    def build(self) -> None:
        is_quantizer = self._recipe.part == "quantizer"
        self._fit = _quantizer_fit(self._recipe) if is_quantizer else _estimator_fit(self._recipe)
        self.network, self.stages = self._fit.module, self._fit.phases

    def start(self) -> str:
        # The fit has begun with these weights.
        return read_card(self._recipe.start_from).sha256 if self._recipe.start_from else ""

    def draw(self) -> None:
        """Samples are there already: ``build`` needs them."""

    def begin_anew(self, stage: int) -> None:
        self._fit.begin(stage)

    def step_loss(self, stage: int, stage_step: int, step: int) -> Tensor:
        del step
        return self._fit.step_loss(stage, stage_step)

    def validate(self, stage: int) -> float:
        return float(self._fit.validation_loss(stage))

    def end(self, stage: int) -> None:
        self._fit.end(stage)

    def adam(self, stage: int) -> Adam:
        return self.stages[stage].adam(self.network)

    def clip_norm(self, stage: int) -> float:
        return self.stages[stage].clip_norm

    def state(self) -> dict[str, Tensor]:
        return self._fit.state()

    def load_state(self, state: dict[str, Tensor]) -> None:
        self._fit.load_state(state)

    def finish(self) -> Any:
        return self._fit.finish()

    def card_fields(
        self, network: Any, position: Position, history: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        del history
        recipe = self._recipe
        measured = tuple(
            measure_soft_bits(network, recipe, snr_db) for snr_db in recipe.measure.snr_db
        )
        is_quantizer = isinstance(network, Quantizer)
        fields = {
            "kind": "quantizer" if is_quantizer else "detector",
            "network": recipe.network,
            "options": network.plain_options() if is_quantizer else recipe.options,
            "best_step": position.step,
            "soft_bits": measured,
        }
        # New channels say more than samples that were trained on.
        return fields | ({"validation_loss": measured[0].kl_mbit} if measured else {})


def _quantizer_fit(recipe: SoftBitRecipe) -> Fit:
    drawn = list(_draws(recipe, recipe.snr, recipe.uses, "samples"))
    llr = torch.cat([true[:, 0] for _, true in drawn])
    options: dict[str, Any] = dict(recipe.options)
    if recipe.target == "sent":
        if recipe.network not in _AIMED:
            raise invalid("target", recipe.target, f"'teacher' for {recipe.network!r}")
        options["aim"] = torch.cat([_aim(recipe, block, true)[:, 0] for block, true in drawn])
    if recipe.start_from:
        options["start"] = load_quantizer(recipe.start_from)
    if recipe.network in _SEEDED:
        options = {"seed": recipe.seed} | options
    return prepare_fit(recipe.network, llr, bits=recipe.bits, **options)


def _estimator_fit(recipe: SoftBitRecipe) -> Fit:
    estimator = make_detector(recipe.network, recipe.scenario.points(), **recipe.options)
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
        stage_one = recipe.stage_one
        return PublishedEstimatorFit(estimator, samples, recipe.fit, stage_one, recipe.seed)
    return EstimatorFit(estimator, samples, recipe.fit, recipe.seed)


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


def _aim(recipe: SoftBitRecipe, block: Block, true: Tensor) -> Tensor:
    """What a recipe's LLRs shall be like: the teacher's (N, 1, Nt, K), or what was sent."""
    if recipe.target == "teacher":
        return true
    sent = recipe.scenario.points().indices_to_bits(block.indices)
    return _CERTAIN * (2 * sent.to(torch.float32) - 1)


def draw_uses(scenario: Scenario, snr: SnrMix, uses: int, generator: Generator) -> Block:
    """Channels of one vector each."""
    h = scenario.channel.draw(uses, scenario.num_rx_ant, scenario.num_tx_ant, generator)
    return scenario.transmit(h, mixed_noise_var(scenario, snr, h, generator), 1, generator)


def measure_soft_bits(
    part: Quantizer | Detector, recipe: SoftBitRecipe, snr_db: float
) -> MeasuredSoftBits:
    """What quantising or estimating loses at one SNR, on fresh channels.

    Args:
        part: a finished one.
        recipe: gives the link, the teacher, the number of channel uses and the seed.
        snr_db: the SNR, in dB, of the scenario's definition.
    """
    snr, uses = SnrMix(low_db=snr_db, high_db=snr_db), recipe.measure.uses
    pairs: list[tuple[Tensor, Tensor]] = []
    for block, llr in _draws(recipe, snr, uses, f"measure {snr_db:.6f}"):
        aim = _aim(recipe, block, llr)
        if isinstance(part, Quantizer):
            pairs.append((part.through(llr), aim))
        else:
            pairs.append((part(block.y, block.h_hat, block.noise_var).llr(), aim))
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
