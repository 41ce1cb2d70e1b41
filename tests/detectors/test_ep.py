"""Expectation propagation against exhaustive search, and its two-variance output."""

import itertools

import pytest
import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import AxisGaussianDetection, GaussianDetection
from mimolearn.detectors import make_detector
from mimolearn.link.scenario import Block, Scenario


def exhaustive(constellation: Constellation, block: Block) -> Tensor:
    """ML indices by trying every vector."""
    nt = block.h.shape[-1]
    m = constellation.num_points
    tried = torch.tensor(list(itertools.product(range(m), repeat=nt)))
    received = constellation.map(tried) @ block.h.mT
    distance = (block.y[:, :, None] - received[:, None]).abs().square().sum(-1)
    return tried[distance.argmin(-1)]


@pytest.mark.parametrize(
    ("constellation", "size", "snr_db"), [("bpsk", 6, 0), ("qpsk", 3, 8), ("16-qam", 2, 16)]
)
def test_close_to_exhaustive_search(constellation: str, size: int, snr_db: float) -> None:
    scenario = Scenario(
        num_tx_ant=size, num_rx_ant=size, constellation=constellation, snr_definition="per_stream"
    )
    block = scenario.draw(snr_db, 3000, torch.Generator().manual_seed(2))
    wrong = {}
    for name in ("ep", "wl-lmmse"):
        decided = make_detector(name, constellation)(block.y, block.h, block.noise_var).indices()
        wrong[name] = float((decided != block.indices).double().mean())
    ml = float((exhaustive(scenario.points(), block) != block.indices).double().mean())
    assert 0.97 * ml <= wrong["ep"] <= ml + 0.4 * (wrong["wl-lmmse"] - ml)


@pytest.mark.parametrize("name", Constellation.names(separable=True))
@pytest.mark.parametrize("demapping", ["exact", "max-log"])
def test_axis_detection_with_equal_variances_is_gaussian_detection(
    name: str, demapping: str
) -> None:
    c = Constellation(name)
    generator = torch.Generator().manual_seed(1)
    x_hat = torch.randn(4, 3, 5, generator=generator, dtype=torch.complex128)
    error_var = 0.1 + torch.rand(4, 3, 5, generator=generator, dtype=torch.float64)
    plain = GaussianDetection(c, x_hat, error_var, demapping)
    axes = c.axes(x_hat)
    by_axis = AxisGaussianDetection(
        c, axes, (error_var / 2).unsqueeze(-1).expand_as(axes), demapping
    )
    assert torch.equal(plain.indices(), by_axis.indices())
    torch.testing.assert_close(plain.llr(), by_axis.llr())
    torch.testing.assert_close(plain.soft_symbols(), by_axis.soft_symbols())
    assert torch.equal(plain.finite(), by_axis.finite())


def test_axis_detection_keeps_the_axes_apart() -> None:
    """A certain real axis and a useless imaginary one: the first bit is known, the second not."""
    values = torch.tensor([[[[-0.7, -0.7]]]])
    detection = AxisGaussianDetection(
        Constellation("qpsk"), values, torch.tensor([[[[1e-2, 1e6]]]])
    )
    llr = detection.llr().flatten()
    assert llr[0] > 90
    assert abs(llr[1]) < 1e-5
    assert abs(detection.soft_symbols().item().imag) < 1e-5
    values[0, 0, 0, 1] = float("nan")
    assert not detection.finite().any()
