"""Sorted QR decomposition of the real model of a batch of channels."""

from __future__ import annotations

import numpy as np
from numba import njit

# A column whose rest is this small beside the column is a combination of the earlier ones.
_DEPENDENT = 1e-12


@njit(cache=True, nogil=True, error_model="numpy")
def sorted_qr(h, scale, ridge, is_real, q, columns, order):
    """Sorted QR of the real model, B[:, order] = Q R, the weakest remaining column first.

    B is scale [Re H; Im H] for real symbols, else scale [[Re H, -Im H], [Im H, Re H]], with
    ridge I below it where ridge is above 0. Modified Gram-Schmidt with pivoting (Wuebben et al.
    2001): the strong columns end up last, where a search begins. A dependent column gets a zero
    in R and in Q, not a normalised rounding error, which would not be orthogonal to the others
    and falsify every distance.

    h: (C, Nr, Nt) complex128; scale: (C,) float64.
    Out: q (C, 2Nr, n), the rows of Q that meet H; columns (C, n, n), row k holds column k of R
    (zeros on entry); order (C, n) int64.
    """
    num_channels, num_rx_ant, num_tx_ant = h.shape
    n = num_tx_ant if is_real else 2 * num_tx_ant
    num_rows = 2 * num_rx_ant
    b = np.empty((num_rows + n if ridge > 0.0 else num_rows, n))
    norms = np.empty(n)
    full = np.empty(n)
    row = np.empty(n)
    for c in range(num_channels):
        _stack(h[c], scale[c], ridge, is_real, b)
        norms[:] = 0.0
        for i in range(b.shape[0]):
            for j in range(n):
                norms[j] += b[i, j] * b[i, j]
        for j in range(n):
            order[c, j] = j
            full[j] = norms[j]
        for k in range(n):
            weakest = k + np.argmin(norms[k:])
            if weakest != k:
                _swap(b, columns[c], order[c], norms, full, k, weakest)
            _orthogonalise(b, columns[c], norms, full, row, k)
        q[c] = b[:num_rows]


@njit(cache=True, nogil=True, error_model="numpy")
def _stack(h, scale, ridge, is_real, b):
    num_rx_ant, num_tx_ant = h.shape
    for i in range(num_rx_ant):
        for j in range(num_tx_ant):
            real, imag = h[i, j].real * scale, h[i, j].imag * scale
            b[i, j] = real
            b[num_rx_ant + i, j] = imag
            if not is_real:
                b[i, num_tx_ant + j] = -imag
                b[num_rx_ant + i, num_tx_ant + j] = real
    if ridge > 0.0:
        b[2 * num_rx_ant :] = 0.0
        for j in range(b.shape[1]):
            b[2 * num_rx_ant + j, j] = ridge


@njit(cache=True, nogil=True, error_model="numpy")
def _swap(q, columns, order, norms, full, k, j):
    for i in range(q.shape[0]):
        q[i, k], q[i, j] = q[i, j], q[i, k]
    for i in range(k):
        columns[k, i], columns[j, i] = columns[j, i], columns[k, i]
    order[k], order[j] = order[j], order[k]
    norms[k], norms[j] = norms[j], norms[k]
    full[k], full[j] = full[j], full[k]


@njit(cache=True, nogil=True, error_model="numpy")
def _orthogonalise(q, columns, norms, full, row, k):
    """Normalise column k and take it out of the later ones."""
    m, n = q.shape
    # The running norms have lost digits by cancellation; the pivot's own is taken afresh.
    norm = 0.0
    for i in range(m):
        norm += q[i, k] * q[i, k]
    if norm <= _DEPENDENT**2 * full[k]:
        q[:, k] = 0.0
        return
    norm = np.sqrt(norm)
    columns[k, k] = norm
    row[: n - k - 1] = 0.0
    # Rows outside, columns inside: sums run in parallel without being reordered.
    for i in range(m):
        q[i, k] /= norm
        unit = q[i, k]
        rest = q[i, k + 1 :]
        for j in range(n - k - 1):
            row[j] += unit * rest[j]
    for i in range(m):
        unit = q[i, k]
        rest = q[i, k + 1 :]
        for j in range(n - k - 1):
            rest[j] -= unit * row[j]
    for j in range(n - k - 1):
        columns[k + 1 + j, k] = row[j]
        norms[k + 1 + j] -= row[j] * row[j]
