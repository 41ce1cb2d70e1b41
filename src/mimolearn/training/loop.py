"""The one training loop: steps, validation, the best parameters, checkpoints, weights and log."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor
from torch.optim import Adam

from mimolearn.detectors import UnfoldedDetector
from mimolearn.detectors.trained import load_detector
from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.foundation.errors import invalid, user_path
from mimolearn.foundation.tensors.threads import one_thread
from mimolearn.link.scenario import Block
from mimolearn.training.checkpoint import Position, load_checkpoint, save_checkpoint
from mimolearn.training.data import draw_block, draw_channels, step_generator
from mimolearn.training.losses import check_loss_finite, loss_of
from mimolearn.training.measure import measure
from mimolearn.training.recipe import (
    AnyRecipe,
    BeamRecipe,
    Recipe,
    SoftBitRecipe,
    Stage,
    read_recipe,
)
from mimolearn.training.soft_bits import fit_soft_bits
from mimolearn.weights import Card, DepthLosses, read_card, round_to, write_weights

_CHECKPOINT_S = 20.0


@dataclass(frozen=True)
class TrainingEvent:
    """Sent at every validation.

    step of total_steps; loss: mean since the last event; validation_loss, on the fixed set, and
    the best of this stage; seconds since this run began or went on, and left by its mean speed.
    """

    step: int
    total_steps: int
    stage: int
    num_stages: int
    learning_rate: float
    loss: float
    validation_loss: float
    best_loss: float
    elapsed_s: float
    eta_s: float

    def to_dict(self) -> dict[str, Any]:
        """What the log keeps; times are left out, so that logs of equal runs are equal."""
        return {
            "step": self.step,
            "stage": self.stage,
            "learning_rate": self.learning_rate,
            "loss": self.loss,
            "validation_loss": self.validation_loss,
            "best_loss": self.best_loss,
        }


@dataclass(frozen=True)
class Trained:
    """detector: the network, of the recipe's family, in evaluation mode. history: log lines.
    card, path: of the file, if any.
    """

    detector: Any
    history: tuple[dict[str, Any], ...]
    card: Card | None = None
    path: Path | None = None


Progress = Callable[[TrainingEvent], None]


def train(
    recipe: AnyRecipe | str | Path,
    *,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Any:
    """Train a network as a recipe says; returns Trained, or FittedSoftBits for a quantiser's.

    recipe: a Recipe, the name of a shipped one, or a TOML file. out: a folder for NAME.safetensors,
    its card NAME.json and the log NAME.log.jsonl; without it nothing is written. A run that was cut
    off leaves a checkpoint there, and the same call goes on from it, bit for bit. One thread is
    used, because the last bit of a sum depends on their number.
    Raises InvalidInputError, one line, for a recipe that is wrong or a loss that is not finite.
    """
    recipe = read_recipe(recipe)
    if isinstance(recipe, SoftBitRecipe):
        return fit_soft_bits(recipe, out)
    with one_thread():
        return _run_of(recipe)(recipe, None if out is None else user_path(out), progress).finish()


def _run_of(recipe: Recipe | BeamRecipe) -> type[Run]:
    if isinstance(recipe, Recipe):
        return Run
    # Here, because its loop is made from this one.
    from mimolearn.training.beam_loop import BeamRun

    return BeamRun


class Run:
    """One training run, from the start or from a checkpoint.

    What is drawn, what is minimised and what the card says are methods of their own: those of
    another family (``beam_loop``) take their place, and the loop stays the one.
    """

    def __init__(self, recipe: Any, folder: Path | None, progress: Progress | None) -> None:
        self._recipe = recipe
        self._progress = progress
        self._stages = recipe.stages()
        self._shares = recipe.shares()
        self._total = sum(stage.steps for stage in self._stages)
        self._folder = folder
        self._detector = self._build()
        self._history: list[dict[str, Any]] = []
        self._started, self._cpu_started = time.monotonic(), time.process_time()
        path = self._path("checkpoint.safetensors")
        if path is not None and path.exists():
            loaded = load_checkpoint(path, recipe.key(), self._detector, self._optimizer_of)
            self._position, self._best, self._optimizer = loaded
            self._history = self._read_log()
        else:
            start = self._start_from(recipe.start_from) if recipe.start_from else ""
            self._position = Position(recipe.key(), start)
            self._optimizer = self._optimizer_of(0)
            self._best = {}
            log = self._path("log.jsonl")
            if log is not None:
                log.unlink(missing_ok=True)
        self._banks = self._draw_banks()
        self._seconds_before, self._first_step = self._position.seconds, self._position.step
        self._last_saved = time.monotonic()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def finish(self) -> Trained:
        """Run all stages, write what there is to write."""
        while self._position.stage < len(self._stages):
            self._run_stage(self._stages[self._position.stage])
        detector = self._finished()
        for parameter in detector.parameters():
            parameter.requires_grad_(False)
        history = tuple(self._history)
        if self._folder is None:
            return Trained(detector, history)
        dtype = self._stored()
        if dtype is not None:
            round_to(detector, dtype)
        small = detector.small_state() if isinstance(detector, UnfoldedDetector) else None
        card = write_weights(self._folder, detector, self._card_fields(detector), dtype, small)
        checkpoint = self._path("checkpoint.safetensors")
        if checkpoint is not None:
            checkpoint.unlink(missing_ok=True)
        return Trained(detector, history, card, self._path("safetensors"))

    def _build(self) -> Any:
        detector = self._recipe.build()
        if self._recipe.precision == "bfloat16":
            detector.training_dtype = torch.bfloat16
        return detector

    def _stored(self) -> torch.dtype | None:
        return torch.float16 if self._recipe.stored == "float16" else None

    def _finished(self) -> Any:
        return self._detector.eval().finished()

    def _run_stage(self, stage: Stage) -> None:
        position = self._position
        validation = self._validation_blocks(stage)
        if stage.sharpness is not None:
            self._detector.set_sharpness(stage.sharpness)
        if position.stage_step == 0:
            if stage.train == "shared" and not self._recipe.start_from:
                self._detector.share_streams(self._recipe.seed)
            self._keep_if_best(self._validate(stage, validation))
        losses: list[float] = []
        while position.stage_step < stage.steps:
            losses.append(self._step(stage))
            last = position.stage_step == stage.steps
            if last or position.stage_step % self._recipe.validation.every == 0:
                self._report(stage, validation, losses)
                losses = []
                self._save_now_and_then()
        self._detector.load_state_dict(self._best)
        position.stage += 1
        position.stage_step = 0
        position.best_loss = math.inf
        if position.stage < len(self._stages):
            self._optimizer = self._optimizer_of(position.stage)

    def _step(self, stage: Stage) -> float:
        recipe, position = self._recipe, self._position
        for group in self._optimizer.param_groups:
            group["lr"] = stage.learning_rate_at(position.stage_step)
        self._detector.train()
        self._optimizer.zero_grad()
        loss = self._step_loss(stage)
        loss.backward()
        value = float(loss.detach())
        check_loss_finite(value, position.step)
        if stage.train == "newest":
            _freeze_older(self._detector, stage.depth)
        elif stage.train == "shared":
            self._detector.share_gradients()
        if recipe.adam.clip_norm:
            torch.nn.utils.clip_grad_norm_(self._detector.parameters(), recipe.adam.clip_norm)
        self._optimizer.step()
        position.stage_step += 1
        position.step += 1
        return value

    def _step_loss(self, stage: Stage) -> Tensor:
        recipe, step = self._recipe, self._position.step
        generator = step_generator(recipe.seed, "train", step)
        number = step % len(self._shares)
        share, bank = self._shares[number], self._banks[number]
        size = recipe.batch.channels, recipe.batch.vectors
        block = draw_block(share.scenario, stage.snr or share.snr, *size, generator, bank)
        detector = self._detector.serving(share.scenario.constellation)
        return self._mean_loss(detector, block, stage.depth, generator)

    def _mean_loss(
        self, detector: UnfoldedDetector, block: Block, depth: int | None, draw: Generator | None
    ) -> Tensor:
        """Mean over the network and those parts of it that it has trained beside itself."""
        views = detector.views(draw)
        losses = [
            loss_of(self._recipe.loss, view, block, own_depth or depth) for view, own_depth in views
        ]
        return sum(losses[1:], losses[0]) / len(losses)

    def _report(self, stage: Stage, validation: list[Any], losses: list[float]) -> None:
        value = self._validate(stage, validation)
        self._keep_if_best(value)
        position = self._position
        position.seconds = self._seconds_before + time.process_time() - self._cpu_started
        elapsed = time.monotonic() - self._started
        speed = (position.step - self._first_step) / elapsed
        event = TrainingEvent(
            step=position.step,
            total_steps=self._total,
            stage=position.stage,
            num_stages=len(self._stages),
            learning_rate=stage.learning_rate_at(position.stage_step - 1),
            loss=sum(losses) / len(losses),
            validation_loss=value,
            best_loss=position.best_loss,
            elapsed_s=elapsed,
            eta_s=(self._total - position.step) / speed,
        )
        self._history.append(event.to_dict())
        log = self._path("log.jsonl")
        if log is not None:
            with log.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(event.to_dict()) + "\n")
        if self._progress is not None:
            self._progress(event)

    def _validation_blocks(self, stage: Stage) -> list[Any]:
        """One block a scenario."""
        plan, seed = self._recipe.validation, self._recipe.seed
        return [
            draw_block(
                share.scenario,
                stage.snr or share.snr,
                plan.channels,
                plan.vectors,
                step_generator(seed, "validation", number),
            )
            for number, share in enumerate(self._shares)
        ]

    def _draw_banks(self) -> list[Any]:
        """One a scenario."""
        recipe = self._recipe
        if not recipe.batch.bank:
            return [None] * len(self._shares)
        return [
            draw_channels(
                share.scenario, recipe.batch.bank, step_generator(recipe.seed, "bank", number)
            )
            for number, share in enumerate(self._shares)
        ]

    def _validate(self, stage: Stage, blocks: list[Any]) -> float:
        self._detector.eval()
        losses = []
        with torch.no_grad():
            for share, block in zip(self._shares, blocks, strict=True):
                detector = self._detector.serving(share.scenario.constellation)
                losses.append(float(self._mean_loss(detector, block, stage.depth, None)))
        return sum(losses) / len(losses)

    def _keep_if_best(self, value: float) -> None:
        # The first look counts whatever it is, so that there is always something to go back to.
        if self._position.stage_step == 0 or value < self._position.best_loss:
            self._position.best_loss = value
            self._position.best_step = self._position.step
            state = self._detector.state_dict()
            self._best = {key: tensor.detach().clone() for key, tensor in state.items()}

    def _save_now_and_then(self) -> None:
        now = time.monotonic()
        path = self._path("checkpoint.safetensors")
        if path is None or now - self._last_saved < _CHECKPOINT_S:
            return
        self._last_saved = now
        save_checkpoint(path, self._position, self._detector, self._best, self._optimizer)

    def _optimizer_of(self, stage: int) -> Adam:
        # After the last stage there is none, but a checkpoint may lie there.
        rate = self._stages[min(stage, len(self._stages) - 1)].learning_rate
        adam = self._recipe.adam
        trainable = [p for p in self._detector.parameters() if p.requires_grad]
        return Adam(trainable, lr=rate, betas=(adam.beta1, adam.beta2), fused=adam.fused)

    def _start_from(self, name: str) -> str:
        other = load_detector(name)
        if not isinstance(other, UnfoldedDetector):
            raise invalid("start_from", name, "a network with learned layers")
        self._detector.start_from(other)
        if self._stages[0].train == "shared" and self._detector.small_state() is None:
            raise invalid("start_from", name, "weights that are alike for all streams")
        return read_card(name).sha256

    def _path(self, ending: str) -> Path | None:
        return None if self._folder is None else self._folder / f"{self._recipe.name}.{ending}"

    def _read_log(self) -> list[dict[str, Any]]:
        """The log up to the checkpoint; what a dead run wrote after it is cut off."""
        log = self._path("log.jsonl")
        if log is None or not log.exists():
            return []
        lines = []
        for text in log.read_text("utf-8").splitlines():
            with contextlib.suppress(ValueError):
                line = json.loads(text)
                if line["step"] <= self._position.step:
                    lines.append(line)
        write_atomically(log, "".join(json.dumps(line) + "\n" for line in lines))
        return lines

    def _card_fields(self, detector: Any) -> dict[str, Any]:
        recipe, position = self._recipe, self._position
        options, known = recipe.network_options(), detector.option_names()
        return {
            "name": recipe.name,
            "network": detector.name,
            "constellation": recipe.scenario.constellation,
            "options": {key: value for key, value in options.items() if key in known},
            "recipe": recipe.model_dump(mode="json", exclude_none=True),
            "recipe_key": recipe.key(),
            "seed": recipe.seed,
            "start": position.start,
            "steps": position.step,
            "best_step": position.best_step,
            "validation_loss": self._history[-1]["best_loss"],
            "seconds": round(position.seconds, 1),
            "measured": measure(detector, recipe.scenario, recipe.measure, recipe.seed),
            "depths": self._depths(),
        }

    def _depths(self) -> tuple[DepthLosses, ...]:
        """What every depth had reached when it was the last, SNR after SNR."""
        plan = self._recipe.layer_by_layer
        if plan is None:
            return ()
        best = {line["stage"]: line["best_loss"] for line in self._history}
        found: dict[float, list[float]] = {level: [] for level in plan.levels_db}
        for number, stage in enumerate(self._stages):
            if stage.train == "all" and stage.snr is not None:
                found[stage.snr.low_db].append(best[number])
        return tuple(DepthLosses(snr_db=k, losses=tuple(v)) for k, v in found.items())


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
