"""A plain function as a detector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from mimolearn.constellation import Constellation, as_constellation
from mimolearn.detection import Detection, GaussianDetection, HardDetection, LLRDetection
from mimolearn.detectors.base import Channel, Detector
from mimolearn.detectors.inputs import as_tensor
from mimolearn.foundation.errors import invalid

DetectorFunction = Callable[[Tensor, Tensor, Tensor], Any]
"""``function(y, h, noise_var)`` with y (*C, T, Nr), h (*C, Nr, Nt) and noise_var (*C)."""


class FunctionDetector(Detector):
    """A detector that is a function of received vectors, channels and noise variances.

    Args:
        constellation: of the symbols, or its name.
        function: takes y (*C, T, Nr) complex, h (*C, Nr, Nt) complex and noise_var (*C) real, as
            tensors. It returns, as a tensor or an array: LLRs ln P(b=1)/P(b=0), (*C, T, Nt, K)
            real; indices of points, (*C, T, Nt) integer; estimates of symbols, (*C, T, Nt) complex;
            a pair of estimates and their error variances, which broadcast to them; or a Detection.

    >>> def matched_filter(y, h, noise_var):
    ...     return y @ h.conj() / h.abs().square().sum(-2).unsqueeze(-2)
    >>> h = torch.eye(2, dtype=torch.complex64)
    >>> y = torch.tensor([[-1.0, 1.0]], dtype=torch.complex64)
    >>> FunctionDetector("bpsk", matched_filter)(y, h, 0.1).bits().flatten().tolist()
    [1, 0]
    """

    # Not a name that a registry could know.
    name = "a function"
    any_points = True

    def __init__(self, constellation: Constellation | str, function: DetectorFunction) -> None:
        super().__init__(constellation)
        if not callable(function):
            raise invalid("function", function, "a function of y, h and noise_var")
        self.function = function

    def __repr__(self) -> str:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return f"FunctionDetector({self.constellation.name!r}, {name})"

    def serving(self, constellation: Constellation | str) -> FunctionDetector:
        """Return the same function for symbols of another constellation."""
        return FunctionDetector(constellation, self.function)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Channel:
        return Channel(h, noise_var)

    def _detect(self, prepared: Channel, y: Tensor) -> Detection:
        given = self.function(y, prepared.h, prepared.noise_var)
        return as_detection(given, self.constellation, (*y.shape[:-1], prepared.h.shape[-1]))


def as_detection(
    given: Any, constellation: Constellation | str, shape: tuple[int, ...]
) -> Detection:
    """What a function has returned, as a detection.

    Args:
        given: as ``FunctionDetector`` allows it.
        constellation: of the symbols.
        shape: (*C, T, Nt), the shape of the symbols.

    Raises:
        InvalidInputError: one line, for anything else.
    """
    if isinstance(given, Detection):
        return given
    constellation = as_constellation(constellation)
    num_bits = constellation.bits_per_symbol
    expected = (
        f"LLRs {(*shape, num_bits)} real, indices {shape} integer, estimates {shape} complex, "
        "a pair of estimates and error variances, or a Detection"
    )
    error_var = None
    if isinstance(given, tuple) and len(given) == 2:
        given, error_var = given
        error_var = as_tensor("what the function returned", error_var)
        if not isinstance(error_var, Tensor) or error_var.is_complex():
            raise invalid("error variances", f"<{type(error_var).__name__}>", "a real tensor")
    given = as_tensor("what the function returned", given)
    if not isinstance(given, Tensor):
        raise invalid("what the function returned", f"<{type(given).__name__}>", expected)
    had = f"<{given.dtype} of shape {tuple(given.shape)}>"
    given_shape = tuple(given.shape)
    if given.is_complex() and given_shape == shape:
        if error_var is not None:
            return GaussianDetection(constellation, given, error_var.to(given.real.dtype))
        valid = torch.isfinite(given)
        # Of a number that is not finite there is no nearest point.
        nearest = constellation.nearest(torch.where(valid, given, torch.zeros_like(given)))
        return HardDetection(constellation, torch.where(valid, nearest, -torch.ones_like(nearest)))
    if error_var is None and given.is_floating_point() and given_shape == (*shape, num_bits):
        return LLRDetection(constellation, given)
    if error_var is None and _is_integer(given) and given_shape == shape:
        indices = given.to(torch.int64)
        if indices.numel() and not 0 <= int(indices.min()) <= int(indices.max()) < (
            constellation.num_points
        ):
            least, most = int(indices.min()), int(indices.max())
            few = f"indices from 0 to {constellation.num_points - 1}"
            raise invalid("what the function returned", f"<indices {least} to {most}>", few)
        return HardDetection(constellation, indices)
    raise invalid("what the function returned", had, expected)


def _is_integer(values: Tensor) -> bool:
    return not (values.is_floating_point() or values.is_complex() or values.dtype == torch.bool)
