"""One case for each row of the table and constellation.

By default a row is tried with two of its constellations, the second in turn; a soak run tries all.
"""

from itertools import count

import pytest
from _pytest.mark.structures import ParameterSet

from mimolearn.detectors import Detector, make_detector

from .table import CONTRACT, Row, case_id


def _params() -> list[ParameterSet]:
    turn, params = count(), []
    for row in CONTRACT:
        names = row.constellations
        kept = {names[0], names[1 + next(turn) % (len(names) - 1)]} if len(names) > 2 else names
        for name in names:
            marks = () if name in kept else pytest.mark.soak(only=True)
            params.append(pytest.param((row, name), id=case_id((row, name)), marks=marks))
    return params


@pytest.fixture(params=_params())
def case(request: pytest.FixtureRequest) -> tuple[Row, str]:
    return request.param


@pytest.fixture
def row(case: tuple[Row, str]) -> Row:
    return case[0]


@pytest.fixture
def detector(case: tuple[Row, str]) -> Detector:
    return make_detector(case[0].name, case[1], **case[0].options)
