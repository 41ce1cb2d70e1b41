"""A second detector for the vectors of which a first one's answer is implausible."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import AxisGaussianDetection, Detection, GaussianDetection, HardDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost, Detector
from mimolearn.foundation.errors import check_real, invalid

_LEAST_LLR = 1e-3


class Prepared(NamedTuple):
    """What the inner detector prepared, and the channel for the test and for the fallback.

    Attributes:
        inner: what the inner detector prepared.
        h: (*C, Nr, Nt) complex.
        noise_var: (*C) real.
    """

    inner: Any
    h: Tensor
    noise_var: Tensor


class Soft(NamedTuple):
    """A Gaussian estimate of every real axis.

    Attributes:
        values: (*C, T, Nt, A) real.
        error_var: (*C, T, Nt, A) real.
    """

    values: Tensor
    error_var: Tensor


@final
class Guarded(Detector):
    """A fast detector whose implausible answers are compared with those of a robust one.

    Choose ``k-best`` instead if it is fast enough: guarded passes wrong answers that look
    plausible. Kronecker 0.7 at both ends, 32 streams of 16-QAM on 64 antennas, 20 dB: 76 errors in
    96 k symbols with inner ``tap-net-any`` and fallback ``k-best:k=64``; ``k-best:k=64`` alone
    makes 2, and ``k-best:k=16`` makes 8. It may serve if a fast detector meets links that it is
    not trained for: it then catches answers that are far off.

    The right decision s leaves the noise: ||y - H s||^2 / noise_var is a Gamma variable of mean and
    variance Nr. If the inner decision leaves more than Nr + doubt sqrt(Nr), the fallback detects
    the vector too. The answer that leaves less is kept, with its soft outputs. Doubt 2 asks for
    about 3 % of the vectors without need. The test does not see an error along a direction that the
    channel hardly passes. The test is old, the combination ours.

    If a detector has no Gaussian estimate ("k-best"), each axis keeps the decided level. Its error
    variance is the one that gives the next level the smallest |LLR| of the bits of this axis.
    Cost: the inner detector's and a product by H per vector; for each vector in doubt the whole
    fallback, from its Gram matrix on (``Detection.work`` has the sum).

    Args:
        constellation: of the symbols, or its name.
        inner: the fast detector, or as text its name ("oamp:damping=0.3") or trained weights
            ("tap-net-any"); default "tap-net".
        fallback: the robust detector, given likewise; default "ep".
        doubt: in standard deviations; default 2. An imperfect channel estimate leaves more than the
            noise: then more vectors are in doubt, which costs time alone.

    Raises:
        InvalidInputError: for a value that is not allowed, and for a detector of another
            constellation or of hard decisions alone.

    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> Guarded("bpsk", inner="mrc", fallback="lmmse")(y, h, 0.1).indices().tolist()
    [[0, 0]]
    """

    name = "guarded"

    def __init__(
        self,
        constellation: Constellation | str,
        inner: str | Detector = "tap-net",
        fallback: str | Detector = "ep",
        doubt: float = 2.0,
    ) -> None:
        super().__init__(constellation)
        self.inner = self._detector("inner", inner)
        self.fallback = self._detector("fallback", fallback)
        self.doubt = check_real("doubt", doubt)

    def _detector(self, field: str, given: str | Detector) -> Detector:
        # Here, because it knows this class too.
        from mimolearn.detectors.text import inner_detector

        detector = inner_detector(field, given, self.constellation)
        if not detector.soft:
            raise invalid(field, f"<{detector.name}>", "a detector with soft outputs")
        return detector

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        self.inner._check_size(num_rx_ant, num_tx_ant)
        self.fallback._check_size(num_rx_ant, num_tx_ant)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        return Prepared(self.inner.prepare(h, noise_var), h, noise_var)

    def _detect(self, prepared: Prepared, y: Tensor) -> AxisGaussianDetection:
        answer = self.inner.detect(prepared.inner, y)
        return self._guard(answer, y, prepared.h, prepared.noise_var)

    def _path(
        self, h: Tensor, noise_var: Tensor, y: Tensor | None = None, suits: bool = False
    ) -> str:
        # The inner detector chooses its path in one call too.
        return "torch" if y is None else "fused"

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> AxisGaussianDetection:
        return self._guard(self.inner(y, h, noise_var), y, h, noise_var)

    def _guard(
        self, answer: Detection, y: Tensor, h: Tensor, noise_var: Tensor
    ) -> AxisGaussianDetection:
        first, incomplete = self._soft("inner", answer), answer.incomplete
        left = self._left(answer, y, h, noise_var.unsqueeze(-1))
        num_rx, num_tx = h.shape[-2:]
        # What is not finite is in doubt too.
        asked = ~(left <= num_rx + self.doubt * math.sqrt(num_rx))
        if bool(asked.any()):
            spread = asked.shape
            some_h = h.unsqueeze(-3).expand(*spread, num_rx, num_tx)[asked]
            some_noise = noise_var.unsqueeze(-1).expand(spread)[asked]
            some_y = y[asked].unsqueeze(-2)
            second = self.fallback(some_y, some_h, some_noise)
            other = self._left(second, some_y, some_h, some_noise.unsqueeze(-1)).squeeze(-1)
            # Two equal decisions leave the same, but for rounding, which must not choose.
            differs = (answer.indices()[asked] != second.indices().squeeze(-2)).any(-1)
            better = (differs & ~(left[asked] <= other)) | ~answer.finite()[asked]
            better &= second.finite().squeeze(-1)
            soft = self._soft("fallback", second)
            first = Soft(*(
                _with(mine, asked, better, its.squeeze(-3))
                for mine, its in zip(first, soft, strict=True)
            ))  # fmt: skip
            incomplete = _incomplete(incomplete, asked, better, second.incomplete)
        detection = AxisGaussianDetection(self.constellation, *first)
        detection.incomplete = incomplete
        detection.work = self._work(answer, asked, num_rx, num_tx)
        return detection

    def _left(self, answer: Detection, y: Tensor, h: Tensor, noise_var: Tensor) -> Tensor:
        """Return ||y - H s||^2 / noise_var of the decided s, (*C, T); NaN without a decision."""
        with torch.no_grad():
            decided = self.constellation.map(answer.indices(), y.dtype)
            rest = torch.view_as_real(y - decided @ h.mT).square().sum((-2, -1)) / noise_var
            return rest.where(answer.finite(), math.nan)

    def _soft(self, field: str, answer: Detection) -> Soft:
        c = self.constellation
        if isinstance(answer, HardDetection):
            raise invalid(field, "<hard decisions>", "a detector with soft outputs")
        if isinstance(answer, AxisGaussianDetection):
            values, error_var = answer.values, answer.error_var
        elif isinstance(answer, GaussianDetection):
            values, error_var = c.axes(answer.x_hat), answer.error_var.unsqueeze(-1) / 2
        else:
            values, error_var = self._from_llr(answer)
        return Soft(values, error_var.expand_as(values))

    def _from_llr(self, answer: Detection) -> tuple[Tensor, Tensor]:
        """Return levels, and variances that give the next level the least certain bit's LLR."""
        c, llr = self.constellation, answer.llr()
        values = c.axes(c.map(answer.indices(), llr.dtype.to_complex()))
        # Labels hold the bits of the real and the imaginary axis in turn.
        least = llr.abs().unflatten(-1, (c.bits_per_axis, -1)).amin(-2)
        return values, c.min_distance() ** 2 / 2 / least.clamp(min=_LEAST_LLR)

    def _work(self, answer: Detection, asked: Tensor, num_rx: int, num_tx: int) -> Tensor | None:
        again, inner = self.fallback.cost(num_rx, num_tx), self.inner.cost(num_rx, num_tx)
        spent = answer.work if inner.per_vector is None else inner.per_vector
        if spent is None or again.per_vector is None:
            return None
        test = counting.matvec(num_rx, num_tx)
        return asked.long() * (again.per_channel + again.per_vector + test) + spent + test

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return Cost(self.inner.cost(num_rx_ant, num_tx_ant).per_channel, None)


def _with(mine: Tensor, asked: Tensor, better: Tensor, its: Tensor) -> Tensor:
    """Replace those vectors of ``mine`` (*C, T, Nt, A) that ``its`` (N, Nt, A) improves."""
    chosen = torch.where(better[:, None, None], its, mine[asked])
    return mine.masked_scatter(asked[..., None, None].expand_as(mine), chosen)


def _incomplete(
    mine: Tensor | None, asked: Tensor, better: Tensor, its: Tensor | None
) -> Tensor | None:
    """Return which of the kept answers come from an incomplete search, (*C, T), or None."""
    if mine is None and its is None:
        return None
    out = torch.zeros_like(asked) if mine is None else mine.clone()
    second = torch.zeros_like(better) if its is None else its.squeeze(-1)
    out[asked] = torch.where(better, second, out[asked])
    return out
