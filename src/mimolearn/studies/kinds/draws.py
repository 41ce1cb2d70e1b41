"""Which contenders may run on reduced draws."""

from __future__ import annotations

from collections.abc import Iterable

from mimolearn.detectors import Detector
from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.scenario import Scenario


def check_draws(scenario: Scenario, detectors: Iterable[tuple[str, Detector]]) -> None:
    """Raise InvalidInputError for a (label, detector) that reduced draws would judge wrongly.

    One that looks at more than H^H H and H^H y, such as the power of y over Nr antennas, meets
    another channel in (R, Q^H y) than in (H, y).
    """
    if scenario.draws == "full":
        return
    for label, detector in detectors:
        if not detector.rotation_invariant:
            raise InvalidInputError(
                f"contender {label!r}: looks at more than H^H H and H^H y, which is all that "
                "reduced draws keep; simulate it with draws = 'full'"
            )
