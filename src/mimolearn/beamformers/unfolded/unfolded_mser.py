"""Gradient descent on the error rate, unfolded into a few layers of learned steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from mimolearn.beamformers.base import Beams, LearnedBeamformer
from mimolearn.beamformers.classical.descent import Best, normalised, rms, turned
from mimolearn.beamformers.classical.start import aligned_start
from mimolearn.beamformers.objective.error_bound import (
    Gradient,
    Observed,
    Samples,
    gradient,
    log_bound,
    log_bound_gradient,
    observe,
)
from mimolearn.beamformers.objective.gauss_newton import push_forward
from mimolearn.beamformers.objective.samples import samples_for
from mimolearn.beamformers.unfolded.newton_layers import (
    KINDS,
    NewtonNumbers,
    NewtonPass,
    newton_numbers,
    newton_start,
)
from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_bool, check_one_of, check_positive_int
from mimolearn.link.array import HybridArray

_PARTS = ("f_bb", "w_bb", "f_phase", "w_phase")
# Of a layer of scalar or matrix steps: four steps, four momenta, kernel width, reach.
_FIRST_ORDER = (*(0.12, 0.08, 0.06, 0.05), *(0.7, 0.7, 0.7, 0.7), *(1.0, 1.0))

# ln SER below which Newton layers no longer depend on it.
_FLAT_BELOW = -4.0
# ln SER below which the kernel is widened.
_DEEP = -5.0
# ln SER above which a channel may be stuck, where it surely is, and rms decision gain of a channel
# whose noise alone is kernel enough.
_DOUBTFUL, _STUCK, _LOUD = -6.0, -2.0, 2.0
# ln SER and rms decision gain above which a finished channel passes the layers once more: where the
# error rate stays high for the noise there is, its way is longer.
_SUSPECT, _CLEAR = -7.0, 6.0

STEPS = ("scalar", "matrix", *KINDS)


class UnfoldedMser(LearnedBeamformer):
    """Layers of descent on ln SER with learned steps and kernel widths.

    Choose it for error rates near those of ``mser-gd`` at a tenth of its time.

    From the aligned start, each layer moves V, W and the phases of F and U together; then V and W
    are normalised. The best iterate is kept. Newton's layers use a wide kernel in the first layers,
    where the error rate is high for the noise. The few channels where it stays high pass the layers
    again, from where they ended, with the narrow kernel. Every number depends on the layer, on the
    noise level and on ln SER so far, so that one network suits a range of SNRs.
    The paper (Shi et al.) differs: its step sizes are absolute, it has no momentum, its kernel
    width is constant, and it derives the gradients of training by hand.
    A channel takes num_layers S 2S most_samples products. For fewer users and antennas than the
    array's, rows of matrices and offsets are unused.

    Args:
        array: numbers of antennas, RF chains, users and streams; default ``HybridArray()``.
        constellation: "qpsk" (default) or a square QAM.
        num_layers: default 15.
        steps: "scalar": d <- m d - a g / rms(g), X <- X + rms(X) d (eqs. 27 to 30), with four
            steps and momenta a layer. "matrix": these times a learned number for each entry, as in
            the paper. "newton-cg" (default): Newton's direction by three conjugate gradients with
            exact products of the Hessian, preconditioned by a learned metric and by earlier
            layers; 11 numbers a layer. "gauss-newton": also preconditioned by ``gauss_newton``,
            whose matrix is used in three layers, and the best of three multiples; three times the
            time.
        offsets: whether each layer adds the paper's O, which starts at 0; default False.
        most_samples: largest number of symbol vectors that are averaged over; default 2048.

    >>> h = torch.randn(2, 8, 64, dtype=torch.complex64)
    >>> UnfoldedMser(num_layers=2)(h, 0.1).f_bb.shape
    torch.Size([8, 6])
    """

    name = "unfolded-mser"
    revision = 3
    channels_a_call = 256

    def __init__(
        self,
        array: HybridArray | None = None,
        constellation: Constellation | str = "qpsk",
        num_layers: int = 15,
        steps: str = "newton-cg",
        offsets: bool = False,
        most_samples: int = 2048,
    ) -> None:
        super().__init__(array, constellation)
        self.num_layers = check_positive_int("num_layers", num_layers, 1_000)
        self.steps = check_one_of("steps", steps, STEPS)
        self.most_samples = check_positive_int("most_samples", most_samples, 2**24)
        newton = steps in KINDS
        scalars = newton_start(num_layers, steps) if newton else _first_order(num_layers)
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
            if self.steps in KINDS:
                best = self._longer_ways(h, noise_var, best)
        return best.beams

    def _longer_ways(self, h: Tensor, noise_var: Tensor, best: Best) -> Best:
        gain = _rms_gain(observe(h, best.beams, noise_var))
        again = ((best.value > _SUSPECT) & (gain > _CLEAR)).nonzero().squeeze(-1)
        if not len(again):
            return best
        begin = Beams(*(part[again] for part in best.beams))
        found = self._best(h[again], noise_var[again], torch.zeros_like(again), begin)
        return best.improved(*_in_rows(best, again, found))

    def _best(
        self, h: Tensor, noise_var: Tensor, loosened: Tensor, begin: Beams | None = None
    ) -> Best:
        best = None
        for value, beams in self.iterates(h, noise_var, loosened, begin):
            best = Best(value, beams) if best is None else best.improved(value, beams)
        assert best is not None
        return best

    def values(
        self,
        h: Tensor,
        noise_var: Tensor,
        criterion: str = "mser",
        truth: Tensor | None = None,
    ) -> list[Tensor]:
        check_one_of("criterion", criterion, ("mser",))
        iterates = self.iterates(h, noise_var)
        if truth is None:
            return [value for value, _ in iterates]
        streams = h.shape[1] * self.array.num_streams
        samples = samples_for(self.constellation, streams, self.most_samples, h.real.dtype)
        return [log_bound(observe(truth, beams, noise_var).x, samples) for _, beams in iterates]

    def layered_parameters(self) -> list[Tensor]:
        return list(self.parameters())

    def start(self, h: Tensor, noise_var: Tensor) -> Beams:
        """Where the layers begin: no learned part yet.

        Args:
            h: (N, K, Nr, Nt) complex; the channels.
            noise_var: (N) real; noise variance per receive antenna.
        """
        with torch.no_grad():
            return normalised(aligned_start(h, noise_var, self.array))

    def iterates(
        self,
        h: Tensor,
        noise_var: Tensor,
        loosened: Tensor | float = 1.0,
        begin: Beams | None = None,
    ) -> Iterator[tuple[Tensor, Beams]]:
        """ln of the error bound, (N), and beams: of the start, then of each layer.

        h: (N, K, Nr, Nt) with all users present, noise_var: (N). loosened: factor of the spread.
        begin: in place of ``start``. Differentiable.
        """
        streams = h.shape[1] * self.array.num_streams
        samples = samples_for(self.constellation, streams, self.most_samples, h.real.dtype)
        beams = self.start(h, noise_var) if begin is None else begin
        motion: list[Tensor] | None = None
        newton = None
        if self.steps in KINDS:
            newton = NewtonPass(self.steps, h, noise_var, samples)
        for layer in range(self.num_layers):
            observed = observe(h, beams, noise_var)
            value = log_bound(observed.x, samples)
            yield value, beams
            numbers = self._numbers(layer, value, noise_var)
            if newton is None:
                place = layer, beams, noise_var, observed
                motion = self._descend(*place, samples, motion, numbers, _widening(value))
            else:
                learned = newton_numbers(self.steps, numbers)
                spread = learned.spread * loosened
                width = learned.width * _widening(value) * _loosening(observed, value, spread)
                motion = self._newton(layer, newton, beams, observed, learned._replace(width=width))
                if KINDS[self.steps].scales:
                    motion = _scaled(motion, self._best_scale(h, noise_var, beams, motion, samples))
            beams = _moved(beams, motion)
        yield log_bound(observe(h, beams, noise_var).x, samples), beams

    def _numbers(self, layer: int, value: Tensor, noise_var: Tensor) -> tuple[Tensor, ...]:
        """The learned numbers for each channel."""
        snr = -noise_var.log10().clamp(-3, 3)
        lowest = _FLAT_BELOW if self.steps in KINDS else -20
        observed = value.detach().clamp(min=lowest) / 5
        features = torch.stack([torch.ones_like(snr), snr, observed], -1)
        return (features @ self.scalars[layer].to(features.dtype).T).exp().unbind(-1)

    def _descend(
        self,
        layer: int,
        beams: Beams,
        noise_var: Tensor,
        observed: Observed,
        samples: Samples,
        motion: list[Tensor] | None,
        numbers: tuple[Tensor, ...],
        wider: Tensor,
    ) -> list[Tensor]:
        """A normalised gradient step with momentum."""
        steps, momenta, (width, reach) = numbers[:4], numbers[4:8], numbers[8:]
        width = width * wider
        value, by_x = log_bound_gradient(observed.x / width[:, None, None], samples)
        found = gradient(beams, noise_var, observed, value, by_x)
        tiny = torch.finfo(value.dtype).tiny ** 0.5
        moves = []
        for i, name in enumerate(_PARTS):
            move = getattr(found, name)
            move = move / (rms(move) + tiny)
            if self.steps == "matrix":
                move = move * _fitting(self.scales[name][layer], move)
            if name.endswith("_bb"):
                move = move * rms(getattr(beams, name))
            move = move * _wide(-steps[i], move)
            if motion is not None:
                move = move + motion[i] * _wide(momenta[i].clamp(max=0.98), move)
            moves.append(move)
        moves = self._with_offsets(layer, moves)
        return self._limited(moves, _gains(beams, observed, moves), reach * width)

    def _newton(
        self,
        layer: int,
        newton: NewtonPass,
        beams: Beams,
        observed: Observed,
        learned: NewtonNumbers,
    ) -> list[Tensor]:
        """A step in Newton's direction."""
        found, gains = newton.direction(beams, observed, learned)
        moves = _scaled([getattr(found, name) for name in _PARTS], -learned.step)
        gains = gains * learned.step[:, None, None]
        if hasattr(self, "offsets"):
            moves = self._with_offsets(layer, moves)
            gains = _gains(beams, observed, moves)
        return self._limited(moves, gains, learned.reach * learned.width)

    def _with_offsets(self, layer: int, moves: list[Tensor]) -> list[Tensor]:
        if not hasattr(self, "offsets"):
            return moves
        offsets = [self.offsets[name][layer] for name in _PARTS]
        offsets[:2] = [torch.view_as_complex(offset) for offset in offsets[:2]]
        return [m + _fitting(o, m) for m, o in zip(moves, offsets, strict=True)]

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
            scales = KINDS[self.steps].scales
            for scale in scales:
                ahead = _moved(beams, [move * scale for move in moves])
                values.append(log_bound(observe(h, ahead, noise_var).x, samples))
            return values[0].new_tensor(scales)[torch.stack(values).argmin(0)]

    def _limited(self, moves: list[Tensor], gains: Tensor, limit: Tensor) -> list[Tensor]:
        """No decision variable moves by more than ``limit`` noise deviations, to first order."""
        largest = gains.abs().sum(-1).amax(-1) * float(
            self.constellation.axis(torch.float32).levels[-1]
        )
        return _scaled(moves, limit / torch.maximum(largest, limit))


def _gains(beams: Beams, observed: Observed, moves: list[Tensor]) -> Tensor:
    """What moves do to the decision gains, to first order."""
    f_bb, w_bb, f_phase, w_phase = moves
    return push_forward(beams, observed, Gradient(observed.noise, f_phase, f_bb, w_phase, w_bb))


def _first_order(num_layers: int) -> Tensor:
    scalars = torch.zeros(num_layers, len(_FIRST_ORDER), 3, dtype=torch.float32)
    scalars[..., 0] = torch.tensor(_FIRST_ORDER, dtype=torch.float32).log()
    return scalars


def _widening(value: Tensor) -> Tensor:
    """Far down, a single stream would own the objective and nothing would hold the others where
    they are; a wider kernel keeps all of them in sight."""
    return (value.detach() / _DEEP).clamp(min=1.0).sqrt()


def _loosening(observed: Observed, value: Tensor, spread: Tensor) -> Tensor:
    """How much wider than the noise the kernel of a channel that may be stuck is, (N).

    Far up at low noise, nothing pulls apart what is decided wrongly, because the densities there
    vanish. Such a channel starts at the kernel of louder noise; ``spread``, the exponent, falls
    from layer to layer.
    """
    doubt = ((value.detach() - _DOUBTFUL) / (_STUCK - _DOUBTFUL)).clamp(0, 1)
    return (_rms_gain(observed) / _LOUD).clamp(min=1.0).pow(spread * doubt)


def _rms_gain(observed: Observed) -> Tensor:
    """Deviation of the decision variables in units of the noise's, root mean over streams, (N)."""
    return observed.x.detach().square().sum(-1).mean(-1).sqrt() * math.sqrt(0.5)


def _in_rows(best: Best, rows: Tensor, found: Best) -> Best:
    """``best`` with what was found in these rows."""
    parts = zip((best.value, *best.beams), (found.value, *found.beams), strict=True)
    value, *beams = (a.index_copy(0, rows, b) for a, b in parts)
    return Best(value, Beams(*beams))


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
