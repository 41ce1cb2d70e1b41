"""The layers of tap-net in single precision: one vector stays in the cache through all of them."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.dense.layout import cut
from mimolearn.kernels.machine.compile import compiled, inlined, sizing


@inlined
def layers(
    coupling, squares, energy, noise, rows, levels, matched, space, power, r, var
):  # fmt: skip
    """All layers from x = space[0], nu = space[1]."""
    n = len(matched)
    x, nu, step, gain = space[0], space[1], space[2], space[3]
    pushed, interference, feedback, weighted = space[4], space[5], space[6], space[7]
    mean, remaining = space[4], space[5]
    step[:] = 0.0
    gain[:] = 0.0
    for layer in range(len(rows)):
        delta, alpha, beta, onsager = (
            rows[layer, 0], rows[layer, 1], rows[layer, 2], rows[layer, 3],
        )  # fmt: skip
        product(x, coupling, pushed)
        if len(squares) == 1:
            mean_nu, mean_c = np.float32(0.0), np.float32(0.0)
            for i in range(n):
                mean_nu += nu[i]
                mean_c += gain[i] / energy[i]
            mean_nu, mean_c = mean_nu / np.float32(n), mean_c / np.float32(n)
            for i in range(n):
                interference[i] = squares[0, i] * mean_nu
                feedback[i] = squares[0, i] * mean_c
        else:
            for i in range(n):
                weighted[i] = nu[i] * energy[i]
            two_products(weighted, gain, squares, interference, feedback)
        for i in range(n):
            residual = (matched[i] - pushed[i]) / energy[i] - x[i]
            step[i] = residual + onsager * feedback[i] * step[i]
            var[i] = (beta * noise + alpha * interference[i]) / energy[i]
            r[i] = x[i] + step[i]
        if layer + 1 < len(rows):
            moments(r, var, levels, mean, remaining, space[6:], power)
            for i in range(n):
                x[i] += delta * (mean[i] - x[i])
                nu[i] += delta * (remaining[i] - nu[i])
                gain[i] = remaining[i] / var[i]


@inlined
def product(x, matrix, out):
    """x @ matrix, four rows at a time, so that sums are loaded and stored a quarter as often."""
    n = len(x)
    whole = n - n % 4
    out[:] = 0.0
    for i in range(0, whole, 4):
        a, b, c, d = x[i], x[i + 1], x[i + 2], x[i + 3]
        row_a, row_b, row_c, row_d = matrix[i], matrix[i + 1], matrix[i + 2], matrix[i + 3]
        for j in range(n):
            out[j] += (a * row_a[j] + b * row_b[j]) + (c * row_c[j] + d * row_d[j])
    for i in range(whole, n):
        for j in range(n):
            out[j] += x[i] * matrix[i, j]


@inlined
def two_products(x, y, matrix, x_out, y_out):
    """x @ matrix and y @ matrix: the matrix is read once."""
    n = len(x)
    whole = n - n % 4
    x_out[:] = 0.0
    y_out[:] = 0.0
    for i in range(0, whole, 4):
        a, b, c, d = x[i], x[i + 1], x[i + 2], x[i + 3]
        e, f, g, h = y[i], y[i + 1], y[i + 2], y[i + 3]
        row_a, row_b, row_c, row_d = matrix[i], matrix[i + 1], matrix[i + 2], matrix[i + 3]
        for j in range(n):
            p, q, s, t = row_a[j], row_b[j], row_c[j], row_d[j]
            x_out[j] += (a * p + b * q) + (c * s + d * t)
            y_out[j] += (e * p + f * q) + (g * s + h * t)
    for i in range(whole, n):
        for j in range(n):
            x_out[j] += x[i] * matrix[i, j]
            y_out[j] += y[i] * matrix[i, j]


@inlined
def moments(r, var, levels, mean, remaining, space, power):
    """Posterior mean and variance of a level given r = level + N(0, var)."""
    n = len(r)
    one, two = np.float32(1.0), np.float32(2.0)
    if len(levels) == 2:
        level = levels[1]
        e = space[0]
        for i in range(n):
            e[i] = -two * abs(r[i]) * level / var[i]
        exp_in_place(e, power)
        for i in range(n):
            size = level * (one - e[i]) / (one + e[i])
            mean[i] = size if r[i] > 0.0 else -size
            # Not level^2 - mean^2, which cancels at high SNR.
            remaining[i] = two * two * level * level * e[i] / ((one + e[i]) * (one + e[i]))
        return
    weight, total, nearest, second = space[0], space[1], space[2], space[3]
    spacing = levels[1] - levels[0]
    top = np.float32(len(levels) - 1)
    for i in range(n):
        index = np.floor((r[i] - levels[0]) / spacing + np.float32(0.5))
        index = np.float32(0.0) if index < 0.0 else (top if index > top else index)
        nearest[i] = levels[0] + spacing * index
        total[i] = 0.0
        mean[i] = 0.0
        second[i] = 0.0
    for k in range(len(levels)):
        level = levels[k]
        for i in range(n):
            # ((r - nearest)^2 - (r - level)^2) / 2 var, without the squares, which would cancel.
            gap = level - nearest[i]
            weight[i] = gap * (r[i] - nearest[i] - gap / two) / var[i]
        exp_in_place(weight, power)
        for i in range(n):
            gap = level - nearest[i]
            total[i] += weight[i]
            mean[i] += weight[i] * gap
            second[i] += weight[i] * gap * gap
    for i in range(n):
        gap = mean[i] / total[i]
        spread = second[i] / total[i] - gap * gap
        remaining[i] = np.float32(0.0) if spread < 0.0 else spread
        mean[i] = nearest[i] + gap


@inlined
def exp_in_place(values, power):
    """e^values of values below 88, to 2e-7: 2^k times a polynomial in the fraction."""
    bits = power.view(np.float32)
    for i in range(len(values)):
        scaled = values[i] * np.float32(1.4426950408889634)
        # Written so that NaN stays NaN.
        scaled = np.float32(-126.0) if scaled < np.float32(-126.0) else scaled
        whole = np.floor(scaled + np.float32(0.5))
        fraction = scaled - whole
        power[i] = (np.int32(whole) + np.int32(127)) << np.int32(23)
        # Taylor series of 2^f, |f| <= 1/2: ln(2)^k / k!.
        p = np.float32(1.5403530393381608e-4)
        p = p * fraction + np.float32(1.3333558146428443e-3)
        p = p * fraction + np.float32(9.618129107628477e-3)
        p = p * fraction + np.float32(5.550410866482158e-2)
        p = p * fraction + np.float32(2.402265069591007e-1)
        p = p * fraction + np.float32(6.931471805599453e-1)
        values[i] = p * fraction + np.float32(1.0)
    for i in range(len(values)):
        values[i] *= bits[i]


@sizing
def layout(space, n):
    """Ten rows of n numbers; powers of two, n integers of 32 bits."""
    rows, at = cut(space, 0, 10 * n)
    power, at = cut(space, at, n)
    return rows, power, at


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(coupling, squares, energy, noise, start, start_var, scalars, levels, prior, matched,
    r, var, space): r and var of the last layer, for every vector.

    coupling: (C, n, n); squares: (C, n, n), or (C, 1, n) for the scalar form; energy: (C, n);
    noise: (C); start: (C, n, n) and start_var: (C, n), or no rows for start "zero"; scalars:
    (C or 1, L, 4); levels: (num_levels); prior: their mean square; matched: (C, T, n).
    Out: r, var (C, T, n). All float32, symbols as in ``detectors.tap_net``.
    """

    def tap(
        coupling, squares, energy, noise, start, start_var, scalars, levels, prior, matched,
        r, var, workspace,
    ):  # fmt: skip
        num_channels, num_vectors, n = matched.shape
        parts = layout(workspace, n)
        space, power = parts[0].reshape(10, n), parts[1].view(np.int32)
        for c in range(num_channels):
            rows = scalars[c if scalars.shape[0] > 1 else 0]
            for t in range(num_vectors):
                x, nu = space[0], space[1]
                if start.shape[1] > 0:
                    product(matched[c, t], start[c], space[2])
                    moments(space[2], start_var[c], levels, x, nu, space[4:], power)
                else:
                    x[:] = 0.0
                    nu[:] = prior
                layers(
                    coupling[c], squares[c], energy[c], noise[c], rows, levels, matched[c, t],
                    space, power, r[c, t], var[c, t],
                )  # fmt: skip

    rows, matrices = "float32[:, ::1]", "float32[:, :, ::1]"
    channel = f"{matrices}, {matrices}, {rows}, float32[::1], {matrices}, {rows}, {matrices}"
    signature = f"void({channel}, float32[::1], float32, {matrices}, {matrices}, {matrices}, "
    signature += "float32[::1])"
    return compiled(signature, tap, contracted=True)
