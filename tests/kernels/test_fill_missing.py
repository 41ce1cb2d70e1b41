"""The kernel that fills missing LLRs, against the torch path in double precision."""

import math

import pytest
import torch

from mimolearn.detectors.search.filled import fill


def example(vectors: int, bits: int):
    generator = torch.Generator().manual_seed(vectors)
    shape = (vectors, 1, bits, 2)
    llr = 30 * torch.randn(shape, generator=generator)
    signs = torch.randint(2, shape, generator=generator) * 2.0 - 1
    missing = torch.rand(shape, generator=generator) < 0.6
    llr = torch.where(missing, signs * math.inf, llr)
    linear = 40 * torch.randn(shape, generator=generator)
    nearest = 50 * torch.rand((vectors, 1), generator=generator)
    log_evidence = 60 * torch.randn((vectors, 1), generator=generator)
    return llr, nearest, log_evidence, linear


@pytest.mark.parametrize("clip", [3.0, 20.0, math.inf])
@pytest.mark.parametrize(("vectors", "bits"), [(1, 1), (15, 4), (17, 7), (64, 32)])
def test_it_agrees_with_torch(vectors, bits, clip):
    given = example(vectors, bits)
    before = [tensor.clone() for tensor in given]
    filled = fill(*given, clip)
    expected = fill(*(tensor.double() for tensor in given), clip)
    torch.testing.assert_close(filled.double(), expected, rtol=1e-5, atol=1e-5)
    assert torch.isfinite(filled).all()
    assert filled.abs().max() <= clip
    assert all(map(torch.equal, given, before))


def test_a_linear_detector_that_failed_knows_nothing():
    llr, nearest, log_evidence, linear = example(5, 3)
    failed = torch.full_like(linear, math.nan)
    expected = fill(llr, nearest, log_evidence, torch.zeros_like(linear), 20.0)
    assert torch.equal(fill(llr, nearest, log_evidence, failed, 20.0), expected)
    doubles = [tensor.double() for tensor in (llr, nearest, log_evidence, failed)]
    torch.testing.assert_close(fill(*doubles, 20.0), expected.double(), rtol=1e-5, atol=1e-5)


def test_no_vectors():
    given = [tensor[:0] for tensor in example(2, 3)]
    assert fill(*given, 20.0).shape == (0, 1, 3, 2)
