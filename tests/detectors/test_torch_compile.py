"""``torch.compile`` around detectors, quantisers, beamformers: the answers that they always give.

Its backend "eager" traces as all others do, and needs no compiler of C++.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from mimolearn.beamformers import HybridArray, make_beamformer
from mimolearn.quantizers import fit_quantizer

from .battery import ROWS, SHIPPED, Answer, Case, answers, build, case_id, drawn, quick_rows

# Both halves in one kernel, 16 channels at a time, a search, an inner detector, networks in
# compiled code and in torch.
PATHS = ["lmmse", "ep", "k-best", "guarded", "lcgnet-v", "nn-det"]
# The tracer of torch warns of its own deprecated parts.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A detector of each path; with --soak all."""
    if "case" in metafunc.fixturenames:
        some = [case for case in quick_rows() if case[0].name in PATHS]
        soak = metafunc.config.getoption("--soak")
        metafunc.parametrize("case", [*ROWS, *SHIPPED] if soak else some, ids=case_id)


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    torch._dynamo.reset()


def traced(function: Callable[..., Any]) -> Callable[..., Any]:
    return torch.compile(function, backend="eager")


@pytest.mark.soak
def test_answers_are_those_without_it(case: Case) -> None:
    detector = build(case)
    compiled = traced(Answer(detector))
    for num_channels in (3, 18):
        y, h, noise_var, _ = drawn(case, batch=(num_channels,))
        expected = answers(detector(y, h, noise_var))
        for found in (compiled(y, h, noise_var), answers(detector(y, h, noise_var))):
            assert isinstance(found, tuple)
            assert len(found) == len(expected)
            for mine, other in zip(found, expected, strict=True):
                assert torch.equal(mine, other)


def test_prepared_channels_serve_inside_of_it() -> None:
    case = quick_rows()[1]
    y, h, noise_var, _ = drawn(case)
    detector = build(case)
    prepared = detector.prepare(h, noise_var)

    @traced
    def decide(y: Tensor) -> Tensor:
        return 2 * detector.detect(prepared, y).llr()

    assert torch.equal(decide(y), 2 * detector.detect(prepared, y).llr())


def test_gradients_reach_through_it() -> None:
    case = next(case for case in quick_rows() if case[0].name == "nn-det")
    y, h, noise_var, _ = drawn(case)

    def gradient(call: Callable[..., Tensor]) -> Tensor:
        mine = h.clone().requires_grad_()
        call(y, mine, noise_var).tanh().square().sum().backward()
        assert mine.grad is not None
        return mine.grad

    detector = build(case)

    def llr(*inputs: Tensor) -> Tensor:
        return detector(*inputs).llr()

    assert torch.equal(gradient(traced(llr)), gradient(llr))


def test_quantisers_and_beamformers() -> None:
    generator = torch.Generator().manual_seed(1)
    samples = 4 * torch.randn(400, 1, 4, generator=generator)
    quantizer = fit_quantizer("max-mi", samples, bits=8)
    assert torch.equal(traced(quantizer.through)(samples), quantizer.through(samples))
    array = HybridArray(
        num_users=1, num_tx_ant=8, num_tx_chains=2, num_rx_ant=2, num_rx_chains=2, num_streams=2
    )
    beamformer = make_beamformer("fd-mmse", array)
    h = torch.randn(3, 1, 2, 8, generator=generator, dtype=torch.complex64)
    expected = beamformer(h, 0.1)
    for mine, other in zip(traced(beamformer)(h, 0.1), expected, strict=True):
        assert torch.equal(mine, other)
