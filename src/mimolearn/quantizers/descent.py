"""Fits by gradient descent on a fixed set of samples, the same for every learned scheme."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.optim import Adam

from mimolearn.foundation.errors import check_positive_int, invalid
from mimolearn.foundation.tensors.descent import descend
from mimolearn.foundation.tensors.threads import one_thread

SoftLoss = Callable[[Tensor, Tensor], Tensor]
"""(decoded LLRs, true LLRs), both (N, ...) -> (N, ...) loss of each LLR."""


# Mean losses of fewer steps vary too much to be compared.
_TELLING = 10
# Samples that a validation takes.
_VALIDATED = 2048


@dataclass(frozen=True)
class Phase:
    """A part of a fit with an optimiser and a generator of its own.

    Attributes:
        steps: of Adam, its rate on half a cosine down to nothing.
        batch: samples a step.
        learning_rate: of the first step.
        seed: of the choice of samples.
        amsgrad: use that form of Adam.
        clip_norm: the largest norm that a gradient keeps; 0 for any. With the KL loss, whose
            gradient a confident mistake makes huge, 0.1 takes a third of the steps that 0 takes.

    Raises:
        InvalidInputError: for steps or batch that are no positive integers.
    """

    steps: int
    batch: int
    learning_rate: float
    seed: int
    amsgrad: bool = False
    clip_norm: float = 0.0

    def __post_init__(self) -> None:
        check_positive_int("steps", self.steps, 10**8)
        check_positive_int("batch", self.batch)

    def learning_rate_at(self, step: int) -> float:
        """The rate of a step of the phase, counted from 0."""
        return self.learning_rate * (1 + math.cos(math.pi * step / self.steps)) / 2

    def adam(self, module: nn.Module) -> Adam:
        """A new optimiser of what can be trained in a module."""
        trainable = [p for p in module.parameters() if p.requires_grad]
        return Adam(trainable, lr=self.learning_rate, amsgrad=self.amsgrad, fused=True)


class Fit(ABC):
    """A module under way: samples that were drawn once, and phases of descent on them.

    ``minimise`` runs one from end to end, and the training loop step by step; both give the same
    numbers, because draws come from generators that belong to the fit.
    """

    def __init__(self, module: Any, num_samples: int, phases: Sequence[Phase]) -> None:
        """Before the first phase.

        Args:
            module: what is fitted, an nn.Module.
            num_samples: how many samples there are.
            phases: one after the other.
        """
        self.module, self.num_samples, self.phases = module, num_samples, tuple(phases)
        self._generator = Generator()
        self._sums = torch.zeros(2, dtype=torch.float32)

    @abstractmethod
    def loss(self, number: int, chosen: Tensor) -> Tensor:
        """The loss of a phase.

        Args:
            number: of the phase.
            chosen: (batch,) int64; positions of samples.

        Returns:
            A scalar, ().
        """

    def begin(self, number: int) -> None:
        """Start a phase."""
        self._generator = Generator().manual_seed(self.phases[number].seed)
        self._sums = torch.zeros(2, dtype=torch.float32)

    def step_loss(self, number: int, step: int) -> Tensor:
        """The loss, (), of a step of a phase on samples that it draws."""
        phase = self.phases[number]
        chosen = torch.randint(self.num_samples, (phase.batch,), generator=self._generator)
        value = self.loss(number, chosen)
        last = _compared(phase)
        if step < last:
            self._sums[0] += value.detach()
        if step >= phase.steps - last:
            self._sums[1] += value.detach()
        return value

    def validation_loss(self, number: int) -> Tensor:
        """The loss, (), of a phase on the first samples; it draws nothing."""
        return self.loss(number, self.validated())

    def validated(self) -> Tensor:
        """(n,) int64; positions of the samples that a validation takes."""
        return torch.arange(min(self.num_samples, _VALIDATED))

    def end(self, number: int) -> None:
        """Close a phase.

        Raises:
            InvalidInputError: for a phase, long enough to tell, whose loss is twice what it was.
        """
        last = _compared(self.phases[number])
        first_sum, last_sum = self._sums.tolist()
        if last >= _TELLING and last_sum > 2 * first_sum:
            # A descent that ran away can settle at a finite loss far above where it began.
            expected = f"less than {first_sum / last:.3g} at the start; lower the learning rate"
            raise invalid("loss at the end", last_sum / last, expected)

    def finish(self) -> Any:
        """The finished module; nothing of it can be trained any more."""
        return self.module.eval().requires_grad_(False)

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint needs beside the module and the optimiser."""
        return {"generator": self._generator.get_state(), "sums": self._sums}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on from what ``state`` gave."""
        self._generator.set_state(state["generator"])
        self._sums = state["sums"].clone()


class Fitted(Fit):
    """A module that needs no descent."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__(module, 0, ())

    def loss(self, number: int, chosen: Tensor) -> Tensor:
        raise NotImplementedError

    def finish(self) -> Any:
        return self.module


def minimise(fit: Fit) -> Any:
    """Run all phases of a fit, on one thread; the same fit gives the same numbers.

    Args:
        fit: at its start.

    Returns:
        The finished module.

    Raises:
        InvalidInputError: for a loss that is not finite, or that a phase did not lower.
    """
    with one_thread(), torch.enable_grad():
        fit.module.train()
        for number, phase in enumerate(fit.phases):
            fit.begin(number)
            adam = phase.adam(fit.module)
            for step in range(phase.steps):
                descend(
                    adam,
                    lambda number=number, step=step: fit.step_loss(number, step),
                    step=step,
                    learning_rate=phase.learning_rate_at(step),
                    clip_norm=phase.clip_norm,
                )
            fit.end(number)
        return fit.finish()


def _compared(phase: Phase) -> int:
    """Steps at either end whose mean losses are compared."""
    return max(phase.steps // 20, 1)


def kl_loss(decoded: Tensor, true: Tensor) -> Tensor:
    """Compute KL(P(b | true LLR) || P(b | decoded LLR)) of each bit, in nats.

    The information that the decoded LLR loses, in contrast to a weighted square of soft bits, which
    ranks networks wrongly.

    Args:
        decoded: (N, ...) LLRs that came out.
        true: (N, ...) calibrated ones.

    Returns:
        (N, ...) nats.
    """
    one = torch.sigmoid(true)
    cross = nn.functional.softplus(decoded) - one * decoded
    return cross - (nn.functional.softplus(true) - one * true)


def weighted_square(decoded: Tensor, true: Tensor, eps: float = 1e-3) -> Tensor:
    """(s~ - s)^2 / (|s| + eps) of soft bits s = tanh(L / 2) (Arvinte et al. 2022, eq. 17).

    Args:
        decoded: (N, ...) LLRs that came out.
        true: (N, ...) calibrated ones.
        eps: the paper's.

    Returns:
        (N, ...) numbers without unit.
    """
    soft = torch.tanh(true / 2)
    return (torch.tanh(decoded / 2) - soft).square() / (soft.abs() + eps)
