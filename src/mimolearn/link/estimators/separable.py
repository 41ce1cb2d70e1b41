"""Estimators of two matrices: over subcarriers F, then over symbols T, h_hat = T Z F^T.

Z holds one observation a group of pilots: the mean of y p* / a^2. Layers whose pilots share the
elements of a group are kept apart by covers: a layer reaches its own observations through the mean
over the group, A, and those of the others through the mean with signs, D, which fading does not
quite cancel.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.kernels.link.reception import interpolate_channels, observe_pilots
from mimolearn.link.channels.fading.raster import ComplexArray, IntArray, at_lags
from mimolearn.link.estimators.base import Estimate, PreparedEstimator, Setting
from mimolearn.link.frames.grid import Grid

RealArray = np.ndarray[Any, Any]


class Filter(NamedTuple):
    """The matrices of one layer.

    Attributes:
        time: (T, Td) complex128; from the groups of symbols to every symbol.
        frequency: (F, P) complex128; from the groups of subcarriers to every subcarrier.
    """

    time: ComplexArray
    frequency: ComplexArray


class Axis(NamedTuple):
    """Groups of pilots along one axis: their positions (n, size) and the length of the axis."""

    groups: IntArray
    length: int

    def spread(self, lags: ComplexArray, weights: RealArray) -> ComplexArray:
        """B R B^H (n, n): moments of the groups' means with these weights (size)."""
        flat = self.groups.ravel()
        moments = at_lags(lags, flat, flat).reshape(*self.groups.shape, *self.groups.shape)
        return np.einsum("iajb,a,b->ij", moments, weights, weights)

    def cross(self, lags: ComplexArray) -> ComplexArray:
        """R A^H (length, n): moments of every element with the groups' means."""
        moments = at_lags(lags, np.arange(self.length), self.groups.ravel())
        return moments.reshape(self.length, *self.groups.shape).mean(-1)


class LayerView(NamedTuple):
    """What one layer's observations are made of.

    Attributes:
        time: the groups of symbols.
        frequency: the groups of subcarriers of this layer.
        terms: of each layer in the observations: power, weights over the symbols of a group,
            weights over its subcarriers. This layer's are the first.
        noise_var: of an observation, sigma^2 / (pilots of a group a^2).
    """

    time: Axis
    frequency: Axis
    terms: tuple[tuple[float, RealArray, RealArray], ...]
    noise_var: float

    @classmethod
    def of(cls, setting: Setting, layer: int) -> LayerView:
        """Of a layer, 0 ... S - 1."""
        grid = setting.grid
        length, pair = grid.symbols.shape[1], grid.subcarriers.shape[2]
        mine = grid.subcarriers[layer]
        sharing = [i for i, other in enumerate(grid.subcarriers) if np.array_equal(other, mine)]
        terms = []
        for other in sorted(sharing, key=lambda i: i != layer):
            signs = grid.covers[layer] * grid.covers[other].astype(float)
            weights = signs[:length] / length, signs[length:] / pair
            terms.append((setting.powers[other], *weights))
        return cls(
            Axis(grid.symbols, grid.raster.num_symbols),
            Axis(mine, grid.raster.num_subcarriers),
            tuple(terms),
            setting.noise_var / (length * pair * grid.pilot_energy),
        )

    def key(self) -> tuple[Any, ...]:
        """Equal for layers that have the same filters and errors."""
        terms = [(power, time.tobytes(), freq.tobytes()) for power, time, freq in self.terms]
        return (self.frequency.groups.tobytes(), terms[0], tuple(sorted(terms[1:])))


def error_variance(view: LayerView, given: Filter, setting: Setting) -> RealArray:
    """Compute the exact E|h_hat - h|^2 (T, F) of a layer, whatever its filter was made for."""
    time, frequency = given
    power = view.terms[0][0]
    noise = _energies(time), _energies(frequency)
    error = power + view.noise_var * np.outer(*noise)
    for in_time, in_frequency in zip(*setting.moments, strict=True):
        reached = (
            (time * view.time.cross(in_time).conj()).sum(1),
            (frequency * view.frequency.cross(in_frequency).conj()).sum(1),
        )
        error -= 2 * power * np.real(np.outer(*reached))
        for other, over_symbols, over_subcarriers in view.terms:
            sides = (
                _quadratic(time, view.time.spread(in_time, over_symbols)),
                _quadratic(frequency, view.frequency.spread(in_frequency, over_subcarriers)),
            )
            error += other * np.outer(*sides)
    return np.maximum(error, 0.0)


def _energies(rows: ComplexArray) -> RealArray:
    return (abs(rows) ** 2).sum(1)


def _quadratic(rows: ComplexArray, moments: ComplexArray) -> RealArray:
    """Diagonal of rows moments rows^H."""
    given = torch.from_numpy(rows)
    return ((given @ torch.from_numpy(moments)) * given.conj()).sum(1).real.numpy()


class SeparableEstimator(PreparedEstimator):
    """Filters of all layers, ready to be used.

    Args:
        grid: the resource grid.
        filters: one for each layer; layers may share one.
        errors: (T, F) float64 of each layer, the error variances.
    """

    def __init__(self, grid: Grid, filters: list[Filter], errors: list[RealArray]) -> None:
        self._grid = grid
        self._bank = FilterBank(filters)
        self._weights = observation_weights(grid)
        # (T F, S)
        self._errors = torch.from_numpy(np.stack(errors, -1).astype(np.float32)).flatten(0, 1)

    def estimate(self, y: Tensor, h: Tensor | None, elements: IntArray) -> Estimate:
        grid = self._grid
        z = observe_pilots(y, grid.symbols, grid.subcarriers, self._weights)
        h_hat = self._bank.apply(z, elements)
        return Estimate(h_hat, self._errors[torch.from_numpy(elements)].unsqueeze(0))


def observation_weights(grid: Grid) -> np.ndarray:
    """Compute p* / (a^2 pilots of a group), (S, Td, P, length pair) complex64."""
    (times, length), (layers, groups, pair) = grid.symbols.shape, grid.subcarriers.shape
    values = np.stack(
        [
            grid.pilots[layer][grid.symbols[:, None, :, None], at[None, :, None, :]]
            for layer, at in enumerate(grid.subcarriers)
        ]
    )
    scale = 1 / (grid.pilot_energy * length * pair)
    weights = values.conj().reshape(layers, times, groups, length * pair) * scale
    return weights.astype(np.complex64)


class FilterBank:
    """Filters of all layers in the form in which they are applied.

    Args:
        filters: one for each layer.
    """

    def __init__(self, filters: list[Filter]) -> None:
        self._time = np.stack([layer.time for layer in filters], -1)
        # Layers that share a matrix go through one product.
        members: dict[int, list[int]] = {}
        for layer, given in enumerate(filters):
            members.setdefault(id(given.frequency), []).append(layer)
        self._products = [
            (layers, torch.from_numpy(filters[layers[0]].frequency.astype(np.complex64)))
            for layers in members.values()
        ]

    def apply(self, z: Tensor, elements: IntArray) -> Tensor:
        """Estimate channels (N, E, Nr, S) from observations (S, P, N, Td, Nr), complex64."""
        layers, _, *rest = z.shape
        num_symbols, num_subcarriers = len(self._time), len(self._products[0][1])
        u = torch.empty((layers, num_subcarriers, *rest), dtype=torch.complex64)
        for members, matrix in self._products:
            for layer in members:
                torch.matmul(matrix, z[layer].flatten(1), out=u[layer].flatten(1))
        position = np.full(num_symbols * num_subcarriers, -1)
        position[elements] = np.arange(len(elements))
        shape = num_symbols, num_subcarriers
        return interpolate_channels(u, self._time, position.reshape(shape), len(elements))
