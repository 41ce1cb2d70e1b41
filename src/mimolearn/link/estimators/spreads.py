"""Delay and Doppler spread of each slot, estimated from its pilots."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from mimolearn.link.channels.fading.raster import ComplexArray, Moments, Raster
from mimolearn.link.estimators.separable import Axis, LayerView

# Candidates, relative to the cyclic prefix: RMS delay spreads, and delays of the first arrival.
_SPREADS = tuple(0.0035 * 1.6**i for i in range(11))
_ARRIVALS = (0.0, 1 / 32, 1 / 16, 1 / 8, 1 / 4)
# Shares of the power that come with the first arrival, as with a line of sight.
_DIRECT = (0.0, 0.9)
# Doppler shifts, relative to the subcarrier spacing; what is above is not simulated.
_SHIFTS = (0.0, 0.0005, 0.001, 0.002, 0.003, 0.0045, 0.0065, 0.009, 0.012, 0.016, 0.02)
# Groups of pilots that are looked at together.
_MOST_GROUPS = 48
# Profiles that no candidate has are taken for noise of this share.
_LEAST_NOISE = 1e-4


def delay_candidates(raster: Raster) -> list[ComplexArray]:
    """Moments over subcarriers (F) of exponential profiles, some with a line of sight."""
    prefix = max(raster.cyclic_prefix_s, 1e-12)
    turns = 2 * math.pi * np.arange(raster.num_subcarriers) * raster.subcarrier_spacing_hz * prefix
    return [
        np.exp(-1j * turns * arrival) * (direct + (1 - direct) / (1 + 1j * turns * spread))
        for arrival in _ARRIVALS
        for direct in _DIRECT
        for spread in _SPREADS
    ]


def shift_candidates(raster: Raster) -> list[ComplexArray]:
    """Moments over symbols (T) of Jakes' spectrum at several largest Doppler shifts."""
    from scipy.special import j0

    seconds = np.arange(raster.num_symbols) * raster.symbol_duration_s
    hertz = raster.subcarrier_spacing_hz
    return [j0(2 * math.pi * share * hertz * seconds).astype(complex) for share in _SHIFTS]


class SpreadEstimator:
    """Chooses a candidate of each kind for every slot, from the observations of all layers.

    Delays: the largest likelihood of the observations of neighbouring groups, which are Gaussian
    with covariance power R_k + sigma_o^2 I under candidate k. Doppler: least squares between the
    candidates and the correlation of symbols with pilots.

    Args:
        raster: times and frequencies of the grid.
        views: one for each layer.
    """

    def __init__(self, raster: Raster, views: list[LayerView]) -> None:
        self._delays = delay_candidates(raster)
        self._shifts = shift_candidates(raster)
        self._symbols = views[0].time.groups
        groups = views[0].frequency.groups
        self._size = min(len(groups), _MOST_GROUPS)
        axis = Axis(groups[: self._size] - groups[0, 0], raster.num_subcarriers)
        # Layers of equal powers share their tables.
        members: dict[tuple[float, ...], list[int]] = {}
        for layer, view in enumerate(views):
            powers = tuple(power for power, _, _ in view.terms)
            members.setdefault((powers[0], *sorted(powers[1:])), []).append(layer)
        self._tables = [
            _Tables(layers, views[layers[0]], axis, self._delays) for layers in members.values()
        ]

    def choose(self, z: Tensor) -> list[tuple[int, int]]:
        """Return for every slot the indices of its delay and of its Doppler candidate.

        Args:
            z: (S, P, N, Td, Nr) complex64; see ``observe_pilots``.
        """
        products = [self._products(z[tables.layers]) for tables in self._tables]
        pairs = list(zip(self._tables, products, strict=True))
        cost = torch.stack([tables.cost(*given) for tables, given in pairs]).sum(0)
        delays = cost.argmin(1)
        parts = [tables.correlation(*given, delays) for tables, given in pairs]
        reached, power = (torch.stack(part).sum(0) for part in zip(*parts, strict=True))
        shifts = self._nearest_shift(reached, power)
        return list(zip(delays.tolist(), shifts.tolist(), strict=True))

    def moments(self, delay: int, shift: int) -> Moments:
        """Return the moments of a pair of candidates."""
        return Moments(self._shifts[shift][None], self._delays[delay][None])

    def _products(self, z: Tensor) -> tuple[Tensor, int]:
        """Sums of z_p(i) z_q(j)* (N, Td, Td, p, q), and of how many: layers, antennas, runs."""
        size = self._size
        layers, groups, num, times, rx = z.shape
        runs = groups // size
        kept = z[:, : runs * size].reshape(layers, runs, size, num, times, rx)
        rows = kept.permute(3, 4, 2, 0, 1, 5).reshape(num, times * size, layers * runs * rx)
        sums = (rows @ rows.mH).reshape(num, times, size, times, size)
        return sums.transpose(2, 3), rows.shape[-1]

    def _nearest_shift(self, reached: Tensor, power: Tensor) -> Tensor:
        """(N) from products of symbols (N, Td, Td) and the power (N, Td) of each."""
        middle = self._symbols.mean(1)
        first, second = np.triu_indices(len(middle), 1)
        if len(first) == 0:
            return torch.zeros(len(power), dtype=torch.int64)
        lags = np.rint(middle[second] - middle[first]).astype(int)
        models = torch.from_numpy(np.stack([np.real(lag[lags]) for lag in self._shifts]))
        mean = (power[:, first] + power[:, second]) / 2
        measured = reached[:, first, second] / mean.clamp_min(torch.finfo(mean.dtype).tiny)
        return (measured[:, None] - models).square().sum(-1).argmin(1)


class _Tables:
    """What the choice needs of layers of one power, for every candidate.

    Attributes:
        layers: (n) int64; these layers.
    """

    def __init__(
        self, layers: list[int], view: LayerView, axis: Axis, candidates: list[ComplexArray]
    ) -> None:
        self.layers = torch.tensor(layers, dtype=torch.int64)
        power, _, mean = view.terms[0]
        self._noise_var = max(view.noise_var, _LEAST_NOISE * power)
        signals = [axis.spread(lags, mean) for lags in candidates]
        systems = []
        for lags, signal in zip(candidates, signals, strict=True):
            system = self._noise_var * np.eye(len(signal)) + power * signal
            for other, over_symbols, over_subcarriers in view.terms[1:]:
                # What differs in time too is as good as gone.
                if (over_symbols > 0).all():
                    system = system + other * axis.spread(lags, over_subcarriers)
            systems.append(system)
        stacked = torch.from_numpy(np.stack(systems))
        self._logs = torch.linalg.slogdet(stacked).logabsdet
        self._inverses = torch.linalg.inv(stacked)
        # What stands out of the noise counts for the correlation of symbols.
        self._weights = self._inverses @ torch.from_numpy(np.stack(signals)) @ self._inverses
        self._traces = self._weights.diagonal(dim1=-2, dim2=-1).real.sum(-1)

    def cost(self, sums: Tensor, count: int) -> Tensor:
        """Negative logarithm of the likelihood of each candidate, (N, K) float64."""
        times = sums.shape[1]
        total = sums.diagonal(dim1=1, dim2=2).sum(-1).to(torch.complex128)
        # Both are Hermitian, so this is the trace of their product.
        traces = (total.flatten(1) @ self._inverses.flatten(1).mH).real
        return traces + count * times * self._logs

    def correlation(self, sums: Tensor, count: int, delays: Tensor) -> tuple[Tensor, Tensor]:
        """Products of symbols (N, Td, Td), and the power (N, Td) of each without noise, float64."""
        weights = self._weights[delays].conj()[:, None, None]
        reached = (sums.to(torch.complex128) * weights).sum((-2, -1)).real
        noise = count * self._noise_var * self._traces[delays]
        return reached, reached.diagonal(dim1=1, dim2=2) - noise[:, None]
