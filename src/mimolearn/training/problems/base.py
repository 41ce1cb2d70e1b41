"""What the training loop asks of a problem: a network, losses, and the fields of its card."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Adam

from mimolearn.training.checkpoint import Position


class Schedule(Protocol):
    """A stage as the loop sees it."""

    @property
    def steps(self) -> int:
        """Steps of the stage."""
        ...

    def learning_rate_at(self, step: int) -> float:
        """The rate of a step of the stage, counted from 0."""
        ...


StageT = TypeVar("StageT", bound=Schedule)


class Problem(ABC, Generic[StageT]):
    """What is trained by a recipe of one kind.

    The loop calls ``build``, then ``start`` or a checkpoint's ``load_state``, then ``draw``; for
    each stage ``begin``, ``step_loss`` again and again with ``validate`` between, and ``end``; at
    last ``finish`` and ``card_fields``. Stages and steps are counted from 0.

    Attributes:
        network: what is trained, from ``build`` on.
        stages: the schedule, from ``build`` on.
        every: steps between two validations.
        keeps_best: whether a stage ends with the parameters of its lowest validation loss, or with
            its last ones.
    """

    keeps_best: ClassVar[bool] = True
    network: Any
    stages: tuple[StageT, ...]
    every: int

    @abstractmethod
    def build(self) -> None:
        """Make the network at its start."""

    @abstractmethod
    def start(self) -> str:
        """Take over the weights that the recipe starts from; returns their digest, or ""."""

    def starts_at_random(self) -> bool:
        """Return whether a new network is random: no classical method, and no other weights."""
        return False

    @abstractmethod
    def draw(self) -> None:
        """Draw what steps choose from."""

    def begin(self, stage: int) -> None:
        """Start a stage, also one that a checkpoint goes on with."""
        del stage

    def begin_anew(self, stage: int) -> None:
        """Start a stage whose first step has not been taken; called after ``begin``."""
        del stage

    @abstractmethod
    def step_loss(self, stage: int, stage_step: int, step: int) -> Tensor:
        """The loss of a step.

        Args:
            stage: its number.
            stage_step: number of the step in its stage.
            step: number of the step in all.

        Returns:
            A scalar, (), on the graph.
        """

    def adjust(self, stage: int) -> None:
        """Change the gradients of a step."""
        del stage

    @abstractmethod
    def validate(self, stage: int) -> float:
        """The loss of a stage on samples that stay the same; it changes nothing."""

    def validate_start(self) -> float:
        """The loss of the last stage, before the first step of all."""
        return self.validate(len(self.stages) - 1)

    def end(self, stage: int) -> None:
        """Close a stage."""
        del stage

    @abstractmethod
    def adam(self, stage: int) -> Adam:
        """A new optimiser for a stage."""

    def clip_norm(self, stage: int) -> float:
        """The largest norm that a gradient keeps; 0 for any."""
        del stage
        return 0.0

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint needs beside the network and the optimiser."""
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on from what ``state`` gave."""
        del state

    @abstractmethod
    def finish(self) -> nn.Module:
        """The finished network, in evaluation mode."""

    def stored_dtype(self) -> torch.dtype | None:
        """What real numbers are stored in; None for their own type."""
        return None

    def small_state(self, network: Any) -> Mapping[str, Tensor] | None:
        """Tensors to store in place of the finished network's, in layout "small"."""
        del network

    @abstractmethod
    def card_fields(
        self, network: Any, position: Position, history: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        """Fields of the card beyond those that every training has.

        Args:
            network: the finished one.
            position: of the training at its end.
            history: lines of its log.
        """
