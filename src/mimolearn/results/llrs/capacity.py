"""The binary-input Gaussian channel, in whose SNR a loss of mutual information is told."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

_NODES = 64
# Mutual information at these means is told apart from 0 and from 1.
_LEAST_MEAN, _MOST_MEAN = 1e-6, 400.0


@functools.cache
def _nodes() -> tuple[np.ndarray, np.ndarray]:
    x, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    return x, weights / weights.sum()


def information(mean: float) -> float:
    """Compute the mutual information, bit, of LLRs N(mean, 2 mean) of the transmitted bit.

    J(mean) = 1 - E[log2(1 + e^-L)] (ten Brink 2001); mean = 4 Es/N0 for one real symbol a bit.
    """
    x, weights = _nodes()
    llr = mean + math.sqrt(2 * mean) * x
    return 1 - float(weights @ np.logaddexp(0, -llr)) / math.log(2)


def equivalent_snr_db(gmi: float) -> float:
    """Compute Es/N0, dB, at which that channel has this mutual information a bit.

    Returns:
        -inf for 0 and below; inf for what is 1 to rounding.
    """
    from scipy.optimize import brentq

    if gmi <= information(_LEAST_MEAN):
        return -math.inf
    if gmi >= information(_MOST_MEAN):
        return math.inf
    mean: Any = brentq(lambda value: information(value) - gmi, _LEAST_MEAN, _MOST_MEAN, xtol=1e-9)
    return 10 * math.log10(mean / 4)
