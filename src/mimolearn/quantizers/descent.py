"""Gradient descent on a fixed set of samples, for all learned schemes."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from mimolearn.foundation.errors import check_positive_int, invalid
from mimolearn.foundation.tensors.threads import one_thread

SoftLoss = Callable[[Tensor, Tensor], Tensor]
"""(decoded LLRs, true LLRs), both (N, ...) -> (N, ...) loss of each LLR."""


# Mean losses of fewer steps vary too much to be compared.
_TELLING = 10


def minimise(
    module: nn.Module,
    loss: Callable[[Tensor], Tensor],
    num_samples: int,
    *,
    steps: int,
    batch: int,
    learning_rate: float,
    seed: int,
    amsgrad: bool = False,
    clip_norm: float | None = None,
) -> float:
    """Minimise a loss by Adam, with a learning rate that falls to 0 on a half cosine.

    The same call gives the same numbers: it runs on one thread, with a separate generator.

    Args:
        module: whose parameters are trained.
        loss: gives the scalar loss of the samples at positions (batch,).
        num_samples: positions are drawn below it.
        steps: gradient steps.
        batch: samples of each step.
        learning_rate: at the start.
        seed: of the drawn positions.
        amsgrad: use AMSGrad; default False.
        clip_norm: largest norm of a gradient; default None, no limit. With the KL loss, whose
            gradient a confident mistake makes huge, 0.1 takes a third of the steps.

    Returns:
        The mean loss of the last twentieth of the steps.

    Raises:
        InvalidInputError: if the loss is not finite, or doubles in a run that is long enough.
    """
    check_positive_int("steps", steps, 10**8)
    check_positive_int("batch", batch)
    generator = torch.Generator().manual_seed(seed)
    trainable = [p for p in module.parameters() if p.requires_grad]
    adam = torch.optim.Adam(trainable, lr=learning_rate, amsgrad=amsgrad, fused=True)
    head, tail = torch.zeros((), dtype=torch.float32), torch.zeros((), dtype=torch.float32)
    last = max(steps // 20, 1)
    module.train()
    with one_thread(), torch.enable_grad():
        for step in range(steps):
            for group in adam.param_groups:
                group["lr"] = learning_rate * (1 + math.cos(math.pi * step / steps)) / 2
            adam.zero_grad()
            value = loss(torch.randint(num_samples, (batch,), generator=generator))
            value.backward()
            if clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(trainable, clip_norm)
            adam.step()
            if step % 100 == 0 and not bool(torch.isfinite(value)):
                expected = "a finite value; lower the learning rate"
                raise invalid(f"loss at step {step}", float(value), expected)
            if step < last:
                head += value.detach()
            if step >= steps - last:
                tail += value.detach()
    if last >= _TELLING and float(tail) > 2 * float(head):
        # A descent that diverged may settle at a finite loss far above the initial one.
        expected = f"less than {float(head) / last:.3g} at the start; lower the learning rate"
        raise invalid("loss at the end", float(tail) / last, expected)
    module.eval()
    return float(tail) / last


def kl_loss(decoded: Tensor, true: Tensor) -> Tensor:
    """Compute KL(P(b | true LLR) || P(b | decoded LLR)) of each bit, in nats.

    It is the information that the decoded LLR loses. A weighted square of soft bits would rank
    networks wrongly.
    """
    one = torch.sigmoid(true)
    cross = nn.functional.softplus(decoded) - one * decoded
    return cross - (nn.functional.softplus(true) - one * true)


def weighted_square(decoded: Tensor, true: Tensor, eps: float = 1e-3) -> Tensor:
    """Compute (s~ - s)^2 / (|s| + eps), s = tanh(L / 2) (Arvinte et al. 2022, eq. 17)."""
    soft = torch.tanh(true / 2)
    return (torch.tanh(decoded / 2) - soft).square() / (soft.abs() + eps)
