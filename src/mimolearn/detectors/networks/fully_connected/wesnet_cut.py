"""WeSNet's cut: which share of a layer's weights is kept, and by which profile it is weighed."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.detectors.networks.fully_connected.detnet_layers import Shape, Stack
from mimolearn.foundation.errors import check_one_of, check_real

PROFILES = ("half-exponential", "linear", "uniform")
READINGS = ("hidden", "output", "input")


class Cut(NamedTuple):
    """Which part of a layer is kept.

    Attributes:
        width: the share that is kept, above 0, at most 1.
        profile: see ``wesnet``.
        reading: see ``wesnet``.
    """

    width: float = 1.0
    profile: str = "uniform"
    reading: str = "hidden"


def check_cut(cut: Cut) -> Cut:
    """Return the cut if its values are allowed, or raise InvalidInputError."""
    check_real("width", cut.width, above=0, at_most=1)
    check_one_of("profile", cut.profile, PROFILES)
    check_one_of("reading", cut.reading, READINGS)
    return cut


def narrower(cut: Cut, width: float | None) -> Cut:
    """Return the same cut at a smaller width; InvalidInputError for a larger one."""
    if width is None:
        return cut
    check_real("width", width, above=0, at_most=cut.width)
    return cut._replace(width=width)


def profile(name: str, size: int, kept: int) -> Tensor:
    """Return the first ``kept`` of ``size`` coefficients, (kept) float32, i counting from 1.

    "linear": 1 - i / N (WeSNet, eq. 23). "half-exponential": 1 up to N / 2, then exp(N / 2 - i - 1)
    (eq. 24). "uniform": ones. The linear one ends in an exact 0: its last unit never acts.
    """
    number = torch.arange(1, size + 1, dtype=torch.float64)
    if name == "linear":
        beta = 1 - number / size
    elif name == "half-exponential":
        half = size / 2
        beta = torch.where(number <= half, 1.0, torch.exp(half - number - 1))
    else:
        beta = torch.ones(size, dtype=torch.float64)
    return beta[:kept].float()


def units_kept(width: float, size: int) -> int:
    """Return how many of ``size`` units a share keeps, at least one."""
    # 0.55 * 240 is a little above 132 in binary.
    return max(1, math.ceil(width * size - 1e-9))


def cut_shape(full: Shape, cut: Cut) -> Shape:
    """Return the sizes of a layer of which a share is kept."""
    hidden = units_kept(cut.width, full.hidden)
    if cut.reading == "input":
        return full._replace(inputs=units_kept(cut.width, full.inputs), fed=hidden)
    if cut.reading == "hidden":
        return full._replace(hidden=hidden, fed=hidden)
    state = units_kept(cut.width, full.state)
    inputs = full.inputs - full.state + state
    return full._replace(hidden=hidden, fed=hidden, state=state, inputs=inputs)


def hidden_factors(full: Shape, cut: Cut) -> Tensor | None:
    """Return the factors (1, hidden) of the hidden units; None for ones and for other readings."""
    if cut.reading != "hidden":
        return None
    beta = profile(cut.profile, full.hidden, units_kept(cut.width, full.hidden))
    return None if bool((beta == 1).all()) else beta.unsqueeze(0)


def weigh(stack: Stack, full: Shape, cut: Cut) -> Stack:
    """Apply the profile to rows or columns of W1 and W3, for readings "output" and "input"."""
    if cut.reading == "hidden" or cut.profile == "uniform":
        return stack
    if cut.reading == "output":
        rows = profile(cut.profile, full.hidden, stack.w1.shape[1]).to(stack.w1)
        states = profile(cut.profile, full.state, stack.w3.shape[1]).to(stack.w3)
        return stack._replace(w1=stack.w1 * rows[:, None], w3=stack.w3 * states[:, None])
    inputs = profile(cut.profile, full.inputs, stack.w1.shape[2]).to(stack.w1)
    fed = profile(cut.profile, full.hidden, stack.w3.shape[2]).to(stack.w3)
    return stack._replace(w1=stack.w1 * inputs, w3=stack.w3 * fed)
