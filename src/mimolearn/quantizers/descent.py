"""Gradient descent on a fixed set of samples, the same for every learned scheme."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from mimolearn.foundation.errors import check_positive_int, invalid
from mimolearn.foundation.tensors.threads import one_thread

SoftLoss = Callable[[Tensor, Tensor], Tensor]
"""(LLRs that came out, true ones), both (N, ...) -> (N, ...) loss of each LLR."""


# Mean losses of fewer steps scatter too much to be compared.
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
    """Adam with a cosine down to nothing; returns the mean loss of the last twentieth of the steps.

    loss: of the samples at these positions (batch,), a scalar. clip_norm: most norm of a gradient;
    with the KL loss, whose gradient a confident mistake makes huge, 0.1 takes a third of the steps
    that none takes. One thread, a generator of its own:
    the same call gives the same numbers.
    Raises InvalidInputError when the loss is no longer finite, or, of a run that is long enough to
    tell, twice what it was.
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
        # A descent that ran away can settle at a finite loss far above where it began.
        expected = f"less than {float(head) / last:.3g} at the start; lower the learning rate"
        raise invalid("loss at the end", float(tail) / last, expected)
    module.eval()
    return float(tail) / last


def kl_loss(found: Tensor, true: Tensor) -> Tensor:
    """KL(P(b | true LLR) || P(b | found LLR)) of each bit, in nats.

    The information that the found LLR loses, in contrast to a weighted square of soft bits, which
    ranks networks wrongly.
    """
    one = torch.sigmoid(true)
    cross = nn.functional.softplus(found) - one * found
    return cross - (nn.functional.softplus(true) - one * true)


def weighted_square(found: Tensor, true: Tensor, eps: float = 1e-3) -> Tensor:
    """(s~ - s)^2 / (|s| + eps) of soft bits s = tanh(L / 2) (Arvinte et al. 2022, eq. 17)."""
    soft = torch.tanh(true / 2)
    return (torch.tanh(found / 2) - soft).square() / (soft.abs() + eps)
