"""Maximum-mutual-information codebooks against published numbers and against each other."""

import itertools

import numpy as np
import pytest
import torch
from scipy import integrate

from mimolearn.quantizers import fit_quantizer
from mimolearn.quantizers.max_mi import dynamic_programme, lloyd


def gaussian_llrs(mu, num=400_000):
    """Quantiles of L ~ N(+-mu, 2 mu), the LLR of a bit in Gaussian noise: no sampling error."""
    from scipy.special import ndtri

    z = ndtri((np.arange(num) + 0.5) / num) * np.sqrt(2 * mu)
    return np.concatenate([z + mu, z - mu])


def information(mu):
    def integrand(llr):
        density = np.exp(-((llr - mu) ** 2) / (4 * mu)) / np.sqrt(4 * np.pi * mu)
        return density * np.log2(1 + np.exp(-llr))

    return 1 - integrate.quad(integrand, mu - 12 * np.sqrt(2 * mu), mu + 12 * np.sqrt(2 * mu))[0]


def test_published_reference_of_eight_levels():
    book = lloyd(gaussian_llrs(2.0), 8)
    assert information(2.0) == pytest.approx(0.48594, abs=5e-5)
    assert book.information == pytest.approx(0.47788, abs=2e-4)
    np.testing.assert_allclose(book.values[4:], [0.408, 1.272, 2.317, 3.928], atol=4e-3)
    np.testing.assert_allclose(book.thresholds[3:], [0, 0.828, 1.763, 3.027], atol=4e-3)
    np.testing.assert_allclose(book.values, -book.values[::-1], atol=2e-3)


@pytest.mark.parametrize(
    ("levels", "expected"), [(2, 0.49907), (4, 0.59244), (8, 0.61528), (16, 0.62111)]
)
def test_published_information_of_both_methods(levels, expected):
    llr = gaussian_llrs(3.0, 100_000)
    assert information(3.0) == pytest.approx(0.62311, abs=5e-5)
    assert lloyd(llr, levels).information == pytest.approx(expected, abs=2e-4)
    best = dynamic_programme(llr, levels)[-1]
    assert len(best.values) == levels
    assert best.information == pytest.approx(expected, abs=2e-4)


def test_information_rises_with_every_step_and_level():
    llr = gaussian_llrs(2.0, 20_000)
    found = [lloyd(llr, 8, max_iter=n).information for n in range(1, 12)]
    assert all(b >= a - 1e-12 for a, b in itertools.pairwise(found))
    books = dynamic_programme(llr, 12)
    values = [book.information for book in books]
    assert values == sorted(values)
    assert values[0] == pytest.approx(0, abs=1e-9)


def test_the_programme_is_not_beaten_where_lloyd_is_stuck():
    """A lopsided, clumped distribution: the alternation may stop short, the optimum cannot."""
    generator = np.random.Generator(np.random.PCG64(1))
    llr = np.concatenate([generator.normal(m, 0.2, 20_000) for m in (-9, -0.3, 0.4, 5)])
    for levels in (3, 4, 5):
        best = dynamic_programme(llr, levels)[-1].information
        assert best >= lloyd(llr, levels).information - 2e-4


def test_levels_go_where_they_keep_most():
    llr = 4 * torch.randn(20_000, 2, 6, generator=torch.Generator().manual_seed(1))
    llr[..., 4:] *= 0.05  # hardly any information: few levels
    quantizer = fit_quantizer("max-mi", llr, bits=2.5)
    a, b, c = quantizer.levels
    assert a * b * c <= 181
    assert c < min(a, b)
    assert quantizer.bits_per_llr == 2.5


def test_one_codebook_per_bit_or_shared():
    first = 2 * torch.randn(5000, 1, 4, generator=torch.Generator().manual_seed(2))
    first[..., 2:] *= 4
    quantizer = fit_quantizer("max-mi", first, bits=2)
    values = quantizer.values
    assert torch.equal(values[0], values[1])
    assert not torch.equal(values[0], values[2])
