"""Detectors with a fixed number of iterations."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detectors.base import Detector
from mimolearn.foundation.errors import check_positive_int


class IterativeDetector(Detector):
    """A detector with a fixed number of iterations, whose estimates can be read one by one.

    Args:
        constellation: of the symbols, or its name.
        num_iter: number of iterations, 1 to 10,000.
    """

    def __init__(self, constellation: Constellation | str, num_iter: int) -> None:
        super().__init__(constellation)
        self.num_iter = check_positive_int("num_iter", num_iter, 10_000)

    @abstractmethod
    def iterates(self, prepared: Any, y: Tensor) -> list[Tensor]:
        """Return the estimate after every iteration.

        Args:
            prepared: what ``prepare`` returned for channels (*C, Nr, Nt).
            y: (*C, T, Nr) complex; the received vectors.

        Returns:
            One complex tensor (*C, T, Nt) per iteration. The last one is the detector's estimate,
            up to the factor that unbiases it.
        """
