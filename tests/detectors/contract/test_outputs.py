"""What a detection holds, for every detector and shape of batch."""

import pytest
import safetensors.torch
import torch
from torch import Tensor

from mimolearn.detection import AxisGaussianDetection, Detection, GaussianDetection
from mimolearn.detectors import (
    Detector,
    IterativeDetector,
    Neumann,
    UnfoldedDetector,
    detector_names,
    make_detector,
    peer_names,
)
from mimolearn.foundation.errors import NotSoftError

from .table import CONTRACT, Row, assert_same, draw, soft


def test_table_covers_every_detector() -> None:
    assert {row.name for row in CONTRACT} == {*detector_names(), *peer_names()}


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
@pytest.mark.parametrize("num_vectors", [1, 4])
def test_shapes(detector: Detector, batch: tuple[int, ...], num_vectors: int) -> None:
    c = detector.constellation
    y, h, noise_var, indices = draw(c, batch, num_vectors, dtype=torch.complex64)
    detection = detector(y, h, noise_var)
    symbols = (*batch, num_vectors, 3)
    assert detection.indices().shape == indices.shape == symbols
    assert detection.indices().dtype == torch.int64
    assert detection.bits().shape == (*symbols, c.bits_per_symbol)
    assert detection.bits().dtype == torch.uint8
    assert detection.finite().shape == (*batch, num_vectors)
    assert detection.finite().all()
    assert detection.soft_symbols().shape == symbols
    assert detection.soft_symbols().dtype == torch.complex64
    if detector.soft:
        assert detection.llr().shape == (*symbols, c.bits_per_symbol)
        assert detection.llr().dtype == torch.float32
    else:
        with pytest.raises(NotSoftError):
            detection.llr()


def test_batch_equals_loop(detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation, (2, 3))
    whole = detector(y, h, noise_var)
    for i in range(2):
        for j in range(3):
            one = detector(y[i, j], h[i, j], noise_var[i, j])
            assert torch.equal(one.indices(), whole.indices()[i, j])
            torch.testing.assert_close(
                soft(one, detector), soft(whole, detector)[i, j], rtol=1e-8, atol=1e-8
            )


def test_vectors_of_a_block_are_independent(detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation)
    whole = detector(y, h, noise_var)
    one = detector(y[:, 2:3], h, noise_var)
    torch.testing.assert_close(
        soft(one, detector), soft(whole, detector)[:, 2:3], rtol=1e-8, atol=1e-8
    )


def test_forward_is_prepare_then_detect(detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation)
    split = detector.detect(detector.prepare(h, noise_var), y)
    assert_same(detector(y, h, noise_var), split, detector)


def test_number_as_noise_var(detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation)
    assert_same(detector(y, h, noise_var), detector(y, h, 0.2), detector)


def test_state_survives_safetensors(case: tuple[Row, str], detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation)
    stored = safetensors.torch.save(detector.state_dict())
    other = make_detector(case[0].name, case[1], **case[0].options)
    other.load_state_dict(safetensors.torch.load(stored))
    assert_same(detector(y, h, noise_var), other(y, h, noise_var), detector)


def test_recovers_all_symbols_at_high_snr(row: Row, detector: Detector) -> None:
    if not row.recovers:
        pytest.skip("does not promise to recover all symbols")
    c = detector.constellation
    generator = torch.Generator().manual_seed(3)
    h = torch.linalg.qr(torch.randn(8, 6, 3, generator=generator, dtype=torch.complex128))[0]
    h = h + 0.05 * torch.randn(h.shape, generator=generator, dtype=h.dtype)
    indices = torch.randint(c.num_points, (8, 16, 3), generator=generator)
    noise = torch.randn((8, 16, 6), generator=generator, dtype=h.dtype)
    y = c.map(indices, torch.complex128) @ h.mT + 1e-2 * noise
    assert torch.equal(detector(y, h, 1e-4).indices(), indices)


def last_estimate(detection: Detection, detector: Detector) -> Tensor:
    """What the last iterate has to be: the input of the demapper, or a network's soft symbols."""
    if isinstance(detection, GaussianDetection):
        return detection.x_hat
    if isinstance(detection, AxisGaussianDetection) and isinstance(detector, IterativeDetector):
        values = detection.values
        imag = values[..., 1] if values.shape[-1] == 2 else torch.zeros_like(values[..., 0])
        return torch.complex(values[..., 0], imag)
    return detection.soft_symbols()


def test_iterates_end_in_the_detector_s_estimate(detector: Detector) -> None:
    """The detection may unbias the last iterate by a factor for each stream of a channel."""
    if not isinstance(detector, IterativeDetector | UnfoldedDetector | Neumann):
        pytest.skip("promises no iterates")
    y, h, noise_var, _ = draw(detector.constellation)
    prepared = detector.prepare(h, noise_var)
    iterates = detector.iterates(prepared, y)
    assert all(x.shape == (3, 4, 3) and x.is_complex() for x in iterates)
    assert all(torch.isfinite(torch.view_as_real(x)).all() for x in iterates)
    if isinstance(detector, IterativeDetector):
        assert len(iterates) == detector.num_iter
    detection = detector.detect(prepared, y)
    last, estimate = iterates[-1], last_estimate(detection, detector)
    if detector.constellation.is_real and not estimate.imag.any():
        # Some detectors drop the imaginary part, which says nothing of real symbols.
        last = last.real.to(last.dtype)
    # Complex where the steps do not treat all streams alike.
    factor = (last.conj() * estimate).sum(-2) / last.abs().square().sum(-2)
    if not isinstance(detection, GaussianDetection):
        factor = torch.ones_like(factor)
    assert (factor.real > 0).all()
    torch.testing.assert_close(estimate, last * factor.unsqueeze(-2), rtol=1e-8, atol=1e-8)


def test_cost_grows_with_size(detector: Detector) -> None:
    small, large = detector.cost(8, 4), detector.cost(16, 8)
    assert 0 < small.per_channel < large.per_channel
    if small.per_vector is not None and large.per_vector is not None:
        assert 0 < small.per_vector < large.per_vector
