"""What is refused, in one line that names the field, and what is flagged."""

from typing import Any

import pytest
import torch

from mimolearn.detectors import Detector, make_detector
from mimolearn.foundation.errors import InvalidInputError

from .table import Row, draw


@pytest.mark.parametrize("noise_var", [1e-9, 0.2, 1e6])
@pytest.mark.parametrize("deficiency", ["equal-columns", "zero-column", "zero-channel"])
def test_rank_deficient_channel_is_finite_or_flagged(
    detector: Detector, deficiency: str, noise_var: float
) -> None:
    y, h, variance, _ = draw(detector.constellation, dtype=torch.complex64, noise_var=noise_var)
    h = h.clone()
    if deficiency == "equal-columns":
        h[1, :, 2] = h[1, :, 0]
    elif deficiency == "zero-column":
        h[1, :, 1] = 0
    else:
        h[1] = 0
    detection = detector(y, h, variance)
    assert detection.indices().shape == (3, 4, 3)
    finite = detection.finite()
    assert finite[0].all()
    assert finite[2].all()
    if detector.soft:
        assert not torch.isnan(detection.llr()[finite]).any()


def test_more_streams_than_antennas(row: Row, detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation, size=(2, 3))
    if row.overloaded:
        assert detector(y, h, noise_var).indices().shape == (3, 4, 3)
    else:
        with pytest.raises(InvalidInputError, match=r"^h: .*Nt <= Nr"):
            detector(y, h, noise_var)


def test_non_finite_input_raises_one_line(detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation)
    for field in ("h", "y"):
        inputs = {"y": y.clone(), "h": h.clone()}
        inputs[field][0, 0, 0] = float("nan")
        message = rf"^{field}: got <1 of \d+ entries NaN or infinite>, expected finite entries$"
        with pytest.raises(InvalidInputError, match=message):
            detector(inputs["y"], inputs["h"], noise_var)


def test_wrong_inputs_name_the_field(detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation)
    wrong: list[tuple[str, Any, Any, Any]] = [
        ("h", y, h[0, 0], noise_var),
        ("h", y, h.real, noise_var),
        ("y", y[..., :-1], h, noise_var),
        ("y", y[:2], h, noise_var),
        ("y", y[:, 0], h, noise_var),
        ("y", y.to(torch.complex64), h, noise_var),
        ("noise_var", y, h, 0.0),
        ("noise_var", y, h, -1.0),
        ("noise_var", y, h, float("nan")),
        ("noise_var", y, h, noise_var[:2]),
    ]
    for field, y_, h_, noise_ in wrong:
        with pytest.raises(InvalidInputError, match=f"^{field}: "):
            detector(y_, h_, noise_)


def test_unknown_option_is_refused(case: tuple[Row, str]) -> None:
    with pytest.raises(InvalidInputError, match="no_such_option"):
        make_detector(case[0].name, case[1], no_such_option=1)
