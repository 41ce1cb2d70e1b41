"""One case for each row of the table and constellation."""

import pytest

from mimolearn.detectors import Detector, make_detector

from .table import CASES, Row, case_id


@pytest.fixture(params=CASES, ids=case_id)
def case(request: pytest.FixtureRequest) -> tuple[Row, str]:
    return request.param


@pytest.fixture
def row(case: tuple[Row, str]) -> Row:
    return case[0]


@pytest.fixture
def detector(case: tuple[Row, str]) -> Detector:
    return make_detector(case[0].name, case[1], **case[0].options)
