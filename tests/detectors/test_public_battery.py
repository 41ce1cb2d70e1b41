"""The public battery passes what keeps the contract, and names what a detector breaks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mimolearn import Detector, HardDetection, InvalidInputError, LLRDetection
from mimolearn.detectors import FunctionDetector
from mimolearn.testing import CheckError, check_detector, check_names


def zero_forcing(y, h, noise_var):
    return (torch.linalg.pinv(h) @ y.mT).mT


@pytest.mark.parametrize("name", ["lmmse", "mmse-sic:order=sorted", "k-best", "ep", "tap-net-any"])
def test_ours_pass(name):
    assert check_detector(name) == check_names()


@pytest.mark.parametrize("constellation", ["bpsk", "16-qam"])
def test_a_function_passes(constellation):
    assert check_detector(zero_forcing, constellation) == check_names()
    assert "streams" not in check_detector(zero_forcing, constellation, skip=("streams",))


class Broken(Detector):
    """Zero forcing that breaks one part of the contract."""

    name = "broken"

    def __init__(self, how: str) -> None:
        super().__init__("qpsk")
        self.how, self.calls = how, 0

    def _prepare(self, h, noise_var):
        return h

    def _detect(self, prepared, y):
        h, points = prepared, self.constellation
        self.calls += 1
        x_hat = zero_forcing(y, h, None)
        bias = {
            "batch": lambda: 10 * (y.shape[0] == 1),
            "vectors": lambda: 10 * (y.shape[-2] == 1),
            "repeated": lambda: 10 * (self.calls % 2),
            "scale": lambda: 0.05 * h.abs().max(),
        }
        if self.how in bias:
            x_hat = x_hat + bias[self.how]()
        if self.how == "streams":
            x_hat = x_hat * torch.tensor([1, 1, -1])
        if self.how == "recovers":
            x_hat = -x_hat
        if self.how == "inputs":
            y.mul_(2)
        indices = points.nearest(x_hat)
        if self.how == "shapes":
            indices = indices.flip(0)[..., :2]
        if self.how == "signs":
            return LLRDetection(
                points, 1.0 - 2.0 * points.indices_to_bits(indices), decided=indices
            )
        return HardDetection(points, indices)


@pytest.mark.parametrize(
    "how",
    ["shapes", "inputs", "repeated", "batch", "vectors", "scale", "streams", "recovers", "signs"],
)
def test_what_is_broken_is_named(how):
    order = check_names()
    others = tuple(name for name in order if name != how)
    with pytest.raises(CheckError, match=f"^{how}: "):
        check_detector(Broken(how), skip=others)
    assert check_detector(Broken("nothing")) == order


def test_checks_are_chosen_by_name():
    with pytest.raises(InvalidInputError, match=r"^skip: got 'shape', expected one of shapes"):
        check_detector("lmmse", skip=("shape",))


Y = torch.full((2, 3, 4), 1 + 1j, dtype=torch.complex64)
H = torch.eye(4, dtype=torch.complex64).expand(2, 4, 4).clone()


@pytest.mark.parametrize(
    "give",
    [
        lambda c: c.nearest(Y),
        lambda c: c.nearest(Y).numpy().astype(np.int32),
        lambda c: Y,
        lambda c: (Y, 0.1 * torch.ones(2, 1, 1)),
        lambda c: -5.0 * torch.ones(2, 3, 4, 2),
        lambda c: HardDetection(c, c.nearest(Y)),
    ],
    ids=["indices", "array", "estimates", "with errors", "llr", "detection"],
)
def test_what_functions_may_return(give):
    detector = FunctionDetector("qpsk", lambda y, h, noise_var: None)
    points = detector.constellation
    found = FunctionDetector("qpsk", lambda y, h, noise_var: give(points))(Y, H, 0.1)
    assert not found.bits().any()
    assert found.finite().all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "<NoneType>"),
        (torch.ones(2, 3, 4), "<torch.float32 of shape"),
        (torch.ones(2, 3, 3, 2), "<torch.float32 of shape"),
        (torch.full((2, 3, 4), 4), "<indices 4 to 4>, expected indices from 0 to 3"),
    ],
)
def test_what_functions_may_not_return(given, said):
    with pytest.raises(InvalidInputError, match="^what the function returned: got " + said):
        FunctionDetector("qpsk", lambda y, h, noise_var: given)(Y, H, 0.1)


def test_an_estimate_that_is_not_finite_is_flagged():
    broken = Y.clone()
    broken[0, 0, 0] = float("nan")
    found = FunctionDetector("qpsk", lambda y, h, noise_var: broken)(Y, H, 0.1)
    assert found.finite().tolist() == [[False, True, True], [True, True, True]]
