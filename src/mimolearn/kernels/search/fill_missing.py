"""LLRs of bits of which a list holds one value only, from a linear detector's probabilities."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

from mimolearn.kernels.machine.compile import compiled, uncounted


@uncounted
def _log_sigmoid(x):
    """-ln(1 + e^-x) without overflow."""
    return -math.log1p(math.exp(-x)) if x >= 0.0 else x - math.log1p(math.exp(x))


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(llr, nearest, log_evidence, linear, clip): ``detectors.search.filled.fill``.

    llr, linear: (V, bits of a vector). nearest, log_evidence: (V). llr is overwritten where it is
    infinite, and clipped everywhere. A NaN of linear counts as 0. All are float32.
    """

    def fill_missing(llr, nearest, log_evidence, linear, clip):
        vectors, bits = llr.shape
        for v in range(vectors):
            ratio = -(float(nearest[v]) + float(log_evidence[v]))
            for b in range(bits):
                value = float(llr[v, b])
                if math.isinf(value):
                    held = 1.0 if value > 0.0 else -1.0
                    other = float(linear[v, b])
                    agreed = 0.0 if math.isnan(other) else held * other
                    one, two = ratio, _log_sigmoid(agreed)
                    most = max(one, two)
                    total = most + math.log1p(math.exp(-abs(one - two)))
                    value = held * (total - _log_sigmoid(-agreed))
                llr[v, b] = min(max(value, -clip), clip)

    rows = "float32[:, ::1]"
    signature = f"void({rows}, float32[::1], float32[::1], {rows}, float64)"
    return compiled(signature, fill_missing)
