"""Minimum mean square error interpolation from given statistics."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field, model_validator

from mimolearn.foundation.errors import invalid
from mimolearn.foundation.plainmodel import Real
from mimolearn.link.channels.fading.raster import ComplexArray, Moments, Raster
from mimolearn.link.estimators.base import Estimator, PreparedEstimator, Setting
from mimolearn.link.estimators.separable import Filter, LayerView
from mimolearn.link.estimators.shared import prepared

_LEAST_NOISE = 1e-10
_DOPPLER_SHARE = 0.01


class Wiener(Estimator):
    """Separable Wiener filters: over subcarriers, then over symbols.

    F = R A^H (A R A^H + sum of D R D^H of the layers with shared pilots + sigma_o^2 I)^-1 and
    T = s R A^H (s^2 A R A^H + (s - s^2) I)^-1, where s is the share of the channel in F's output.

    Attributes:
        name: "wiener".
        covariance: "white" (default), "residual" or "known"; see ``Estimator``.
        covariance_prb: blocks of 12 subcarriers over which "residual" averages; default 2.
        reuse_subcarriers: subcarriers of a block that shares one channel; default 1.
        reuse_symbols: symbols of such a block; default 1.
        statistics: second moments that the filters are made for. "true" (default) are those of the
            channel; "flat" spreads power evenly over delays from 0 to max_delay_s and over Doppler
            shifts up to max_doppler_hz.
        max_delay_s: of "flat", s; default the cyclic prefix.
        max_doppler_hz: of "flat", Hz; default 0.01 of the subcarrier spacing.
    """

    name: Literal["wiener"] = "wiener"
    statistics: Literal["true", "flat"] = "true"
    max_delay_s: Annotated[Real, Field(ge=0, le=1)] | None = None
    max_doppler_hz: Annotated[Real, Field(ge=0, le=1e6)] | None = None

    @model_validator(mode="after")
    def _flat_alone_has_limits(self) -> Wiener:
        for field in ("max_delay_s", "max_doppler_hz"):
            value = getattr(self, field)
            if value is not None and self.statistics == "true":
                raise invalid(field, value, "nothing with statistics = 'true'")
        return self

    def prepare(self, setting: Setting) -> PreparedEstimator:
        moments = setting.moments
        if self.statistics == "flat":
            raster = setting.grid.raster
            delay = raster.cyclic_prefix_s if self.max_delay_s is None else self.max_delay_s
            doppler = self.max_doppler_hz
            if doppler is None:
                doppler = _DOPPLER_SHARE * raster.subcarrier_spacing_hz
            moments = flat_moments(raster, delay, doppler)
        assumed = moments.separated()
        return prepared(setting, lambda view, _: wiener_filter(view, assumed))


def flat_moments(raster: Raster, max_delay_s: float, max_doppler_hz: float) -> Moments:
    """Compute the moments of power spread evenly over delays and Doppler shifts."""
    turns = np.arange(raster.num_subcarriers) * raster.subcarrier_spacing_hz * max_delay_s
    seconds = np.arange(raster.num_symbols) * raster.symbol_duration_s
    frequency = np.sinc(turns) * np.exp(-1j * math.pi * turns)
    time = np.sinc(2 * max_doppler_hz * seconds).astype(complex)
    return Moments(time[None], frequency[None])


def wiener_filter(view: LayerView, assumed: Moments) -> Filter:
    """Design the filters of a layer for moments of one product, ``Moments.separated``."""
    in_time, in_frequency = assumed.time[0], assumed.frequency[0]
    power = view.terms[0][0]
    groups = len(view.frequency.groups)
    noise_var = max(view.noise_var, _LEAST_NOISE * power)
    system = noise_var * np.eye(groups, dtype=np.complex128)
    for other, over_symbols, over_subcarriers in view.terms:
        reached = np.trace(view.time.spread(in_time, over_symbols)).real / len(view.time.groups)
        system += other * reached * view.frequency.spread(in_frequency, over_subcarriers)
    cross = view.frequency.cross(in_frequency)
    frequency = power * _divided(cross, system)
    share = float((frequency * cross.conj()).sum(1).real.mean())
    times, length = view.time.groups.shape
    seen = share**2 * view.time.spread(in_time, np.full(length, 1 / length))
    # The rest of F's output is taken for noise; a little of it keeps the system regular.
    seen += max(share - share**2, _LEAST_NOISE) * np.eye(times)
    return Filter(share * _divided(view.time.cross(in_time), seen), frequency)


def _divided(cross: ComplexArray, system: ComplexArray) -> ComplexArray:
    """cross system^-1, for a Hermitian system; on torch's threads, where NumPy has its own."""
    transposed = torch.from_numpy(np.ascontiguousarray(cross.conj().T))
    solution = torch.linalg.solve(torch.from_numpy(system), transposed)
    return solution.numpy().conj().T
