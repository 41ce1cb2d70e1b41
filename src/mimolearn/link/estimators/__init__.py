"""Channel estimation from pilots, and the noise that a detector then has to reckon with."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mimolearn.link.estimators.base import Estimate, Estimator, PreparedEstimator, Setting
from mimolearn.link.estimators.ls_linear import LsLinear
from mimolearn.link.estimators.ls_nearest import LsNearest
from mimolearn.link.estimators.perfect import Perfect
from mimolearn.link.estimators.wiener import Wiener
from mimolearn.link.estimators.wiener_estimated import WienerEstimated

AnyEstimator = Annotated[
    Perfect | LsNearest | LsLinear | Wiener | WienerEstimated,
    Field(discriminator="name"),
]

__all__ = [
    "AnyEstimator",
    "Estimate",
    "Estimator",
    "LsLinear",
    "LsNearest",
    "Perfect",
    "PreparedEstimator",
    "Setting",
    "Wiener",
    "WienerEstimated",
]
