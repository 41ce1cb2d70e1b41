"""Preparing the filters of all layers, each kind of layer once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mimolearn.link.estimators.base import Setting
from mimolearn.link.estimators.separable import (
    Filter,
    LayerView,
    RealArray,
    SeparableEstimator,
    error_variance,
)

Design = Callable[[LayerView, Setting], Filter]


def prepared(setting: Setting, design: Design) -> SeparableEstimator:
    """Design the filter of every layer and compute its exact error."""
    return SeparableEstimator(setting.grid, *designed(setting, design))


def designed(setting: Setting, design: Design) -> tuple[list[Filter], list[RealArray]]:
    """Return the filters of all layers and their error variances (T, F)."""
    made: dict[tuple[Any, ...], tuple[Filter, RealArray]] = {}
    kinds = []
    for layer in range(setting.grid.num_layers):
        view = LayerView.of(setting, layer)
        kind = view.key()
        if kind not in made:
            given = design(view, setting)
            made[kind] = given, error_variance(view, given, setting)
        kinds.append(kind)
    return [made[kind][0] for kind in kinds], [made[kind][1] for kind in kinds]
