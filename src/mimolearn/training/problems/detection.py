"""Detectors in the training loop: blocks of symbols over channels, at SNRs of a mix."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor
from torch.optim import Adam

from mimolearn.detectors import UnfoldedDetector
from mimolearn.detectors.trained import load_detector
from mimolearn.foundation.errors import invalid
from mimolearn.link.scenario import Block
from mimolearn.training.checkpoint import Position
from mimolearn.training.data import step_generator
from mimolearn.training.draws import draws_of
from mimolearn.training.losses import loss_of
from mimolearn.training.measure import measure
from mimolearn.training.problems.base import Problem
from mimolearn.training.recipe import Recipe, Stage
from mimolearn.weights import DepthLosses, read_card


class Detection(Problem[Stage]):
    """An UnfoldedDetector, on one scenario or several in turn."""

    network: UnfoldedDetector

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._shares = recipe.shares()
        self.stages = recipe.stages()
        self.every = recipe.validation.every

    def build(self) -> None:
        self.network = self._recipe.build()
        if self._recipe.precision == "bfloat16":
            self.network.training_dtype = torch.bfloat16

    def start(self) -> str:
        name = self._recipe.start_from
        if not name:
            return ""
        other = load_detector(name)
        if not isinstance(other, UnfoldedDetector):
            raise invalid("start_from", name, "a network with learned layers")
        self.network.start_from(other)
        if self.stages[0].train == "shared" and self.network.small_state() is None:
            raise invalid("start_from", name, "weights that are alike for all streams")
        return read_card(name).sha256

    def starts_at_random(self) -> bool:
        return self.network.random_start

    def draw(self) -> None:
        seed, count = self._recipe.seed, self._recipe.batch.bank
        self._draws = [
            draws_of(share.scenario, count, seed, n) for n, share in enumerate(self._shares)
        ]

    def begin(self, stage: int) -> None:
        self._blocks = self._validation_blocks(stage)
        sharpness = self.stages[stage].sharpness
        if sharpness is not None:
            self.network.set_sharpness(sharpness)

    def begin_anew(self, stage: int) -> None:
        if self.stages[stage].train == "shared" and not self._recipe.start_from:
            self.network.share_streams(self._recipe.seed)

    def step_loss(self, stage: int, stage_step: int, step: int) -> Tensor:
        del stage_step
        recipe, plan = self._recipe, self.stages[stage]
        generator = step_generator(recipe.seed, "train", step)
        number = step % len(self._shares)
        share = self._shares[number]
        size = recipe.batch.channels, recipe.batch.vectors
        block = self._draws[number].of_step(plan.snr or share.snr, *size, generator)
        detector = self.network.serving(share.scenario.points())
        return self._mean_loss(detector, block, plan.depth, generator)

    def _mean_loss(
        self, detector: UnfoldedDetector, block: Block, depth: int | None, draw: Generator | None
    ) -> Tensor:
        """Mean over the network and those parts of it that it has trained beside itself."""
        views = detector.views(draw)
        losses = [
            loss_of(self._recipe.loss, view, block, own_depth or depth) for view, own_depth in views
        ]
        return sum(losses[1:], losses[0]) / len(losses)

    def adjust(self, stage: int) -> None:
        plan = self.stages[stage]
        if plan.train == "newest":
            _freeze_older(self.network, plan.depth)
        elif plan.train == "shared":
            self.network.share_gradients()

    def validate(self, stage: int) -> float:
        return self._validation_loss(self.stages[stage], self._blocks)

    def validate_start(self) -> float:
        last = self.stages[-1]
        blocks = self._validation_blocks(len(self.stages) - 1)
        if last.sharpness is None:
            return self._validation_loss(last, blocks)
        # A copy takes the last sharpness: the first stage needs its own.
        kept, self.network = self.network, copy.deepcopy(self.network)
        try:
            self.network.set_sharpness(last.sharpness)
            return self._validation_loss(last, blocks)
        finally:
            self.network = kept

    def _validation_loss(self, plan: Stage, blocks: list[Block]) -> float:
        losses = []
        for share, block in zip(self._shares, blocks, strict=True):
            detector = self.network.serving(share.scenario.points())
            losses.append(float(self._mean_loss(detector, block, plan.depth, None)))
        return sum(losses) / len(losses)

    def _validation_blocks(self, stage: int) -> list[Block]:
        """One block a scenario."""
        plan, seed = self._recipe.validation, self._recipe.seed
        return [
            draws.fresh(
                self.stages[stage].snr or share.snr,
                plan.channels,
                plan.vectors,
                step_generator(seed, "validation", number),
            )
            for number, (share, draws) in enumerate(zip(self._shares, self._draws, strict=True))
        ]

    def adam(self, stage: int) -> Adam:
        return self._recipe.adam.optimizer(self.network, self.stages[stage].learning_rate)

    def clip_norm(self, stage: int) -> float:
        del stage
        return self._recipe.adam.clip_norm

    def finish(self) -> UnfoldedDetector:
        return self.network.eval().finished()

    def stored_dtype(self) -> torch.dtype | None:
        return torch.float16 if self._recipe.stored == "float16" else None

    def small_state(self, network: Any) -> Mapping[str, Tensor] | None:
        return network.small_state() if isinstance(network, UnfoldedDetector) else None

    def card_fields(
        self, network: Any, position: Position, history: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        del position
        recipe = self._recipe
        options, known = recipe.network_options(), network.option_names()
        return {
            "constellation": recipe.scenario.points().name,
            "network": network.name,
            "options": {key: value for key, value in options.items() if key in known},
            "measured": measure(network, recipe.scenario, recipe.measure, recipe.seed),
            "depths": self._depths(history),
        }

    def _depths(self, history: Sequence[dict[str, Any]]) -> tuple[DepthLosses, ...]:
        """What every depth had reached when it was the last, SNR after SNR."""
        plan = self._recipe.layer_by_layer
        if plan is None:
            return ()
        best = {line["stage"]: line["best_loss"] for line in history}
        losses: dict[float, list[float]] = {level: [] for level in plan.levels_db}
        for number, stage in enumerate(self.stages):
            if stage.train == "all" and stage.snr is not None:
                losses[stage.snr.low_db].append(best[number])
        return tuple(DepthLosses(snr_db=k, losses=tuple(v)) for k, v in losses.items())


def _freeze_older(detector: UnfoldedDetector, depth: int | None) -> None:
    """Zero the gradient of all but the newest layer; Adam then leaves those parameters alone."""
    newest = (depth or detector.num_layers) - 1
    layered = detector.layer_parameters()
    for parameter, first in layered:
        if parameter.grad is not None:
            parameter.grad[: max(newest - first, 0)] = 0
    rows = {id(parameter) for parameter, _ in layered}
    for parameter in detector.parameters():
        if id(parameter) not in rows and parameter.grad is not None:
            parameter.grad.zero_()
