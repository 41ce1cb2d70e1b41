"""Cues of the EQ-Net estimator and its network in one kernel, for few vectors.

A vector passes some eighty small operations of PyTorch, each of which costs more than its work. The
cues of small channels are computed entry by entry in double precision, the network with its units
in the lanes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.dense.layout import cut
from mimolearn.kernels.dense.packed_layers import ERF, activate, product
from mimolearn.kernels.machine.addresses import floats_at, scratch
from mimolearn.kernels.machine.compile import compiled, inlined, sizing, uncounted
from mimolearn.kernels.machine.memory import load, store

# Complex numbers are multiplied by real reciprocals throughout: a complex division by zero raises,
# whatever a kernel's error model says.

MOST_LLR = 24.0
"""Of an LLR that is corrected, and of one that the network reads."""
_EPSILON = float(np.finfo(np.float32).eps)


@uncounted
def _inverse(a, n):
    """In place, of a Hermitian positive definite matrix, by Gauss and Jordan."""
    for k in range(n):
        pivot = 1.0 / a[k, k].real
        a[k, k] = 1.0
        for j in range(n):
            a[k, j] *= pivot
        for i in range(n):
            if i != k:
                factor = a[i, k]
                a[i, k] = 0.0
                for j in range(n):
                    a[i, j] -= factor * a[k, j]


@uncounted
def _nearest(value, levels):
    """The level nearest to a value; a NaN gets the first."""
    number = np.rint((value - levels[0]) / (levels[1] - levels[0]))
    last = levels.size - 1
    return levels[int(min(max(number, 0.0), last)) if number == number else 0]


@uncounted
def _axis_llr(value, precision, levels, bits, llr, at):
    """LLRs of one axis, two apart; precision: 1 / (2 variance)."""
    for b in range(bits.shape[1]):
        best_0 = best_1 = -np.inf
        for u in range(levels.size):
            metric = -((value - levels[u]) ** 2) * precision
            if bits[u, b]:
                best_1 = max(best_1, metric)
            else:
                best_0 = max(best_0, metric)
        sum_0 = sum_1 = 0.0
        for u in range(levels.size):
            metric = -((value - levels[u]) ** 2) * precision
            if bits[u, b]:
                sum_1 += math.exp(metric - best_1)
            else:
                sum_0 += math.exp(metric - best_0)
        llr[at + 2 * b] = best_1 - best_0 + math.log(sum_1 / sum_0)


@uncounted
def _symbol_llr(value, precision, levels, bits, llr, at):
    _axis_llr(value.real, precision, levels, bits, llr, at)
    _axis_llr(value.imag, precision, levels, bits, llr, at + 1)


@uncounted
def _clipped(value, most):
    return min(max(value, -most), most)


@uncounted
def _views(llr, space, at):
    """Soft bits, then clipped LLRs; returns where they end."""
    for i in range(llr.size):
        space[at + i] = math.tanh(llr[i] / 2)
        space[at + llr.size + i] = _clipped(llr[i], MOST_LLR) / 8
    return at + 2 * llr.size


@uncounted
def _read_channel(h, start, noise_var, rx, order, g, energy, a, scale, variance):
    """Columns in descending order of energy, (H^H H + noise_var)^-1, and LMMSE's scalings."""
    n = order.size
    for j in range(n):
        total = 0.0
        for r in range(rx):
            at = start + 2 * (r * n + j)
            total += float(h[at]) ** 2 + float(h[at + 1]) ** 2
        to = j
        while to > 0 and energy[to - 1] < total:
            energy[to], order[to] = energy[to - 1], order[to - 1]
            to -= 1
        energy[to], order[to] = total, j
    for r in range(rx):
        for k in range(n):
            at = start + 2 * (r * n + order[k])
            g[r, k] = complex(h[at], h[at + 1])
    for i in range(n):
        for j in range(n):
            total = complex(noise_var if i == j else 0.0)
            for r in range(rx):
                total += g[r, i].conjugate() * g[r, j]
            a[i, j] = total
    _inverse(a, n)
    for i in range(n):
        remaining = noise_var * a[i, i].real
        gain = max(1.0 - remaining, _EPSILON)
        scale[i], variance[i] = 1.0 / gain, remaining / gain


@uncounted
def _channel_cues(a, variance, space, at):
    """Logarithms of the error variances, and correlations; returns where they end."""
    n = variance.size
    for i in range(n):
        # The bounds are those of PyTorch's way.
        space[at + i] = math.log(min(max(variance[i], math.exp(-12.0)), math.exp(6.0))) / 3
    at += n
    for i in range(n):
        for j in range(i + 1, n):
            correlation = a[i, j] * (1.0 / math.sqrt(a[i, i].real * a[j, j].real))
            space[at], space[at + 1] = correlation.real, correlation.imag
            at += 2
    return at


@uncounted
def _estimate(g, a, scale, received, middle, x):
    n, rx = scale.size, received.size
    for i in range(n):
        total = complex(0.0)
        for r in range(rx):
            total += g[r, i].conjugate() * received[r]
        middle[i] = total
    for i in range(n):
        total = complex(0.0)
        for j in range(n):
            total += a[i, j] * middle[j]
        x[i] = total * scale[i]


@uncounted
def _cancel(g, energy, noise_var, received, decided, levels, bits, llr, space, at):
    """LLRs of each stream after all others' decisions are cancelled, and what those leave of y."""
    n, rx = energy.size, received.size
    num_bits = 2 * bits.shape[1]
    total = 0.0
    for r in range(rx):
        for j in range(n):
            received[r] -= g[r, j] * decided[j]
        total += received[r].real ** 2 + received[r].imag ** 2
    for k in range(n):
        step = complex(0.0)
        for r in range(rx):
            step += g[r, k].conjugate() * received[r]
        # Nothing of a stream that nobody can hear is known: its LLRs are 0.
        step = step * (1.0 / energy[k]) if energy[k] > 0.0 else complex(0.0)
        z = decided[k] + step
        _symbol_llr(z, energy[k] / noise_var, levels, bits, llr, k * num_bits)
        again = complex(_nearest(z.real, levels), _nearest(z.imag, levels)) - decided[k]
        cross = again.real * step.real + again.imag * step.imag
        rest = total + ((again.real**2 + again.imag**2) - 2.0 * cross) * energy[k]
        space[at + k] = math.log1p(max(rest / noise_var, 0.0))


@inlined
def _run_network(weights, widths, space, erf):
    """From the start of the workspace to where this returns."""
    x, other = 0, space.size // 2
    start = 0
    for layer in range(widths.size - 1):
        columns, rows = widths[layer], widths[layer + 1]
        product(weights, start, rows, columns, space, x, other, False)
        start += (rows + 47) // 48 * 48 * (columns + 1)
        if layer < widths.size - 2:
            activate(space, other, rows, True, erf)
            if layer > 0:
                for i in range(0, rows, 16):
                    store(space, other + i, load(space, other + i) + load(space, x + i))
        x, other = other, x
    return x


@sizing
def layout(space, rx, n, num_bits, width):
    """What a layer reads and gives, in two equal parts; numbers of one channel, of one vector.

    num_bits: of a symbol. width: of the widest layer. Of a channel: G (Nr, Nt) and the inverse
    (Nt, Nt), complex; energies, scalings, variances; the order, integers. Of a vector: y, H^H y,
    the estimate and decisions, complex; LLRs linear, after cancellation, and to be corrected. All
    but what layers take are of 64 bits.
    """
    activations, at = cut(space, 0, (width + 79) // 16 * 32)
    g, at = cut(space, at, 4 * rx * n)
    a, at = cut(space, at, 4 * n * n)
    received, at = cut(space, at, 4 * rx)
    middle, at = cut(space, at, 4 * n)
    x, at = cut(space, at, 4 * n)
    decided, at = cut(space, at, 4 * n)
    energy, at = cut(space, at, 2 * n)
    scale, at = cut(space, at, 2 * n)
    variance, at = cut(space, at, 2 * n)
    order, at = cut(space, at, 2 * n)
    linear, at = cut(space, at, 2 * n * num_bits)
    single, at = cut(space, at, 2 * n * num_bits)
    base, at = cut(space, at, 2 * n * num_bits)
    complexes, reals = (g, a, received, middle, x, decided), (energy, scale, variance)
    return activations, complexes, reals, order, (linear, single, base), at


@functools.cache
def kernel() -> Callable[..., bool]:
    """kernel(h, y, noise_var, values, spread, llr, weights, widths, levels, bits,
    (B, T, Nr, Nt)).

    The first six: addresses of h (B, Nr, Nt, 2), y (B, T, Nr, 2), noise_var (B); of expectation
    propagation's last cavity, values and spread (B, T, Nt, 2), or 0; of llr (B, T, Nt, K), the
    output. weights: of each layer, as ``packed_layers.pack`` packs them; widths: of input, hidden
    layers, output. levels (L) and their bits (L, Ka). Returns whether all LLRs are finite.
    """
    erf = np.array(ERF, np.float32)

    def eq_net(
        at_h, at_y, at_noise, at_values, at_spread, at_llr, weights, widths, levels, bits, numbers
    ):
        num, vectors, rx, n = numbers
        num_bits, total = 2 * bits.shape[1], num * vectors
        h, y = floats_at(at_h, num * rx * n * 2), floats_at(at_y, total * rx * 2)
        noise_var, llr = floats_at(at_noise, num), floats_at(at_llr, total * n * num_bits)
        known = total * n * 2 if at_values else 0
        values, spread = floats_at(at_values, known), floats_at(at_spread, known)
        width = widths.max()
        memory = scratch(layout(weights[:0], rx, n, num_bits, width)[-1])
        space, complexes, reals, numbers_of_columns, llrs, _end = layout(
            memory, rx, n, num_bits, width
        )
        g = complexes[0].view(np.complex128).reshape(rx, n)
        a = complexes[1].view(np.complex128).reshape(n, n)
        received, middle = complexes[2].view(np.complex128), complexes[3].view(np.complex128)
        x, decided = complexes[4].view(np.complex128), complexes[5].view(np.complex128)
        energy, scale = reals[0].view(np.float64), reals[1].view(np.float64)
        variance, order = reals[2].view(np.float64), numbers_of_columns.view(np.int64)
        linear, single = llrs[0].view(np.float64), llrs[1].view(np.float64)
        base = llrs[2].view(np.float64)
        checksum = 0.0
        for b in range(num):
            noise = float(noise_var[b])
            _read_channel(h, 2 * b * rx * n, noise, rx, order, g, energy, a, scale, variance)
            for t in range(b * vectors, (b + 1) * vectors):
                for r in range(rx):
                    received[r] = complex(y[2 * (t * rx + r)], y[2 * (t * rx + r) + 1])
                _estimate(g, a, scale, received, middle, x)
                for k in range(n):
                    space[2 * k] = _clipped(x[k].real, 3.0)
                    space[2 * k + 1] = _clipped(x[k].imag, 3.0)
                    _symbol_llr(x[k], 1.0 / variance[k], levels, bits, linear, k * num_bits)
                    decided[k] = complex(_nearest(x[k].real, levels), _nearest(x[k].imag, levels))
                    for b in range(k * num_bits, (k + 1) * num_bits):
                        base[b] = linear[b]
                    if values.size > 0:
                        at = 2 * (t * n + order[k])
                        decided[k] = complex(
                            _nearest(values[at], levels), _nearest(values[at + 1], levels)
                        )
                        for axis in range(2):
                            precision = 0.5 / float(spread[at + axis])
                            _axis_llr(
                                float(values[at + axis]), precision, levels, bits, base,
                                k * num_bits + axis,
                            )  # fmt: skip
                at = _channel_cues(a, variance, space, 2 * n)
                _cancel(g, energy, noise, received, decided, levels, bits, single, space, at)
                at = _views(linear, space, at + n)
                at = _views(single, space, at)
                if values.size > 0:
                    for k in range(n):
                        of = 2 * (t * n + order[k])
                        for axis in range(2):
                            value = float(values[of + axis])
                            space[at + 2 * k + axis] = _clipped(value, 3.0)
                            width = math.log(float(spread[of + axis])) / 3
                            space[at + 2 * n + 2 * k + axis] = width
                    at = _views(base, space, at + 4 * n)
                out = _run_network(weights, widths, space, erf)
                for k in range(n):
                    for i in range(num_bits):
                        j = k * num_bits + i
                        corrected = _clipped(base[j], MOST_LLR)
                        corrected = corrected * (1.0 + space[out + j]) + space[out + base.size + j]
                        llr[(t * n + order[k]) * num_bits + i] = corrected
                        checksum += corrected * 0.0
        return checksum == 0.0

    addresses = ", ".join(["int64"] * 6)
    tables = "float32[::1], int64[::1], float64[::1], int8[:, ::1]"
    return compiled(f"boolean({addresses}, {tables}, UniTuple(int64, 4))", eq_net)
