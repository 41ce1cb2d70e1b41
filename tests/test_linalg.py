import numpy as np
import pytest
import torch
from torch import Tensor

from mimolearn.foundation.tensors import linalg


@pytest.fixture
def h() -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(5, 6, 3, generator=generator, dtype=torch.complex128)


@pytest.fixture
def y() -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(5, 4, 6, generator=generator, dtype=torch.complex128)


def test_gram_and_matched_filter_against_numpy(h: Tensor, y: Tensor) -> None:
    a = h.numpy()
    np.testing.assert_allclose(linalg.gram(h).numpy(), np.einsum("bri,brj->bij", a.conj(), a))
    expected = np.einsum("bri,btr->bti", a.conj(), y.numpy())
    np.testing.assert_allclose(linalg.matched_filter(h, y).numpy(), expected, atol=1e-12)


def test_regularised_gram_is_gram_plus_diagonal(h: Tensor) -> None:
    noise_var = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5], dtype=torch.float64)
    torch.testing.assert_close(
        linalg.regularised_gram(h, noise_var), linalg.add_diagonal(linalg.gram(h), noise_var)
    )


def test_add_diagonal_takes_one_value_per_entry_too(h: Tensor) -> None:
    values = torch.arange(15, dtype=torch.float64).reshape(5, 3)
    result = linalg.add_diagonal(torch.zeros(5, 3, 3, dtype=torch.complex128), values)
    torch.testing.assert_close(result, torch.diag_embed(values).to(result.dtype))


def test_regularised_gram_has_gradients(h: Tensor) -> None:
    noise_var = torch.full((5,), 0.3, dtype=torch.float64, requires_grad=True)
    h.requires_grad_()
    assert torch.autograd.gradcheck(linalg.regularised_gram, (h, noise_var))


def test_hermitian_inverse_against_numpy(h: Tensor) -> None:
    g = linalg.gram(h)
    np.testing.assert_allclose(
        linalg.hermitian_inverse(g).numpy(), np.linalg.inv(g.numpy()), atol=1e-12
    )


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize("size", [(4, 4), (8, 4), (64, 32)])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_cholesky_flags_singular_matrices_alone(
    dtype: torch.dtype, size: tuple[int, int], scale: float
) -> None:
    """A dependent column, exact or by combination, leaves a pivot of rounding, of either sign."""
    generator = torch.Generator().manual_seed(0)
    h = scale * torch.randn(60, *size, generator=generator, dtype=dtype)
    h[20:40, :, -1] = h[20:40, :, 0]
    weights = torch.randn(20, size[1] - 1, 1, generator=generator, dtype=dtype)
    h[40:, :, -1:] = h[40:, :, :-1] @ weights
    finite = torch.isfinite(linalg.cholesky(linalg.gram(h))).flatten(1).all(1)
    assert finite[:20].all()
    assert not finite[20:].any()


def test_cholesky_flags_indefinite_matrix() -> None:
    matrix = torch.stack([torch.eye(2), torch.tensor([[1.0, 2.0], [2.0, 1.0]])])
    factor = linalg.cholesky(matrix)
    assert torch.equal(factor[0], torch.eye(2))
    assert torch.isnan(factor[1]).all()


def test_qr_has_positive_diagonal(h: Tensor) -> None:
    q, r = linalg.qr(h)
    torch.testing.assert_close(q @ r, h)
    torch.testing.assert_close(q.mH @ q, torch.eye(3, dtype=h.dtype).expand(5, 3, 3))
    diagonal = r.diagonal(dim1=-2, dim2=-1)
    assert (diagonal.real > 0).all()
    assert diagonal.imag.abs().max() < 1e-12


def test_real_forms_represent_the_complex_product(h: Tensor) -> None:
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(5, 4, 3, generator=generator, dtype=torch.complex128)
    y = x @ h.mT
    real = linalg.stack_real_vector(x) @ linalg.stack_real_matrix(h).mT
    torch.testing.assert_close(linalg.unstack_real_vector(real), y)
    columns = x.real @ linalg.stack_real_columns(h).mT
    torch.testing.assert_close(linalg.unstack_real_vector(columns), x.real.to(y.dtype) @ h.mT)


def test_as_complex() -> None:
    x = torch.tensor([1.0, -2.0])
    torch.testing.assert_close(linalg.as_complex(x), x.to(torch.complex64))
    z = torch.tensor([1j])
    assert linalg.as_complex(z) is z


def test_largest_eigenvalue_bound() -> None:
    generator = torch.Generator().manual_seed(5)
    wide = torch.randn(50, 24, 12, generator=generator, dtype=torch.complex64)
    for scale in (1e-8, 1.0, 1e8):
        matrix = linalg.gram(wide * scale)
        largest = torch.linalg.eigvalsh(matrix.to(torch.complex128))[..., -1]
        ratio = linalg.largest_eigenvalue_bound(matrix) / largest
        assert ratio.min() > 1 - 1e-5
        assert ratio.max() < 12 ** (1 / 128) + 1e-5
    assert linalg.largest_eigenvalue_bound(torch.zeros(3, 3)).isfinite()
