"""Gradient descent on the error rate, unfolded into a few layers of learned steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mimolearn.beamformers.array import HybridArray
from mimolearn.beamformers.base import Beams, LearnedBeamformer
from mimolearn.beamformers.descent import Best, normalised, rms, turned
from mimolearn.beamformers.gauss_newton import Knobs, factored, natural, push_forward
from mimolearn.beamformers.newton import curvature_at, curvature_product, truncated_newton
from mimolearn.beamformers.objective import (
    Gradient,
    Samples,
    Seen,
    bound_and_curvature,
    gradient,
    log_bound,
    log_bound_gradient,
    look,
)
from mimolearn.beamformers.samples import samples_for
from mimolearn.beamformers.start import aligned_start
from mimolearn.constellation import Constellation
from mimolearn.errors import check_bool, check_one_of, check_positive_int

_PARTS = ("f_bb", "w_bb", "f_phase", "w_phase")
# Of a layer of scalar or matrix steps: four steps, four momenta, kernel width, reach.
_FIRST_ORDER = (*(0.12, 0.08, 0.06, 0.05), *(0.7, 0.7, 0.7, 0.7), *(1.0, 1.0))
# Of a Gauss-Newton layer, with the slopes of its logarithm over the layers, first to last, over the
# SNR in tens of dB and over a fifth of ln SER: what a short training leaves where layers may differ
# by no more than that. Training in full starts here.
_SECOND_ORDER = (
    (0.76, -0.3, 0.3, 0.4),  # Hessian
    (0.38, 0.2, 0.6, 0.1),  # curvature of V
    (0.48, 0.4, 0.6, 0.0),  # curvature of F
    (0.46, 0.0, 0.4, 1.1),  # damping of V
    (2.10, -0.4, 0.3, -0.1),  # damping of F
    (0.63, 0.5, 0.2, 0.4),  # damping of W
    (1.83, 0.2, -0.3, -0.6),  # damping of U
    (0.90, 0.2, -0.2, -0.3),  # step of V
    (0.85, 0.1, -0.1, -0.2),  # step of W
    (0.91, -0.1, -0.1, -0.3),  # step of F
    (0.75, -0.1, -0.1, -0.1),  # step of U
    (0.67, 0.2, -0.3, -0.3),  # momentum of V
    (0.88, -0.3, -0.3, -0.3),  # momentum of W
    (0.68, -0.1, -0.5, -0.6),  # momentum of F
    (0.90, -0.6, -0.5, -0.4),  # momentum of U
    (0.88, 0.2, 0.1, 0.1),  # width
    (3.35, -0.2, -0.1, -0.6),  # reach
    (0.56, 0.0, 0.1, 0.0),  # spread
)
# Multiples of a Gauss-Newton move of which each channel takes the best.
_SCALES = (0.4, 1.0, 2.0)
_ITERATIONS, _BEND = 3, 0.5

# ln SER below which Gauss-Newton layers no longer depend on it.
_FLAT_BELOW = -4.0
# ln SER below which the kernel is widened.
_DEEP = -5.0
# ln SER above which a channel may be stuck, where it surely is, and rms decision gain of a channel
# whose noise alone is kernel enough.
_DOUBTFUL, _STUCK, _LOUD = -6.0, -2.0, 2.0
# ln SER and rms decision gain above which a finished channel is tried again, with these factors of
# the spread: where the error rate stays high for the noise there is, another path ends elsewhere.
_SUSPECT, _CLEAR = -7.0, 6.0
_OTHER_SPREADS = (0.3, 1.5)
# Share of the layers in which the kernel is wide at the start of training, and what is left of it.
_WIDE_SHARE, _LEAST = 0.8, 0.03


class Layer(NamedTuple):
    """What one layer does with a channel, each (N): see the starts above."""

    knobs: Knobs | None
    bend: Tensor | None
    steps: tuple[Tensor, ...]
    momenta: tuple[Tensor, ...]
    width: Tensor
    reach: Tensor


class UnfoldedMser(LearnedBeamformer):
    """Layers of descent on ln SER with learned steps, momenta and kernel widths.

    Choose it for error rates near those of ``mser-gd`` at a twentieth of its iterations.
    From the aligned start, each layer moves V, W and the phases of F and U together:
    d <- m d - a g / rms(g), X <- X + rms(X) d (after Shi et al., eqs. 27 to 30), V and W then
    normalised; the best iterate is kept. steps: "scalar" (four steps and momenta a layer),
    "matrix" (times a learned number for each entry, as the paper has it) or "gauss-newton": the
    direction of ``gauss_newton`` with seven learned weights in place of g / rms(g), of which each
    channel takes the best of three multiples, under a kernel that is wide in the first layers
    where the error rate is high for the noise there is; the few channels where it stays so pass the
    layers again, under a narrower and a wider one. Every number depends on the layer, and through
    two slopes on the noise level and on ln SER so far: one network serves a range of SNRs.
    offsets: the paper's O, added in each layer, 0 at the start.
    Differences: step sizes in units of each part's size instead of absolute ones; momentum; the
    true kernel width sigma ||q|| / sqrt(2) times a learned factor; automatic differentiation in
    place of the appendix.
    most_samples: symbol vectors averaged over, all of them where there are no more.
    Cost: num_layers times S products of 2S x most_samples and the beams' own. Users and antennas
    fewer than the array's leave the unused rows of matrices and offsets aside.

    >>> h = torch.randn(2, 8, 64, dtype=torch.complex64)
    >>> UnfoldedMser(num_layers=2)(h, 0.1).f_bb.shape
    torch.Size([8, 6])
    """

    name = "unfolded-mser"
    revision = 2
    channels_a_call = 128

    def __init__(
        self,
        array: HybridArray | None = None,
        constellation: Constellation | str = "qpsk",
        num_layers: int = 15,
        steps: str = "scalar",
        offsets: bool = False,
        most_samples: int = 2048,
    ) -> None:
        super().__init__(array, constellation)
        self.num_layers = check_positive_int("num_layers", num_layers)
        self.steps = check_one_of("steps", steps, ("scalar", "matrix", "gauss-newton"))
        self.most_samples = check_positive_int("most_samples", most_samples)
        scalars = _second_order(num_layers) if steps == "gauss-newton" else _first_order(num_layers)
        self.scalars = nn.Parameter(scalars)
        if steps == "matrix":
            self.scales = nn.ParameterDict(self._matrices(torch.ones, is_complex=False))
        if check_bool("offsets", offsets):
            self.offsets = nn.ParameterDict(self._matrices(torch.zeros, is_complex=True))

    def _matrices(self, fill: Callable[..., Tensor], is_complex: bool) -> dict[str, Tensor]:
        a, layers = self.array, self.num_layers
        both = (2,) if is_complex else ()
        return {
            "f_bb": fill(layers, a.num_tx_chains, a.num_users, a.num_streams, *both),
            "w_bb": fill(layers, a.num_users, a.num_rx_chains, a.num_streams, *both),
            "f_phase": fill(layers, a.num_tx_ant, a.num_tx_chains),
            "w_phase": fill(layers, a.num_users, a.num_rx_ant, a.num_rx_chains),
        }

    def _design(self, h: Tensor, noise_var: Tensor) -> Beams:
        with torch.no_grad():
            best = self._best(h, noise_var, torch.ones_like(noise_var))
            if self.steps != "gauss-newton":
                return best.beams
            gain = _rms_gain(look(h, best.beams, noise_var))
            again = ((best.value > _SUSPECT) & (gain > _CLEAR)).nonzero().squeeze(-1)
            if len(again):
                tries = len(_OTHER_SPREADS)
                rows = again.repeat(tries)
                spreads = noise_var.new_tensor(_OTHER_SPREADS).repeat_interleave(len(again))
                found = self._best(h[rows], noise_var[rows], spreads)
                for part in zip(
                    *(x.chunk(tries) for x in (found.value, *found.beams)), strict=True
                ):
                    best = best.improved(*_in_rows(best, again, part))
        return best.beams

    def _best(self, h: Tensor, noise_var: Tensor, loosened: Tensor) -> Best:
        best = None
        for value, beams in self.iterates(h, noise_var, loosened):
            best = Best(value, beams) if best is None else best.improved(value, beams)
        assert best is not None
        return best

    def values(self, h: Tensor, noise_var: Tensor, criterion: str = "mser") -> list[Tensor]:
        check_one_of("criterion", criterion, ("mser",))
        return [value for value, _ in self.iterates(h, noise_var)]

    def layered_parameters(self) -> list[Tensor]:
        return list(self.parameters())

    def start(self, h: Tensor, noise_var: Tensor) -> Beams:
        """Where the layers begin: no learned part yet."""
        with torch.no_grad():
            return normalised(aligned_start(h, noise_var, self.array))

    def iterates(
        self, h: Tensor, noise_var: Tensor, loosened: Tensor | float = 1.0
    ) -> Iterator[tuple[Tensor, Beams]]:
        """ln of the error bound, (N), and beams: of the start, then of each layer.

        h: (N, K, Nr, Nt) with all users present, noise_var: (N). loosened: factor of the spread.
        Differentiable.
        """
        streams = h.shape[1] * self.array.num_streams
        samples = samples_for(self.constellation, streams, self.most_samples, h.real.dtype)
        beams = self.start(h, noise_var)
        motion: list[Tensor] | None = None
        for layer in range(self.num_layers):
            seen = look(h, beams, noise_var)
            value = log_bound(seen.x, samples)
            yield value, beams
            learned = self._layer(layer, seen, value, noise_var, loosened)
            direction = self._direction(h, beams, noise_var, seen, samples, learned)
            motion = self._moves(layer, beams, seen, direction, motion, learned)
            if learned.knobs is not None:
                motion = _scaled(motion, self._best_scale(h, noise_var, beams, motion, samples))
            beams = _moved(beams, motion)
        yield log_bound(look(h, beams, noise_var).x, samples), beams

    def _layer(
        self, layer: int, seen: Seen, value: Tensor, noise_var: Tensor, loosened: Tensor | float
    ) -> Layer:
        """The learned numbers for each channel."""
        value = value.detach()
        snr = -noise_var.log10().clamp(-3, 3)
        lowest = _FLAT_BELOW if self.steps == "gauss-newton" else -20
        features = torch.stack([torch.ones_like(snr), snr, value.clamp(min=lowest) / 5], -1)
        numbers = (features @ self.scalars[layer].to(features.dtype).T).exp().unbind(-1)
        # Far down, a single stream would own the objective and nothing would hold the others
        # where they are; a wider kernel keeps all of them in sight.
        widening = (value / _DEEP).clamp(min=1.0).sqrt()
        knobs = None
        if self.steps == "gauss-newton":
            knobs, spread = Knobs(*numbers[:7]), numbers[-1] * loosened
            numbers, widening = numbers[7:-1], widening * _loosening(seen, value, spread)
        steps, momenta, (width, reach) = numbers[:4], numbers[4:8], numbers[8:]
        limited = tuple(m.clamp(max=0.98) for m in momenta)
        bend = torch.full_like(value, _BEND)
        return Layer(knobs, bend, steps, limited, width * widening, reach)

    def _direction(
        self,
        h: Tensor,
        beams: Beams,
        noise_var: Tensor,
        seen: Seen,
        samples: Samples,
        learned: Layer,
    ) -> Gradient:
        x = seen.x / learned.width[:, None, None]
        if learned.knobs is not None:
            found = bound_and_curvature(x, samples)
            width = learned.width[:, None, None]
            by_x, hessian = found[1] / width, natural(found[2] / width.square().unsqueeze(-1))
            approximate = factored(beams, noise_var, seen, by_x, hessian, learned.knobs)
            exact = curvature_at(h, beams, seen, by_x, hessian, learned.bend)
            right = gradient(beams, noise_var, seen, found[0], by_x)
            return truncated_newton(
                right, lambda move: curvature_product(exact, move), approximate.solve, _ITERATIONS
            )
        value, by_x = log_bound_gradient(x, samples)
        found = gradient(beams, noise_var, seen, value, by_x)
        parts = {name: getattr(found, name) for name in _PARTS}
        tiny = torch.finfo(value.dtype).tiny ** 0.5
        return Gradient(value, **{name: g / (rms(g) + tiny) for name, g in parts.items()})

    def _moves(
        self,
        layer: int,
        beams: Beams,
        seen: Seen,
        direction: Gradient,
        motion: list[Tensor] | None,
        learned: Layer,
    ) -> list[Tensor]:
        moves = []
        for i, name in enumerate(_PARTS):
            move = getattr(direction, name)
            if self.steps == "matrix":
                move = move * _fitting(self.scales[name][layer], move)
            if self.steps != "gauss-newton" and name.endswith("_bb"):
                move = move * rms(getattr(beams, name))
            move = move * _wide(-learned.steps[i], move)
            if motion is not None:
                move = move + motion[i] * _wide(learned.momenta[i], move)
            if hasattr(self, "offsets"):
                offset = self.offsets[name][layer]
                if name.endswith("_bb"):
                    offset = torch.view_as_complex(offset)
                move = move + _fitting(offset, move)
            moves.append(move)
        return self._limited(beams, seen, moves, learned)

    def _best_scale(
        self,
        h: Tensor,
        noise_var: Tensor,
        beams: Beams,
        moves: list[Tensor],
        samples: Samples,
    ) -> Tensor:
        """Which multiple of the moves leaves the least error rate, (N); no derivative."""
        with torch.no_grad():
            values = []
            for scale in _SCALES:
                ahead = _moved(beams, [move * scale for move in moves])
                values.append(log_bound(look(h, ahead, noise_var).x, samples))
            return torch.tensor(_SCALES, dtype=values[0].dtype)[torch.stack(values).argmin(0)]

    def _limited(
        self, beams: Beams, seen: Seen, moves: list[Tensor], learned: Layer
    ) -> list[Tensor]:
        """No decision variable moves by more than ``reach`` kernel widths, to first order."""
        f_bb, w_bb, f_phase, w_phase = moves
        ahead = push_forward(beams, seen, Gradient(seen.noise, f_phase, f_bb, w_phase, w_bb))
        largest = ahead.abs().sum(-1).amax(-1) * float(self.constellation.points.real.max())
        share = (learned.reach * learned.width / largest.clamp(min=1e-20)).clamp(max=1.0)
        return _scaled(moves, share)


def _first_order(num_layers: int) -> Tensor:
    scalars = torch.zeros(num_layers, len(_FIRST_ORDER), 3)
    scalars[..., 0] = torch.tensor(_FIRST_ORDER).log()
    return scalars


def _second_order(num_layers: int) -> Tensor:
    start, trend, by_snr, by_value = torch.tensor(_SECOND_ORDER).unbind(-1)
    place = torch.linspace(-0.5, 0.5, num_layers) if num_layers > 1 else torch.zeros(1)
    first = start.log() + place[:, None] * trend
    falling = 1 - torch.arange(num_layers) / (_WIDE_SHARE * num_layers)
    first[:, -1] += falling.clamp(min=_LEAST).log()
    return torch.stack([first, by_snr.expand_as(first), by_value.expand_as(first)], -1)


def _loosening(seen: Seen, value: Tensor, spread: Tensor) -> Tensor:
    """How much wider than the noise the kernel of a channel that may be stuck is, (N).

    Far up at low noise, nothing pulls apart what is decided wrongly, because the densities there
    vanish. Such a channel starts at the kernel of louder noise; ``spread``, the exponent, falls
    from layer to layer.
    """
    doubt = ((value - _DOUBTFUL) / (_STUCK - _DOUBTFUL)).clamp(0, 1)
    return (_rms_gain(seen) / _LOUD).clamp(min=1.0).pow(spread * doubt)


def _rms_gain(seen: Seen) -> Tensor:
    """Deviation of the decision variables in units of the noise's, root mean over streams, (N)."""
    return seen.x.detach().square().sum(-1).mean(-1).sqrt() * math.sqrt(0.5)


def _in_rows(best: Best, rows: Tensor, found: tuple[Tensor, ...]) -> Best:
    """``best`` with what was found, value and beams, in these rows."""
    old = (best.value, *best.beams)
    value, *parts = (a.index_copy(0, rows, b) for a, b in zip(old, found, strict=True))
    return Best(value, Beams(*parts))


def _moved(beams: Beams, moves: list[Tensor]) -> Beams:
    f_bb, w_bb = beams.f_bb + moves[0], beams.w_bb + moves[1]
    f_rf, w_rf = turned(beams.f_rf, moves[2]), turned(beams.w_rf, moves[3])
    return normalised(Beams(f_rf, f_bb, w_rf, w_bb))


def _scaled(moves: list[Tensor], share: Tensor) -> list[Tensor]:
    return [move * _wide(share, move) for move in moves]


def _wide(number: Tensor, like: Tensor) -> Tensor:
    return number.view(-1, *(1,) * (like.ndim - 1))


def _fitting(matrix: Tensor, like: Tensor) -> Tensor:
    """The rows that a smaller system uses; (Rt, K, D) of V becomes (Rt, K D)."""
    if like.ndim == 3 and matrix.ndim == 3:
        matrix = matrix[:, : like.shape[-1] // matrix.shape[-1]].flatten(1)
    for axis, size in enumerate(like.shape[1:]):
        matrix = matrix.narrow(axis, 0, size)
    return matrix.to(like.dtype if matrix.is_complex() else like.real.dtype)
