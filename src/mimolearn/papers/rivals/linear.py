"""The linear receivers that stand in others' tables, by which their SNRs are recognised."""

from __future__ import annotations

from typing import NamedTuple, final

import torch
from torch import Tensor

from mimolearn.detection import GaussianDetection
from mimolearn.detectors import Detector


class _Prepared(NamedTuple):
    """What detection needs of a channel.

    Attributes:
        matrix: (*C, Nt, Nr) complex; from y to the estimate.
        error_var: (*C, 1, Nt) real; error variance of the estimate.
    """

    matrix: Tensor
    error_var: Tensor


@final
class HalfRegularised(Detector):
    """MMSE with half of the noise variance, whose biased estimate is sliced.

    x_hat = (H^H H + sigma^2/2 I)^-1 H^H y: the complex filter with the noise variance of one real
    dimension, as the code of RE-MIMO and GEPNet has it.
    """

    name = "half-regularised"
    any_points = True

    def _prepare(self, h: Tensor, noise_var: Tensor) -> _Prepared:
        half = noise_var[..., None] / 2
        gram = h.mH @ h
        inverse = torch.linalg.inv(gram + torch.diag_embed(half.expand(gram.shape[:-1])))
        error_var = 2 * half * inverse.diagonal(dim1=-2, dim2=-1).real
        return _Prepared(inverse @ h.mH, error_var[..., None, :])

    def _detect(self, prepared: _Prepared, y: Tensor) -> GaussianDetection:
        x_hat = (prepared.matrix @ y.mT).mT
        return GaussianDetection(self.constellation, x_hat, prepared.error_var)


def half_regularised(constellation: str) -> HalfRegularised:
    """The receiver for a constellation by name."""
    return HalfRegularised(constellation)
