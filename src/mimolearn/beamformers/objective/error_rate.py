"""Symbol-error rates of a linear transceiver: by enumeration, a Fourier series, or random draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beams
from mimolearn.beamformers.gains import stream_gains
from mimolearn.constellation import Constellation, as_constellation
from mimolearn.foundation.errors import check_one_of, check_positive_int, invalid
from mimolearn.foundation.tensors.modes import in_standard_mode
from mimolearn.link.randomness import RandomSource, integers, normal

# Above this the series is faster.
_MOST_VECTORS = 2**12
_ENTRIES_A_CALL = 2**21
_NEGLIGIBLE = 1e-14


@in_standard_mode
def symbol_error_rate(
    h: Tensor,
    beams: Beams,
    noise_var: Tensor | float,
    constellation: Constellation | str,
    method: str = "auto",
) -> Tensor:
    """Compute the exact probability of a symbol error in each stream.

    Symbols are uniform and independent. Each axis of an output is compared with thresholds that are
    scaled by the real part of its diagonal gain.

    Args:
        h: (*C, K, Nr, Nt) complex; channels.
        beams: of these channels.
        noise_var: (*C) real or a number.
        constellation: "qpsk" or a square QAM.
        method: "enumerate" sums over all M^S symbol vectors and is accurate at any rate. "series"
            takes S^2 operations, with an absolute error near 1e-13. "auto" (default) enumerates
            where that is feasible.

    Returns:
        (*C, K, D) float64; NaN for streams of absent users.

    Raises:
        InvalidInputError: for a real constellation, an unknown method, or too many symbol vectors
            to enumerate.
    """
    check_one_of("method", method, ("auto", "enumerate", "series"))
    points = as_constellation(constellation)
    if points.is_real:
        raise invalid("constellation", points.name, "qpsk or a square QAM")
    wide = Beams(*(part.to(torch.complex128) for part in beams))
    noise_var = torch.as_tensor(noise_var, dtype=torch.float64).expand(h.shape[:-3])
    gains, noise = stream_gains(h.to(torch.complex128), wide, noise_var)
    shape = beams.w_bb.shape[:-2] + beams.w_bb.shape[-1:]
    gains, noise = gains.reshape(-1, *gains.shape[-2:]), noise.reshape(-1, noise.shape[-1])
    rates = torch.full(noise.shape, math.nan, dtype=torch.float64, device=noise.device)
    active = noise > 0
    for pattern in active.unique(dim=0):
        rows, used = (active == pattern).all(-1).nonzero()[:, 0], pattern.nonzero()[:, 0]
        if not len(used):
            continue
        a = gains[rows][:, used][:, :, used] / noise[rows][:, used, None]
        # A receiver scales by its diagonal gain, whatever the sign.
        sign = a.diagonal(dim1=-2, dim2=-1).real.sign()
        a = a * torch.where(sign < 0, -1.0, 1.0).unsqueeze(-1)
        by_enumeration = points.num_points ** len(used) <= 4 * _MOST_VECTORS
        exact = method == "enumerate" or (method == "auto" and by_enumeration)
        rate = _by_enumeration(a, points) if exact else _by_series(a, points)
        rates[rows[:, None], used[None, :]] = rate
    return rates.reshape(shape)


def _by_enumeration(a: Tensor, points: Constellation) -> Tensor:
    """Compute error rates (N, S) from gains over noise deviations a, (N, S, S)."""
    streams = a.shape[-1]
    total = points.num_points**streams
    if total > 2**22:
        raise invalid("method", "enumerate", f"'series': there are {total:.2g} symbol vectors")
    grids = torch.meshgrid([torch.arange(points.num_points)] * streams, indexing="ij")
    indices = torch.stack(grids, -1).reshape(-1, streams)
    # By symmetry, all symbols of a QPSK stream have the same error rate: one is enough.
    levels = points.axis(torch.float64).levels
    d, top = points.min_distance() / 2, float(levels[-1])
    rates = []
    for i in range(streams):
        chosen = indices[indices[:, i] == 0] if points.num_points == 4 else indices
        s = points.map(chosen, torch.complex128)
        step = max(1, _ENTRIES_A_CALL // len(s))
        rates.append(torch.cat([_wrong(rows, s, i, d, top) for rows in a[:, i].split(step)]))
    return torch.stack(rates, -1)


def _wrong(a: Tensor, s: Tensor, stream: int, d: float, top: float) -> Tensor:
    """Average P(error of one stream) over symbol vectors s (J, S); a: (n, S) its gains."""
    c = a[:, stream].real[:, None]
    deviation = a @ s.mT - c * s[:, stream]
    errors = []
    for offset, level in ((deviation.real, s[:, stream].real), (deviation.imag, s[:, stream].imag)):
        below, above = (level > d - top).double(), (level < top - d).double()
        # A level at the edge has only one threshold, on its inner side.
        wrong = below * _tail(c * d + offset) + above * _tail(c * d - offset)
        errors.append(wrong.clamp(max=1.0))
    re, im = errors
    return (re + im - re * im).mean(-1)


def _tail(z: Tensor) -> Tensor:
    """Gaussian tail probability Q(z)."""
    return torch.erfc(z / math.sqrt(2)) / 2


def _by_series(a: Tensor, points: Constellation) -> Tensor:
    """Compute P(re) + P(im) - P(both) by the Fourier series of square waves (Beaulieu 1990)."""
    levels = points.axis(torch.float64).levels
    streams = a.shape[1]
    own = a.diagonal(dim1=-2, dim2=-1).reshape(-1)
    off_diagonal = ~torch.eye(streams, dtype=torch.bool)
    others = a[:, off_diagonal].reshape(len(own), streams - 1)
    # Half the period of the square wave. Noise leaves it with probability 1e-16.
    spread = torch.cat([own[:, None], others], -1)
    reach = (spread.real.abs() + spread.imag.abs()).sum(-1) * float(levels[-1]) + 9.0
    out = torch.empty(len(own), dtype=torch.float64)
    order = reach.argsort()
    for rows in _in_parts(order, reach, lambda terms: 4 * terms * streams):
        out[rows] = _series(own[rows], others[rows], float(reach[rows[-1]]), points, joint=False)
    # P(both) is at most P(re) + P(im): where that is rounding, the grid need not be summed.
    order = order[out[order] > _NEGLIGIBLE]
    for rows in _in_parts(order, reach, lambda terms: 2 * terms**2 * len(levels)):
        out[rows] = _series(own[rows], others[rows], float(reach[rows[-1]]), points, joint=True)
    return out.clamp_(0, 1).reshape(a.shape[:2])


def _in_parts(order: Tensor, reach: Tensor, size: Callable[[int], int]) -> Iterator[Tensor]:
    """Split rows, sorted by reach, into parts that fit into memory."""
    start = 0
    while start < len(order):
        terms = _num_terms(float(reach[order[start]]))
        rows = order[start : start + max(1, _ENTRIES_A_CALL // size(terms))]
        yield rows
        start += len(rows)


def _num_terms(reach: float) -> int:
    """Count odd harmonics until the characteristic function of the noise is below 1e-16."""
    return max(2, math.ceil(8.8 * reach / math.pi / 2))


def _series(
    own: Tensor, others: Tensor, reach: float, points: Constellation, *, joint: bool
) -> Tensor:
    """Compute error rates (n); without joint, P(re) + P(im).

    own: (n) diagonal gains; others: (n, S - 1) gains of the interference.
    """
    levels = points.axis(torch.float64).levels
    count = len(levels)
    m = torch.arange(_num_terms(reach), dtype=torch.float64) * 2 + 1
    u = m * (math.pi / reach)
    weight = 2 / (math.pi * m)
    # Index (side, level): threshold below (+1) or above (-1), and the level on the other axis.
    sign = torch.tensor([1.0, -1.0], dtype=torch.float32)[:, None]
    margin = own.real[:, None, None] * (points.min_distance() / 2)
    x = (margin - sign * own.imag[:, None, None] * levels).flatten(1)
    y = (margin + sign * own.imag[:, None, None] * levels).flatten(1)
    axis_x, axis_y = x[..., None] * u, y[..., None] * u
    line = _cf(others, u, u.new_zeros(1), levels)[..., 0] * weight
    px, py = (0.5 - (torch.sin(axis) * line[:, None]).sum(-1) for axis in (axis_x, axis_y))
    if not joint:
        return _average(px, py, None, count)
    same, opposite = (_cf(others, u, s * u, levels) * weight[:, None] * weight for s in (1, -1))
    in_phase = torch.cos(axis_x) @ (opposite - same) @ torch.cos(axis_y).mT
    in_quadrature = torch.sin(axis_x) @ (opposite + same) @ torch.sin(axis_y).mT
    halves = (px[:, :, None] + py[:, None, :]) / 2 - 0.25
    orientation = torch.tensor([1.0, -1.0], dtype=torch.float32).repeat_interleave(count)
    turned = orientation[:, None] * orientation
    # For sides of opposite sign, both characteristic functions are swapped.
    both = halves + (turned * in_phase + in_quadrature) / 2
    return _average(px, py, both, count)


def _average(px: Tensor, py: Tensor, both: Tensor | None, count: int) -> Tensor:
    """Average P(re) + P(im) - P(both) over the symbols (u, v), without thresholds at edges.

    px: (n, 2 L) for (side, v), py for (side, u); both: (n, 2 L, 2 L).
    """
    has = torch.ones(2, count, dtype=torch.float64)
    has[0, 0] = has[1, -1] = 0.0
    per_side = has.sum(-1) / count
    re = (px.unflatten(-1, (2, count)).mean(-1) * per_side).sum(-1)
    im = (py.unflatten(-1, (2, count)).mean(-1) * per_side).sum(-1)
    if both is None:
        return re + im
    # Level u has side s in re and moves y; level v has side t in im and moves x.
    joint = both.unflatten(-1, (2, count)).unflatten(1, (2, count))
    together = torch.einsum("nsvtu,su,tv->n", joint, has, has) / count**2
    return re + im - together


def _cf(others: Tensor, u: Tensor, v: Tensor, levels: Tensor) -> Tensor:
    """Compute E exp(j(u Re + v Im)) of interference and unit noise on both axes, (n, U, V).

    It is real, because the interference is symmetric.
    """
    out = torch.exp(-(u[:, None] ** 2 + v**2) / 2).expand(len(others), -1, -1)
    for gain in others.unbind(-1):
        re, im = gain.real[:, None, None], gain.imag[:, None, None]
        # u Re(g s) + v Im(g s) = (u re + v im) s_r + (v re - u im) s_i.
        for phase in (u[:, None] * re + v * im, v * re - u[:, None] * im):
            terms = [torch.cos(phase * float(level)) for level in levels[len(levels) // 2 :]]
            out = out * (sum(terms[1:], terms[0]) / len(terms))
    return out


def drawn_symbol_errors(
    h: Tensor,
    beams: Beams,
    noise_var: Tensor,
    constellation: Constellation | str,
    num_vectors: int,
    generator: RandomSource,
) -> Tensor:
    """Count symbol errors of random vectors over each channel.

    Args:
        h: (*C, K, Nr, Nt) complex; channels.
        beams: of these channels.
        noise_var: (*C) real.
        constellation: a Constellation or its name.
        num_vectors: vectors of each channel.
        generator: the only source of randomness.

    Returns:
        (*C, K, D) int64; symbol errors.
    """
    check_positive_int("num_vectors", num_vectors, 10**9)
    points = as_constellation(constellation)
    gains, noise = stream_gains(h, beams, noise_var)
    batch, streams = gains.shape[:-2], gains.shape[-1]
    indices = integers((*batch, num_vectors, streams), points.num_points, generator)
    s = points.map(indices, gains.dtype)
    real = gains.real.dtype
    drawn = normal((*batch, num_vectors, streams, 2), generator, real)
    out = s @ gains.mT + torch.view_as_complex(drawn.contiguous()) * noise.unsqueeze(-2)
    scale = gains.diagonal(dim1=-2, dim2=-1).real.unsqueeze(-2)
    errors = (points.nearest(out / scale) != indices).sum(-2)
    return errors.reshape(*batch, *beams.w_bb.shape[-3:-2], beams.w_bb.shape[-1])
