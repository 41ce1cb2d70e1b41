"""Iterations whose steps keep a share of what was there."""

from __future__ import annotations

from mimolearn.constellation import Constellation
from mimolearn.detectors.iterative import IterativeDetector
from mimolearn.foundation.errors import check_one_of, check_real


class DampedDetector(IterativeDetector):
    """A detector with a fixed number of damped iterations; a member gives the defaults.

    Args:
        constellation: of the symbols, or its name.
        num_iter: number of iterations, 1 to 10,000.
        damping: what a member makes of it, 0 to 1.
        demapping: "exact" or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed.
    """

    def __init__(
        self, constellation: Constellation | str, num_iter: int, damping: float, demapping: str
    ) -> None:
        super().__init__(constellation, num_iter)
        self.damping = check_real("damping", damping, at_least=0, at_most=1)
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))
