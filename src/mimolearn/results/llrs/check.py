"""The check of recorded LLRs: what they claim, what the sent bits say, and what few bits keep.

With w the probability that a bit is 1, its value where it is known, else what its LLR claims, the
generalised mutual information of LLRs L is 1 - E[w log2(1 + e^-L) + (1 - w) log2(1 + e^L)].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import Tensor

from mimolearn.foundation.errors import invalid
from mimolearn.plans.counts import RELIABILITY_EDGES
from mimolearn.results.llrs.capacity import equivalent_snr_db
from mimolearn.results.statistics import Interval, clopper_pearson

STORED_BITS = (3, 4, 5, 6, 7, 8)
# Edges of the reliability's bins, in magnitudes of LLRs.
_EDGES = (*RELIABILITY_EDGES, math.inf)
_MOST_LLR = 200.0
# Steps are looked for on so many LLRs at most, and the scale on more, of whose gain it says all.
_SEARCHED, _SEARCHED_FOR_SCALE = 2**16, 2**22
_LEAST_SCALE, _MOST_SCALE = 1e-3, 1e3
# Standard deviations from which a sign convention counts as known.
_SURE = 5.0


@dataclass(frozen=True)
class Bin:
    """LLRs of similar magnitude.

    Attributes:
        low: least magnitude.
        high: magnitude that all are below; infinite in the last bin.
        bits: how many LLRs.
        claimed: mean error probability that they claim.
        errors: bits whose LLR has the wrong sign, zeros half; None without the sent bits.
        counted: interval (95 %) of the error probability, bits as independent; None likewise.
    """

    low: float
    high: float
    bits: int
    claimed: float
    errors: float | None
    counted: Interval | None


@dataclass(frozen=True)
class Stored:
    """LLRs in few bits: round(L / step), clipped to -limit..limit, and read as multiples of step.

    Attributes:
        bits: that one LLR takes.
        step: LLR a step, of the LLRs times the best scale: the one of the largest GMI.
        saturated: share of LLRs at either end with this step.
        saturated_at_one: the same with a step of 1, of the LLRs as they are.
        gmi: bit.
        lost_db: what that costs, in SNR of a binary-input Gaussian channel.
    """

    bits: int
    step: float
    saturated: float
    saturated_at_one: float
    gmi: float
    lost_db: float


@dataclass(frozen=True)
class LlrCheck:
    """What recorded LLRs are worth.

    Without the sent bits all numbers but ``sign`` and the calibration are those that the LLRs claim
    of themselves.

    Attributes:
        num_llrs: how many there are.
        has_bits: whether the sent bits are known.
        sign: "ln P(1)/P(0)", "ln P(0)/P(1)", "none" where the signs have nothing to do with the
            bits, or "unknown" without the bits. LLRs of the second convention are turned round
            first.
        agreement: share of LLRs with the sign of their bit, zeros half; None without the bits.
        zeros: share of LLRs that are 0.
        infinite: share that are infinite; they count as 200.
        largest: largest finite magnitude.
        gmi: bit, of the LLRs as they are.
        gmi_error: its standard error, bits as independent.
        scale: factor with the largest GMI; below 1 the LLRs are overconfident. None without bits.
        gmi_scaled: bit, of the LLRs times ``scale``.
        calibration_error: mean distance of claimed and counted error probability over the bins;
            None without bits.
        bins: from small to large LLRs.
        stored: 3 to 8 bits an LLR.

    >>> import numpy as np
    >>> check = check_llrs([-8, 2.5, 0.5, -6], bits=[0, 1, 0, 0])
    >>> check.sign, check.agreement
    ('ln P(1)/P(0)', 0.75)
    """

    num_llrs: int
    has_bits: bool
    sign: str
    agreement: float | None
    zeros: float
    infinite: float
    largest: float
    gmi: float
    gmi_error: float
    scale: float | None
    gmi_scaled: float
    calibration_error: float | None
    bins: tuple[Bin, ...]
    stored: tuple[Stored, ...]

    @property
    def lost_by_scale_db(self) -> float:
        """What a receiver loses that takes the LLRs as they are, dB, see ``Stored.lost_db``."""
        return lost_db(self.gmi, self.gmi_scaled)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; infinite ones are None."""
        content = asdict(self) | {"lost_by_scale_db": self.lost_by_scale_db}
        return _plain(content)


def check_llrs(llr: object, bits: object = None) -> LlrCheck:
    """Check recorded LLRs.

    Args:
        llr: real numbers of any shape: an array, a tensor or a list. Infinite ones are allowed.
        bits: the sent bits, 0 or 1, as many and in the same order; default None, not known.

    Returns:
        ``LlrCheck``.

    Raises:
        InvalidInputError: for what are no real numbers, NaN, no LLR at all, bits that are neither
            0 nor 1, and bits of another number.
    """
    values = _numbers("llr", llr)
    if np.isnan(values).any():
        raise invalid("llr", f"<{int(np.isnan(values).sum())} entries NaN>", "numbers")
    infinite = np.isinf(values)
    finite = np.abs(values[~infinite])
    sent = None if bits is None else _bits(bits, values.size)
    llrs = values.clip(-_MOST_LLR, _MOST_LLR)
    sign, agreement = "unknown", None
    if sent is not None:
        right = np.where(llrs == 0, 0.5, (llrs > 0) == (sent > 0.5))
        sign, agreement = _convention(float(right.mean()), llrs.size)
        if sign == "ln P(0)/P(1)":
            llrs = -llrs
    told = _sigmoid(llrs) if sent is None else sent
    losses = _losses(llrs, told)
    gmi, spread = 1 - float(losses.mean()), float(losses.std())
    scale = None if sent is None else best_scale(llrs, sent)
    scaled = llrs * (scale or 1.0)
    gmi_scaled = gmi if scale is None else max(gmi, _gmi(scaled, told))
    bins = _reliability(llrs, sent)
    error = None
    if sent is not None:
        gaps = [abs((b.errors or 0) - b.claimed * b.bits) for b in bins]
        error = math.fsum(gaps) / llrs.size
    return LlrCheck(
        num_llrs=llrs.size,
        has_bits=sent is not None,
        sign=sign,
        agreement=agreement,
        zeros=float((llrs == 0).mean()),
        infinite=float(infinite.mean()),
        largest=float(finite.max(initial=0.0)),
        gmi=gmi,
        gmi_error=spread / math.sqrt(llrs.size),
        scale=scale,
        gmi_scaled=gmi_scaled,
        calibration_error=error,
        bins=bins,
        stored=tuple(_stored(n, values, scaled, told, gmi_scaled) for n in STORED_BITS),
    )


def lost_db(gmi: float, of: float) -> float:
    """Compute how much less SNR, dB, a binary-input Gaussian channel of this GMI has."""
    fewer, more = equivalent_snr_db(gmi), equivalent_snr_db(of)
    return 0.0 if fewer == more else more - fewer


def _numbers(field: str, values: object) -> np.ndarray:
    """(N) float64."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    try:
        array = np.asarray(values)
    except ValueError:
        raise invalid(field, "<a ragged list>", "an array of real numbers") from None
    if array.dtype.kind not in "fiub":
        raise invalid(field, f"<{array.dtype}>", "real numbers")
    if not array.size:
        raise invalid(field, f"<shape {array.shape}>", "at least one number")
    return array.astype(np.float64).ravel()


def _bits(bits: object, size: int) -> np.ndarray:
    """(N) float64, 0 or 1."""
    array = _numbers("bits", bits)
    if array.size != size:
        raise invalid("bits", f"<{array.size} bits>", f"{size}, one for each LLR")
    wrong = array[(array != 0) & (array != 1)]
    if wrong.size:
        raise invalid("bits", float(wrong[0]), "0 or 1")
    return array


def _convention(agreement: float, size: int) -> tuple[str, float]:
    """The sign convention, and the agreement of LLRs as ln P(1)/P(0) once they are turned."""
    # A few LLRs cannot be that many deviations away from half.
    least = min(_SURE / (2 * math.sqrt(size)), 0.24)
    if agreement > 0.5 + least:
        return "ln P(1)/P(0)", agreement
    if agreement < 0.5 - least:
        return "ln P(0)/P(1)", 1 - agreement
    return "none", agreement


def _sigmoid(llr: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -llr))


def _losses(llr: np.ndarray, told: np.ndarray) -> np.ndarray:
    """(N) bit; told (N): probabilities that the bits are 1."""
    return (np.logaddexp(0, llr) - told * llr) / math.log(2)


def _gmi(llr: np.ndarray, told: np.ndarray) -> float:
    return 1 - float(_losses(llr, told).mean())


def _some(most: int, *arrays: np.ndarray) -> list[np.ndarray]:
    """Every m-th entry, at most so many."""
    every = -(-arrays[0].size // most)
    return [array[::every] for array in arrays]


def best_scale(llr: np.ndarray, sent: np.ndarray) -> float:
    """Find the factor of LLRs with the largest GMI, which is concave in it.

    Args:
        llr: float64 of any shape; finite.
        sent: float64 of the same shape, 0 or 1; the sent bits.
    """
    llrs, bits = _some(_SEARCHED_FOR_SCALE, llr.ravel(), sent.ravel())
    return _best(lambda scale: _gmi(llrs * scale, bits), _LEAST_SCALE, _MOST_SCALE)


def _best(value: Callable[[float], float], low: float, high: float) -> float:
    """The argument of the largest value, looked for over its logarithm."""
    from scipy.optimize import minimize_scalar

    bounds = math.log(low), math.log(high)
    found = minimize_scalar(
        lambda x: -value(math.exp(x)), bounds=bounds, method="bounded", options={"xatol": 1e-3}
    )
    return math.exp(found.x)


def _reliability(llr: np.ndarray, sent: np.ndarray | None) -> tuple[Bin, ...]:
    """The bins that hold any LLRs."""
    size = np.abs(llr)
    number = np.digitize(size, _EDGES[1:-1])
    claimed = _sigmoid(-size)
    wrong = None
    if sent is not None:
        wrong = np.where(llr == 0, 0.5, (llr > 0) != (sent > 0.5))
    bins = []
    for i in range(len(_EDGES) - 1):
        inside = number == i
        bits = int(inside.sum())
        if not bits:
            continue
        errors = None if wrong is None else float(wrong[inside].sum())
        counted = None if errors is None else clopper_pearson(errors, bits)
        mean = float(claimed[inside].mean())
        bins.append(Bin(_EDGES[i], _EDGES[i + 1], bits, mean, errors, counted))
    return tuple(bins)


def _stored(
    bits: int, given: np.ndarray, scaled: np.ndarray, told: np.ndarray, whole: float
) -> Stored:
    top = 2 ** (bits - 1) - 1
    llrs, some = _some(_SEARCHED, scaled, told)

    def kept(llr: np.ndarray, step: float) -> np.ndarray:
        return np.rint(llr / step).clip(-top, top)

    # Ends at LLRs of 1 to 50, which hold the best one for every kind of channel.
    step = _best(lambda step: _gmi(step * kept(llrs, step), some), 1 / top, 50 / top)
    levels = kept(scaled, step)
    gmi = _gmi(step * levels, told)
    return Stored(
        bits,
        step,
        float((np.abs(levels) == top).mean()),
        float((np.abs(np.rint(given)) >= top).mean()),
        gmi,
        lost_db(gmi, whole),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
