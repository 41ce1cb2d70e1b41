"""Beamformers in the training loop: channels at one SNR or several, no symbols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor
from torch.optim import Adam

from mimolearn.beamformers import LearnedBeamformer, symbol_error_rate
from mimolearn.beamformers.trained import load_beamformer
from mimolearn.link.beam_scenario import BeamBlock
from mimolearn.training.checkpoint import Position
from mimolearn.training.data import step_generator
from mimolearn.training.problems.base import Problem
from mimolearn.training.recipe import BeamRecipe, Evolution, Stage
from mimolearn.weights import BeamMeasured, read_card

# Natural logarithm of an error rate below which a channel has nothing more to teach.
_DEEPEST = -23.0
_FLOOR = 1e-15
# Difference of losses beyond which a direction counts no more: a few channels made it.
_STEEPEST = 0.5


class Beams(Problem[Stage]):
    """A LearnedBeamformer."""

    network: LearnedBeamformer

    def __init__(self, recipe: BeamRecipe) -> None:
        self._recipe = recipe
        self.stages = recipe.stages()
        self.every = recipe.validation.every

    def build(self) -> None:
        self.network = self._recipe.build()

    def start(self) -> str:
        name = self._recipe.start_from
        if not name:
            return ""
        self.network.start_from(load_beamformer(name, self._recipe.scenario.array))
        return read_card(name).sha256

    def starts_at_random(self) -> bool:
        return self.network.random_start

    def draw(self) -> None:
        recipe = self._recipe
        self._freeze()
        generator = step_generator(recipe.seed, "bank", 0)
        self._bank = recipe.scenario.draw(recipe.batch.bank, generator)
        generator = step_generator(recipe.seed, "validation", 0)
        self._validated = recipe.scenario.draw(recipe.validation.channels, generator)

    def step_loss(self, stage: int, stage_step: int, step: int) -> Tensor:
        del stage, stage_step
        recipe, bank = self._recipe, self._bank
        generator = step_generator(recipe.seed, "train", step)
        levels = recipe.levels_db
        if recipe.batch.levels == "in turn":
            levels = levels[step % len(levels) :][:1]
        count = recipe.batch.channels * len(levels)
        chosen = torch.randint(len(bank.h), (count,), generator=generator)
        block = BeamBlock(bank.h[chosen], bank.h_hat[chosen])
        if recipe.evolution:
            return self._evolved(block, levels, recipe.evolution, generator)
        return self._loss(block, levels)

    def _evolved(
        self, block: BeamBlock, levels: tuple[float, ...], plan: Evolution, generator: Generator
    ) -> Tensor:
        """The loss, with derivatives from differences of it (antithetic evolution strategies)."""
        parameters = self.network.layered_parameters()
        slopes = [torch.zeros_like(p) for p in parameters]
        with torch.no_grad():
            value = self._loss(block, levels)
            for _ in range(plan.directions):
                ways = [_over_layers(p, generator) for p in parameters]
                ends = []
                for sign in (1, -2):
                    for p, way in zip(parameters, ways, strict=True):
                        p += sign * plan.deviation * way
                    ends.append(self._loss(block, levels))
                for p, way in zip(parameters, ways, strict=True):
                    p += plan.deviation * way
                rise = (ends[0] - ends[1]).clamp(-_STEEPEST, _STEEPEST)
                share = rise / (2 * plan.deviation * plan.directions)
                for slope, way in zip(slopes, ways, strict=True):
                    slope += share * way
        moved = sum(((p - p.detach()) * s).sum() for p, s in zip(parameters, slopes, strict=True))
        return value + moved

    def _loss(self, block: BeamBlock, levels_db: tuple[float, ...]) -> Tensor:
        """Mean over SNRs, each on a share of the channels of its own.

        Designs know h_hat, and the loss is over h.
        """
        recipe, h = self._recipe, block.h_hat
        truth = block.h if recipe.scenario.csi_error_var else None
        each = [recipe.scenario.noise_var(snr_db) for snr_db in levels_db]
        noise = torch.tensor(each, dtype=torch.float32)
        noise_var = noise.repeat_interleave(len(h) // len(levels_db))
        values = torch.stack(self.network.values(h, noise_var, recipe.criterion, truth))
        shares = values.unflatten(1, (len(levels_db), -1)).unbind(1)
        return torch.stack([self._loss_of(share) for share in shares]).mean()

    def _loss_of(self, values: Tensor) -> Tensor:
        """values: (layers + 1, N) at one SNR."""
        share = self._recipe.mean_share
        best = _level_loss(values.amin(0), share)
        if len(values) == 1:
            return best
        late = torch.stack([_level_loss(v, share) for v in values[(len(values) + 1) // 2 :]]).mean()
        weight = self._recipe.inner_weight
        return best + weight * late - (1 + weight) * _level_loss(values[0].detach(), share)

    def _freeze(self) -> None:
        """Gradients of frozen layers are zero, and Adam leaves their parameters alone."""
        frozen = self._recipe.frozen_layers
        if not frozen:
            return

        def zero_first(gradient: Tensor) -> Tensor:
            gradient = gradient.clone()
            gradient[:frozen] = 0
            return gradient

        for parameter in self.network.layered_parameters():
            parameter.register_hook(zero_first)

    def validate(self, stage: int) -> float:
        del stage
        levels = self._recipe.levels_db
        losses = [float(self._loss(self._validated, (snr_db,))) for snr_db in levels]
        return sum(losses) / len(losses)

    def adam(self, stage: int) -> Adam:
        return self._recipe.adam.optimizer(self.network, self.stages[stage].learning_rate)

    def clip_norm(self, stage: int) -> float:
        del stage
        return self._recipe.adam.clip_norm

    def finish(self) -> LearnedBeamformer:
        return self.network.eval()

    def card_fields(
        self, network: Any, position: Position, history: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        del position, history
        return {
            "kind": "beamformer",
            "network": network.name,
            "options": self._recipe.network_options(),
            "beams_measured": measure_beams(network, self._recipe),
        }


def measure_beams(network: LearnedBeamformer, recipe: BeamRecipe) -> tuple[BeamMeasured, ...]:
    """Exact error rates of a network and of the design that its layers start from.

    Args:
        network: a trained one.
        recipe: gives the scenario, the SNRs and the seed of channels that nothing was trained on.
    """
    scenario, plan = recipe.scenario, recipe.measure
    h, h_hat = scenario.draw(plan.channels, step_generator(recipe.seed, "measure", 0))
    measured = []
    for snr_db in plan.snr_db:
        noise_var = torch.full((len(h),), scenario.noise_var(snr_db), dtype=torch.float32)
        with torch.no_grad():
            beams = network(h_hat, noise_var)
            start = network.start(h_hat, noise_var)
        rates, before = (
            symbol_error_rate(h, b, noise_var, scenario.constellation).mean((-1, -2))
            for b in (beams, start)
        )
        measured.append(
            BeamMeasured(
                snr_db=snr_db,
                ser=float(rates.mean()),
                geometric_ser=float(rates.clamp(min=_FLOOR).log().mean().exp()),
                start_ser=float(before.mean()),
                channels=len(h),
            )
        )
    return tuple(measured)


def _over_layers(parameter: Tensor, generator: Generator) -> Tensor:
    """A random direction whose layers differ by a trend: (L, ...)."""
    level, trend = torch.randn(2, *parameter.shape[1:], generator=generator, dtype=torch.float32)
    layers = parameter.shape[0]
    position = (
        torch.linspace(-0.5, 0.5, layers, dtype=torch.float32)
        if layers > 1
        else torch.zeros(1, dtype=torch.float32)
    )
    return level + position.view(-1, *(1,) * (parameter.ndim - 1)) * trend


def _level_loss(value: Tensor, mean_share: float) -> Tensor:
    """Between the mean of ln and ln of the mean."""
    value = value.clamp(min=_DEEPEST)
    return mean_share * value.exp().mean().log() + (1 - mean_share) * value.mean()
