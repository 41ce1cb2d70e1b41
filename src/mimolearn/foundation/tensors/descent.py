"""One step of gradient descent, the same for every training."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import Adam

from mimolearn.foundation.errors import invalid


def descend(
    adam: Adam,
    loss: Callable[[], Tensor],
    *,
    step: int,
    learning_rate: float,
    clip_norm: float = 0.0,
    adjust: Callable[[], None] | None = None,
) -> Tensor:
    """Take one step of Adam.

    Args:
        adam: the optimiser of the parameters.
        loss: computes the loss of this step, ().
        step: its number, for the error.
        learning_rate: of this step.
        clip_norm: the largest norm that the gradient keeps; 0 for any.
        adjust: changes gradients before they are clipped.

    Returns:
        The loss, (), off the graph.

    Raises:
        InvalidInputError: for a loss that is not finite; the parameters stay as they were.
    """
    for group in adam.param_groups:
        group["lr"] = learning_rate
    adam.zero_grad()
    value = loss()
    value.backward()
    value = value.detach()
    if not math.isfinite(float(value)):
        expected = "a finite value; lower the learning rate or set clip_norm"
        raise invalid(f"loss at step {step}", float(value), expected)
    if adjust is not None:
        adjust()
    if clip_norm:
        clip_grad_norm_([p for group in adam.param_groups for p in group["params"]], clip_norm)
    adam.step()
    return value
