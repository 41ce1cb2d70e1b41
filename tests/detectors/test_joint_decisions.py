"""What searches decide is one vector that was found, never bits of several."""

import pytest
import torch
from torch import Tensor

from mimolearn import make_detector
from mimolearn.detectors import Detector

SEARCHES = {
    "ml": {},
    "k-best": {"k": 16},
    "soft-sphere": {},
    "sphere": {},
    "sdr": {},
    "las": {"inner": "k-best"},
    "guarded": {"inner": "k-best", "fallback": "soft-sphere", "doubt": -1.0},
}
CASES = [
    (name, constellation)
    for name in SEARCHES
    for constellation in ("bpsk", "qpsk", "16-qam")
    if not (name == "sdr" and constellation == "16-qam")
]


def equal_users(detector: Detector, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Two streams of one channel vector, and little noise: which of them sent what is a tie."""
    generator = torch.Generator().manual_seed(3)
    c = detector.constellation
    h = torch.randn(20, 6, 3, generator=generator, dtype=torch.complex128)
    # In whole numbers, so that single precision has the ties too.
    h = torch.complex((4 * h.real).round(), (4 * h.imag).round())
    h[:, :, 2] = h[:, :, 0]
    sent = torch.randint(c.num_points, (20, 4, 3), generator=generator)
    noise = torch.randn(20, 4, 6, generator=generator, dtype=h.dtype)
    y = c.map(sent, torch.complex128) @ h.mT + 0.05 * noise
    return y.to(dtype), h.to(dtype), torch.full((20,), 0.05, dtype=dtype.to_real()), sent


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize(("name", "constellation"), CASES)
def test_users_of_one_channel_are_decided_together(
    name: str, constellation: str, dtype: torch.dtype
) -> None:
    detector = make_detector(name, constellation, **SEARCHES[name])
    y, h, noise_var, sent = equal_users(detector, dtype)
    c = detector.constellation
    for detection in (
        detector(y, h, noise_var),
        detector.detect(detector.prepare(h, noise_var), y),
    ):
        decided = detection.indices()
        assert torch.equal(c.indices_to_bits(decided), detection.bits())
        # Whoever sent it: their sum, and the third stream, are beyond doubt.
        points, true = c.map(decided, torch.complex128), c.map(sent, torch.complex128)
        sums, expected = points[..., 0] + points[..., 2], true[..., 0] + true[..., 2]
        torch.testing.assert_close(sums, expected, rtol=0, atol=1e-5)
        assert torch.equal(decided[..., 1], sent[..., 1])


@pytest.mark.parametrize("name", ["k-best", "soft-sphere"])
@pytest.mark.parametrize("constellation", ["bpsk", "qpsk", "16-qam", "64-qam"])
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_signs_of_llrs_are_the_joint_decision_where_there_is_no_tie(
    name: str, constellation: str, dtype: torch.dtype
) -> None:
    detector = make_detector(name, constellation, llr_clip=8.0)
    generator = torch.Generator().manual_seed(4)
    h = torch.randn(24, 5, 4, generator=generator, dtype=torch.complex128)
    sent = torch.randint(detector.constellation.num_points, (24, 3, 4), generator=generator)
    noise = torch.randn(24, 3, 5, generator=generator, dtype=h.dtype)
    y = detector.constellation.map(sent, h.dtype) @ h.mT + 0.5 * noise
    detection = detector(y.to(dtype), h.to(dtype), 0.25)
    llr = detection.llr()
    assert (llr != 0).all()
    assert torch.equal(detection.bits(), (llr > 0).to(torch.uint8))
