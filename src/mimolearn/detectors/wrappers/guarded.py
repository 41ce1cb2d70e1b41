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
    """inner: what the inner detector prepared; h: (*C, Nr, Nt); noise_var: (*C)."""

    inner: Any
    h: Tensor
    noise_var: Tensor


class Soft(NamedTuple):
    """An estimate of every real axis and its error variance: (*C, T, Nt, A) each."""

    values: Tensor
    error_var: Tensor


@final
class Guarded(Detector):
    """A fast detector whose implausible answers a robust one is asked about.

    Choose it where a learned detector meets links that it does not hold on: as
    ``guarded:inner=tap-net-any`` it has the error rate of the better of ``tap-net-any`` and ``ep``
    from 8 x 8 to 64 x 128, BPSK to 64-QAM and correlations to 0.7, nearly at the speed of the
    first. With a tree search for those few vectors, as
    ``guarded:inner=tap-net-any,fallback=k-best:k=64``, it is closer to ML than either.

    The right decision s leaves the noise: ||y - H s||^2 / noise_var is a Gamma variable of mean and
    variance Nr. A vector whose inner decision leaves more than Nr + doubt sqrt(Nr) goes through the
    fallback, and the answer that leaves less is kept, soft outputs and all. Doubt 2 asks needlessly
    about 3 % of the vectors. An error along a direction that the channel hardly passes is not seen.
    The test is old, the combination ours.

    Options: inner and fallback, each a detector, or as text a name ("oamp:damping=0.3") or trained
    weights ("tap-net-any"), with soft outputs. doubt: in standard deviations. An imperfect channel
    estimate leaves more than the noise: more vectors are asked about, which costs time alone.
    Of a detector without a Gaussian estimate ("k-best") each axis keeps the decided level and the
    smallest |LLR| of its bits, as the error variance that gives it to the next level.
    Cost: the inner detector's and a product by H per vector; a fallback from its Gram matrix on for
    each vector in doubt (``Detection.work`` says how much).
    Errors: InvalidInputError for a detector of another constellation or of hard decisions alone.

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
        found = self.inner.detect(prepared.inner, y)
        return self._guard(found, y, prepared.h, prepared.noise_var)

    def _path(self, h: Tensor, noise_var: Tensor, y: Tensor | None = None) -> str:
        # The inner detector chooses its path in one call too.
        return "torch" if y is None else "fused"

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> AxisGaussianDetection:
        return self._guard(self.inner(y, h, noise_var), y, h, noise_var)

    def _guard(
        self, found: Detection, y: Tensor, h: Tensor, noise_var: Tensor
    ) -> AxisGaussianDetection:
        first, incomplete = self._soft("inner", found), found.incomplete
        left = self._left(found, y, h, noise_var.unsqueeze(-1))
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
            differs = (found.indices()[asked] != second.indices().squeeze(-2)).any(-1)
            better = (differs & ~(left[asked] <= other)) | ~found.finite()[asked]
            better &= second.finite().squeeze(-1)
            soft = self._soft("fallback", second)
            first = Soft(*(
                _with(mine, asked, better, its.squeeze(-3))
                for mine, its in zip(first, soft, strict=True)
            ))  # fmt: skip
            incomplete = _incomplete(incomplete, asked, better, second.incomplete)
        detection = AxisGaussianDetection(self.constellation, *first)
        detection.incomplete = incomplete
        detection.work = self._work(found, asked, num_rx, num_tx)
        return detection

    def _left(self, found: Detection, y: Tensor, h: Tensor, noise_var: Tensor) -> Tensor:
        """||y - H s||^2 / noise_var of the decided s, (*C, T); NaN where there is no decision."""
        with torch.no_grad():
            decided = self.constellation.map(found.indices(), y.dtype)
            rest = torch.view_as_real(y - decided @ h.mT).square().sum((-2, -1)) / noise_var
            return rest.where(found.finite(), math.nan)

    def _soft(self, field: str, found: Detection) -> Soft:
        c = self.constellation
        if isinstance(found, HardDetection):
            raise invalid(field, "<hard decisions>", "a detector with soft outputs")
        if isinstance(found, AxisGaussianDetection):
            values, error_var = found.values, found.error_var
        elif isinstance(found, GaussianDetection):
            values, error_var = c.axes(found.x_hat), found.error_var.unsqueeze(-1) / 2
        else:
            values, error_var = self._from_llr(found)
        return Soft(values, error_var.expand_as(values))

    def _from_llr(self, found: Detection) -> tuple[Tensor, Tensor]:
        """Decided levels, and variances of which the next level has the least certain bit's LLR."""
        c, llr = self.constellation, found.llr()
        values = c.axes(c.map(found.indices(), llr.dtype.to_complex()))
        # Labels hold the bits of the real and the imaginary axis in turn.
        least = llr.abs().unflatten(-1, (c.bits_per_axis, -1)).amin(-2)
        return values, c.min_distance() ** 2 / 2 / least.clamp(min=_LEAST_LLR)

    def _work(self, found: Detection, asked: Tensor, num_rx: int, num_tx: int) -> Tensor | None:
        again, own = self.fallback.cost(num_rx, num_tx), self.inner.cost(num_rx, num_tx)
        spent = found.work if own.per_vector is None else own.per_vector
        if spent is None or again.per_vector is None:
            return None
        test = counting.matvec(num_rx, num_tx)
        return asked.long() * (again.per_channel + again.per_vector + test) + spent + test

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return Cost(self.inner.cost(num_rx_ant, num_tx_ant).per_channel, None)


def _with(mine: Tensor, asked: Tensor, better: Tensor, its: Tensor) -> Tensor:
    """``mine`` (*C, T, Nt, A), and ``its`` (N, Nt, A) at those vectors asked about that gain."""
    chosen = torch.where(better[:, None, None], its, mine[asked])
    return mine.masked_scatter(asked[..., None, None].expand_as(mine), chosen)


def _incomplete(
    mine: Tensor | None, asked: Tensor, better: Tensor, its: Tensor | None
) -> Tensor | None:
    """Which of the kept answers a search did not finish, (*C, T)."""
    if mine is None and its is None:
        return None
    out = torch.zeros_like(asked) if mine is None else mine.clone()
    second = torch.zeros_like(better) if its is None else its.squeeze(-1)
    out[asked] = torch.where(better, second, out[asked])
    return out
