"""Explicit sources of randomness, and the draws of channels, scenarios and trainings.

A source is a ``torch.Generator`` or a ``CounterGenerator``. No global generator is used.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

from mimolearn.foundation.errors import invalid

if TYPE_CHECKING:
    from mimolearn.kernels.machine.philox import Stream


class CounterGenerator:
    """A counter-based source, Philox4x32-10: draw k of a seed is the same on every machine.

    Choose it for simulations. All 64 bits of the seed count (torch's CPU generator keeps 32), and
    normal numbers take about a third of torch's time. Each draw is a separate stream, so the draws
    of one generator are independent. Normal numbers have single precision, whatever the dtype. See
    ``kernels.machine.philox``.

    Args:
        seed: 0 ... 2^64 - 1.

    Raises:
        InvalidInputError: for another seed.

    >>> a, b = CounterGenerator(1), CounterGenerator(1)
    >>> bool((normal((3,), a) == normal((3,), b)).all())
    True
    """

    def __init__(self, seed: int) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**64:
            raise invalid("seed", seed, "an integer from 0 to 2^64 - 1")
        self._seed = seed
        self._draws = 0

    @property
    def device(self) -> torch.device:
        """The device of the numbers, the CPU."""
        return torch.device("cpu")

    def fill_normal(self, out: Tensor, std: float = 1.0) -> None:
        """Fill a contiguous float32 tensor with N(0, std^2)."""
        from mimolearn.kernels.machine import philox

        philox.fill_normal(out.numpy(), self._next_stream(), scale=std)

    def fill_gamma(self, out: Tensor, shapes: Tensor) -> None:
        """Fill a tensor with gamma variates of scale 1; see ``kernels.link.gamma``.

        Args:
            out: (..., n) float32, contiguous; the tensor to fill.
            shapes: (n) float32; the shape of each column, a multiple of 1/2 above 0.
        """
        from mimolearn.kernels.link import gamma

        gamma.fill_gamma(out.numpy(), shapes.numpy(), self._next_stream())

    def fill_integers(self, out: Tensor, num_values: int) -> None:
        """Fill a contiguous int64 tensor with uniform 0 ... num_values - 1, num_values <= 2^16."""
        from mimolearn.kernels.machine import philox

        philox.fill_integers(out.numpy(), num_values, self._next_stream())

    def torch_generator(self) -> Generator:
        """Return a torch generator seeded by the next draw, for what only torch can draw."""
        seed = torch.empty(4, dtype=torch.int64)
        self.fill_integers(seed, 2**16)
        words = [int(word) << (16 * i) for i, word in enumerate(seed.tolist())]
        return Generator().manual_seed(sum(words))

    def _next_stream(self) -> Stream:
        from mimolearn.kernels.machine.philox import Stream

        self._draws += 1
        return Stream(self._seed, self._draws - 1)


RandomSource = Generator | CounterGenerator


def part_deviation(var: float, is_real: bool) -> float:
    """Return the standard deviation of each real part of an entry of variance ``var``."""
    return math.sqrt(var if is_real else var / 2)


def normal(
    shape: tuple[int, ...],
    generator: RandomSource,
    dtype: torch.dtype = torch.float32,
    var: float = 1.0,
) -> Tensor:
    """Draw N(0, var) entries of a real dtype."""
    if isinstance(generator, Generator):
        return _torch_normal(shape, generator, dtype, var)
    out = torch.empty(shape, dtype=torch.float32)
    generator.fill_normal(out, part_deviation(var, is_real=True))
    return out.to(dtype)


def complex_normal(
    shape: tuple[int, ...],
    generator: RandomSource,
    dtype: torch.dtype = torch.complex64,
    var: float = 1.0,
) -> Tensor:
    """Draw CN(0, var) entries of a complex dtype."""
    if isinstance(generator, Generator):
        return _torch_normal(shape, generator, dtype, var)
    # The kernel scales: a separate pass over the numbers would take a sixth of the drawing time.
    out = torch.empty((*shape, 2), dtype=torch.float32)
    generator.fill_normal(out, part_deviation(var, is_real=False))
    return torch.view_as_complex(out).to(dtype)


def _torch_normal(
    shape: tuple[int, ...], generator: Generator, dtype: torch.dtype, var: float
) -> Tensor:
    out = torch.randn(shape, generator=generator, dtype=dtype, device=generator.device)
    return out if var == 1 else out.mul_(math.sqrt(var))


def integers(shape: tuple[int, ...], num_values: int, generator: RandomSource) -> Tensor:
    """Draw uniform integers 0 ... num_values - 1, int64."""
    # The counter's integers are exactly uniform for powers of two alone.
    exact = num_values <= 2**16 and num_values & (num_values - 1) == 0
    if exact and not isinstance(generator, Generator):
        out = torch.empty(shape, dtype=torch.int64)
        generator.fill_integers(out, num_values)
        return out
    generator = as_torch(generator)
    return torch.randint(num_values, shape, generator=generator, device=generator.device)


def distinct_integers(
    num_sets: int, num_each: int, num_values: int, generator: RandomSource
) -> Tensor:
    """Draw sets of distinct integers; all ordered choices are equally likely.

    Args:
        num_sets: N.
        num_each: n, integers in each set, at most num_values.
        num_values: integers are from 0 to num_values - 1.
        generator: the only source of randomness.

    Returns:
        (N, n) int64. The first column is the one that ``integers`` draws.
    """
    columns: list[Tensor] = []
    for taken in range(num_each):
        # The draw counts only values that are left: step over each taken one, smallest first.
        value = integers((num_sets,), num_values - taken, generator)
        if columns:
            for smaller in torch.stack(columns).sort(0).values:
                value = value + (value >= smaller)
        columns.append(value)
    return torch.stack(columns, 1)


def uniform(
    shape: tuple[int, ...], generator: RandomSource, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Draw uniform entries in [0, 1)."""
    generator = as_torch(generator)
    return torch.rand(shape, generator=generator, dtype=dtype, device=generator.device)


def as_torch(generator: RandomSource) -> Generator:
    """Return the generator, or for a counter a torch generator seeded by its next draw."""
    return generator if isinstance(generator, Generator) else generator.torch_generator()
