"""Every detector on channels that nobody has: finite, or flagged; never a silent NaN."""

import pytest
import torch

from mimolearn import InvalidInputError, detector_names, make_detector
from mimolearn.detectors import Detector, detector_class

NUM_RX, NUM_TX = 6, 3


def build(name: str) -> Detector:
    # Networks of one size are made for this one.
    options = {"num_tx_ant": NUM_TX, "num_rx_ant": NUM_RX}
    taken = detector_class(name).option_names()
    options = {key: value for key, value in options.items() if key in taken}
    for constellation in ("qpsk", "bpsk"):
        try:
            return make_detector(name, constellation, **options).eval()
        except InvalidInputError as error:
            refusal = error
    raise refusal


def hostile(generator: torch.Generator, dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
    """Channels of rank one or zero, of entries from 1e-20 to 1e20, and y and noise to match."""
    count, vectors, nr, nt = 8, 2, NUM_RX, NUM_TX

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, dtype=torch.complex128, generator=generator)

    h = normal(count, nr, nt)
    h[0] = normal(nr, 1) @ normal(1, nt)
    h[1] = 0
    h[2, :, 0] = 0
    h[3, :, 0] = h[3, :, 1] * (1 + 1e-7)
    h[4] *= 1e20
    h[5] *= 1e-20
    h[6, :, 0] *= 1e20
    h[6, :, 1] *= 1e-20
    h[7, 0] *= 1e20
    y = normal(count, vectors, nr) * h.abs().amax(dim=(-2, -1)).clamp(min=1e-20)[:, None, None]
    exponent = torch.randint(-12, 13, (count,), generator=generator)
    return y.to(dtype), h.to(dtype), (10.0**exponent).to(dtype.to_real())


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize(
    "name",
    # MMNet trains on every channel, and takes as long as all others.
    [pytest.param(name, marks=pytest.mark.soak(only=name == "mmnet")) for name in detector_names()],
)
def test_finite_or_flagged(name, dtype, trials):
    detector = build(name)
    generator = torch.Generator().manual_seed(9)
    kind = "single" if dtype == torch.complex64 else "double"
    for _ in range(trials(f"eight hostile channels a detector, {kind} precision", 2, 100)):
        y, h, noise_var = hostile(generator, dtype)
        with torch.no_grad():
            detection = detector(y, h, noise_var)
        indices, finite = detection.indices(), detection.finite()
        assert indices.shape == (8, 2, NUM_TX)
        assert indices.min() >= 0
        assert indices.max() < detector.constellation.num_points
        if detector.soft:
            assert not torch.isnan(detection.llr()[finite]).any()
