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
from torch import Tensor

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.foundation.errors import user_path
from mimolearn.foundation.pace import Pace
from mimolearn.foundation.tensors.descent import descend
from mimolearn.foundation.tensors.state import clean_torch
from mimolearn.training.cards import without_folders
from mimolearn.training.checkpoint import Position, load_checkpoint, save_checkpoint
from mimolearn.training.problems import Problem, problem_of
from mimolearn.training.recipe import AnyRecipe, read_recipe
from mimolearn.weights import Card, round_to, write_weights

_CHECKPOINT_S = 20.0


@dataclass(frozen=True)
class TrainingEvent:
    """Sent at every validation.

    Attributes:
        step: finished steps, of total_steps.
        total_steps: of all stages.
        stage: its number, from 0, of num_stages.
        num_stages: how many there are.
        learning_rate: of the last step.
        loss: mean over the steps since the last event.
        validation_loss: on samples that stay the same.
        best_loss: the least validation loss of this stage.
        elapsed_s: seconds since this run began or went on.
        eta_s: seconds left, by the pace of the last steps; None until the first ones, which also
            compile, are over.
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
    eta_s: float | None

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
class Achieved:
    """What training achieved, by the validation loss of its last stage; ``str`` says it in words.

    Attributes:
        start_loss: of the parameters that training began with; None where there are no steps, and
            where an older version wrote the checkpoint.
        loss: of the parameters that it ended with; None where there are no steps.
        kept_start: whether these are the same, because no step lowered the validation loss.
    """

    start_loss: float | None
    loss: float | None
    kept_start: bool

    def __str__(self) -> str:
        if self.loss is None:
            return "Fitted in one go, without training steps."
        if self.start_loss is None:
            return f"Validation loss {self.loss:.4g}."
        if self.kept_start:
            return (
                f"No step lowered the validation loss of {self.start_loss:.4g}: the weights are "
                "those that training started from."
            )
        if self.loss < self.start_loss:
            return f"Validation loss {self.loss:.4g}, down from {self.start_loss:.4g} at the start."
        return (
            f"Validation loss {self.loss:.4g}, not below the {self.start_loss:.4g} of the start: "
            "this training made nothing better."
        )


@dataclass(frozen=True)
class Trained:
    """What a training gives.

    Attributes:
        network: the detector, beamformer or quantiser, in evaluation mode.
        history: lines of the log.
        achieved: what training achieved, compared with its start.
        card: of the file; None where nothing was written: without a folder, and where training
            kept a start that is random or that is other weights.
        path: of the weights; None where nothing was written.
    """

    network: Any
    history: tuple[dict[str, Any], ...]
    achieved: Achieved
    card: Card | None = None
    path: Path | None = None


Progress = Callable[[TrainingEvent], None]


def train(
    recipe: AnyRecipe | str | Path,
    *,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a network, or fit a quantiser, as a recipe says.

    A run that was cut off leaves a checkpoint in ``out``, at most about 20 seconds old, and the
    same call goes on from it, bit for bit. The result does not depend on what the caller has set
    torch to: one thread, single precision, no autocast, no inference mode.

    Args:
        recipe: of any kind; the name of a shipped one; or a TOML file.
        out: a folder for NAME.safetensors, its card NAME.json and the log NAME.log.jsonl; without
            it nothing is written. Random numbers, or the weights of ``start_from``, that no step
            made better are not written as if they were trained: the log is all there is then.
        progress: is called with each TrainingEvent.

    Returns:
        The finished network, and what training achieved.

    Raises:
        InvalidInputError: one line, for a recipe that is wrong, a loss that is not finite, or a
            checkpoint of another recipe.
    """
    with clean_torch(), torch.enable_grad():
        recipe = read_recipe(recipe)
        folder = None if out is None else user_path(out)
        return _Run(recipe, problem_of(recipe), folder, progress).finish()


class _Run:
    """One training run, from the start or from a checkpoint."""

    def __init__(
        self,
        recipe: AnyRecipe,
        problem: Problem[Any],
        folder: Path | None,
        progress: Progress | None,
    ) -> None:
        self._started, self._cpu_started = time.monotonic(), time.process_time()
        self._recipe, self._problem = recipe, problem
        self._folder, self._progress = folder, progress
        self._history: list[dict[str, Any]] = []
        self._best: dict[str, Tensor] = {}
        problem.build()
        self._total = sum(stage.steps for stage in problem.stages)
        self._begin()
        problem.draw()
        self._seconds_before = self._position.seconds
        self._pace, self._last_saved = Pace(1), time.monotonic()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def _begin(self) -> None:
        """At the start, or as a checkpoint says."""
        problem, key = self._problem, self._recipe.key()
        path = self._path("checkpoint.safetensors")
        if path is not None and path.exists():
            loaded = load_checkpoint(path, key, problem.network, self._optimizer_of)
            self._position, self._best, self._optimizer, state = loaded
            problem.load_state(state)
            self._history = self._read_log()
            return
        self._position = Position(key, problem.start())
        self._optimizer = self._optimizer_of(0)
        log = self._path("log.jsonl")
        if log is not None:
            log.unlink(missing_ok=True)

    def finish(self) -> Trained:
        """Run all stages, write what there is to write."""
        position, problem = self._position, self._problem
        while position.stage < len(problem.stages):
            self._run_stage(position.stage)
        network: Any = problem.finish()
        for parameter in network.parameters():
            parameter.requires_grad_(False)
        history = tuple(self._history)
        achieved = Achieved(position.start_loss, position.loss, self._kept_start())
        if self._folder is None or self._has_nothing_new(achieved):
            self._remove_checkpoint()
            return Trained(network, history, achieved)
        dtype = problem.stored_dtype()
        if dtype is not None:
            round_to(network, dtype)
        small = problem.small_state(network)
        card = write_weights(self._folder, network, self._card_fields(network), dtype, small)
        self._remove_checkpoint()
        return Trained(network, history, achieved, card, self._path("safetensors"))

    def _kept_start(self) -> bool:
        """Whether there were steps, and none of them lowered the validation loss."""
        return self._total > 0 and not self._position.moved

    def _has_nothing_new(self, achieved: Achieved) -> bool:
        """Whether the parameters are still random, or those of other weights.

        A network that begins as a classical algorithm may well stay one.
        """
        nothing_yet = bool(self._position.start) or self._problem.starts_at_random()
        return achieved.kept_start and nothing_yet

    def _remove_checkpoint(self) -> None:
        checkpoint = self._path("checkpoint.safetensors")
        if checkpoint is not None:
            checkpoint.unlink(missing_ok=True)

    def _run_stage(self, number: int) -> None:
        position, problem = self._position, self._problem
        stage = problem.stages[number]
        problem.begin(number)
        if position.stage_step == 0:
            problem.begin_anew(number)
            self._keep_if_best(self._validate(number))
            if position.step == 0:
                position.start_loss = self._validate_start()
        losses: list[float] = []
        while position.stage_step < stage.steps:
            losses.append(self._step(number))
            last = position.stage_step == stage.steps
            if last or position.stage_step % problem.every == 0:
                self._report(number, losses)
                losses = []
                self._save_now_and_then()
        if problem.keeps_best:
            problem.network.load_state_dict(self._best)
            position.loss = position.best_loss
        problem.end(number)
        position.stage += 1
        position.stage_step = 0
        position.best_loss = math.inf
        if position.stage < len(problem.stages):
            self._optimizer = self._optimizer_of(position.stage)

    def _step(self, number: int) -> float:
        position, problem = self._position, self._problem
        problem.network.train()
        value = descend(
            self._optimizer,
            lambda: problem.step_loss(number, position.stage_step, position.step),
            step=position.step,
            learning_rate=problem.stages[number].learning_rate_at(position.stage_step),
            clip_norm=problem.clip_norm(number),
            adjust=lambda: problem.adjust(number),
        )
        position.stage_step += 1
        position.step += 1
        return float(value)

    def _report(self, number: int, losses: list[float]) -> None:
        value = self._validate(number)
        self._keep_if_best(value)
        position, stages = self._position, self._problem.stages
        position.seconds = self._seconds()
        now = time.monotonic()
        self._pace.add(now, len(losses))
        event = TrainingEvent(
            step=position.step,
            total_steps=self._total,
            stage=number,
            num_stages=len(stages),
            learning_rate=stages[number].learning_rate_at(position.stage_step - 1),
            loss=sum(losses) / len(losses),
            validation_loss=value,
            best_loss=position.best_loss,
            elapsed_s=now - self._started,
            eta_s=self._pace.seconds_for(self._total - position.step),
        )
        self._history.append(event.to_dict())
        log = self._path("log.jsonl")
        if log is not None:
            with log.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(event.to_dict()) + "\n")
        if self._progress is not None:
            self._progress(event)

    def _validate(self, number: int) -> float:
        self._problem.network.eval()
        with torch.no_grad():
            return self._problem.validate(number)

    def _validate_start(self) -> float:
        stages = self._problem.stages
        if len(stages) == 1:
            return self._position.best_loss
        self._problem.network.eval()
        with torch.no_grad():
            return self._problem.validate_start()

    def _keep_if_best(self, value: float) -> None:
        position, problem = self._position, self._problem
        # The first look counts whatever it is, so that there is always something to go back to.
        is_first = position.stage_step == 0
        if is_first or value < position.best_loss:
            position.best_loss = value
            position.best_step = position.step
            position.moved = position.moved or not is_first
            if problem.keeps_best:
                state = problem.network.state_dict()
                self._best = {key: tensor.detach().clone() for key, tensor in state.items()}
        if not problem.keeps_best and not is_first:
            position.loss, position.moved = value, True

    def _save_now_and_then(self) -> None:
        now = time.monotonic()
        path = self._path("checkpoint.safetensors")
        if path is None or now - self._last_saved < _CHECKPOINT_S:
            return
        self._last_saved = now
        problem = self._problem
        state = problem.state()
        save_checkpoint(path, self._position, problem.network, self._best, self._optimizer, state)

    def _optimizer_of(self, stage: int) -> Any:
        # After the last stage there is none, but a checkpoint may lie there.
        last = len(self._problem.stages) - 1
        return None if last < 0 else self._problem.adam(min(stage, last))

    def _seconds(self) -> float:
        return self._seconds_before + time.process_time() - self._cpu_started

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

    def _card_fields(self, network: Any) -> dict[str, Any]:
        recipe, position = self._recipe, self._position
        common = {
            "name": recipe.name,
            "constellation": recipe.scenario.points().name,
            "recipe": without_folders(recipe.model_dump(mode="json", exclude_none=True)),
            "recipe_key": recipe.key(),
            "seed": recipe.seed,
            "start": position.start,
            "steps": position.step,
            "best_step": position.best_step,
            "validation_loss": position.loss or 0.0,
            "seconds": round(self._seconds(), 1),
        }
        return common | self._problem.card_fields(network, position, self._history)
