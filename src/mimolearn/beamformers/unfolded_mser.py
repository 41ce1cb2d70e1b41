"""Gradient descent on the error rate, unfolded into a few layers of learned steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mimolearn.beamformers.array import HybridArray
from mimolearn.beamformers.base import Beams, LearnedBeamformer
from mimolearn.beamformers.descent import Best, normalised, rms, turned
from mimolearn.beamformers.gauss_newton import Knobs, newton_direction, push_forward
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
# Of a Gauss-Newton layer: Hessian, curvatures of V and F, damping of V, F, W, U; then four steps,
# four momenta, kernel width, reach.
_SECOND_ORDER = (
    *(0.99, 0.344, 0.344, 1.31, 1.31, 0.755, 0.755),
    *(0.77, 0.77, 0.77, 0.77),
    *(0.5, 0.5, 0.5, 0.5),
    *(1.0, 2.0),
)


# ln SER below which the kernel is widened.
_DEEP = -5.0


class Layer(NamedTuple):
    """What one layer does with a channel, each (N): see the starts above."""

    knobs: Knobs | None
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
    direction of ``gauss_newton`` with seven learned weights in place of g / rms(g). Every number
    depends on the layer, and through two slopes on the noise level and on ln SER so far: one
    network serves a range of SNRs. offsets: the paper's O, added in each layer, 0 at the start.
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
        first = torch.tensor(_SECOND_ORDER if steps == "gauss-newton" else _FIRST_ORDER).log()
        scalars = torch.zeros(num_layers, len(first), 3)
        scalars[..., 0] = first
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
        best = None
        for value, beams in self.iterates(h, noise_var):
            with torch.no_grad():
                best = Best(value, beams) if best is None else best.improved(value, beams)
        assert best is not None
        return best.beams

    def values(self, h: Tensor, noise_var: Tensor, criterion: str = "mser") -> list[Tensor]:
        check_one_of("criterion", criterion, ("mser",))
        return [value for value, _ in self.iterates(h, noise_var)]

    def layered_parameters(self) -> list[Tensor]:
        return list(self.parameters())

    def start(self, h: Tensor, noise_var: Tensor) -> Beams:
        """Where the layers begin: no learned part yet."""
        with torch.no_grad():
            return normalised(aligned_start(h, noise_var, self.array))

    def iterates(self, h: Tensor, noise_var: Tensor) -> Iterator[tuple[Tensor, Beams]]:
        """ln of the error bound, (N), and beams: of the start, then of each layer.

        h: (N, K, Nr, Nt) with all users present, noise_var: (N). Differentiable.
        """
        streams = h.shape[1] * self.array.num_streams
        samples = samples_for(self.constellation, streams, self.most_samples, h.real.dtype)
        beams = self.start(h, noise_var)
        motion: tuple[Tensor, ...] | None = None
        for layer in range(self.num_layers):
            seen = look(h, beams, noise_var)
            value = log_bound(seen.x, samples)
            yield value, beams
            learned = self._layer(layer, value.detach(), noise_var)
            direction = self._direction(beams, noise_var, seen, samples, learned)
            beams, motion = self._moved(layer, beams, seen, direction, motion, learned)
        yield log_bound(look(h, beams, noise_var).x, samples), beams

    def _layer(self, layer: int, value: Tensor, noise_var: Tensor) -> Layer:
        """The learned numbers for each channel."""
        snr = -noise_var.log10().clamp(-3, 3)
        features = torch.stack([torch.ones_like(snr), snr, value.clamp(min=-20) / 5], -1)
        numbers = (features @ self.scalars[layer].to(features.dtype).T).exp().unbind(-1)
        knobs = Knobs(*numbers[:7]) if self.steps == "gauss-newton" else None
        steps, momenta = numbers[-10:-6], numbers[-6:-2]
        width, reach = numbers[-2:]
        # Far down, a single stream would own the objective and nothing would hold the others
        # where they are; a wider kernel keeps all of them in sight.
        width = width * (value / _DEEP).clamp(min=1.0).sqrt()
        return Layer(knobs, steps, tuple(m.clamp(max=0.98) for m in momenta), width, reach)

    def _direction(
        self,
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
            scaled = (found[0], found[1] / width, found[2] / width.square().unsqueeze(-1))
            return newton_direction(beams, noise_var, seen, scaled, learned.knobs)
        value, by_x = log_bound_gradient(x, samples)
        found = gradient(beams, noise_var, seen, value, by_x)
        parts = {name: getattr(found, name) for name in _PARTS}
        tiny = torch.finfo(value.dtype).tiny ** 0.5
        return Gradient(value, **{name: g / (rms(g) + tiny) for name, g in parts.items()})

    def _moved(
        self,
        layer: int,
        beams: Beams,
        seen: Seen,
        direction: Gradient,
        motion: tuple[Tensor, ...] | None,
        learned: Layer,
    ) -> tuple[Beams, tuple[Tensor, ...]]:
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
        moves = self._limited(beams, seen, moves, learned)
        f_bb, w_bb = beams.f_bb + moves[0], beams.w_bb + moves[1]
        f_rf, w_rf = turned(beams.f_rf, moves[2]), turned(beams.w_rf, moves[3])
        return normalised(Beams(f_rf, f_bb, w_rf, w_bb)), tuple(moves)

    def _limited(
        self, beams: Beams, seen: Seen, moves: list[Tensor], learned: Layer
    ) -> list[Tensor]:
        """No decision variable moves by more than ``reach`` kernel widths, to first order."""
        f_bb, w_bb, f_phase, w_phase = moves
        ahead = push_forward(beams, seen, Gradient(seen.noise, f_phase, f_bb, w_phase, w_bb))
        largest = ahead.abs().sum(-1).amax(-1) * float(self.constellation.points.real.max())
        share = (learned.reach * learned.width / largest.clamp(min=1e-20)).clamp(max=1.0)
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
