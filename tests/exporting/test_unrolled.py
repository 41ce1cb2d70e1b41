"""Matrix factorisations without loops of their own, as the files have them."""

from __future__ import annotations

import pytest
import torch

from mimolearn.exporting import eigen, factors
from mimolearn.exporting.pairs import Pair


@pytest.mark.parametrize("size", [1, 2, 5, 8])
@pytest.mark.parametrize("is_complex", [False, True])
def test_unrolled_factorisations(size: int, is_complex: bool) -> None:
    dtype = torch.complex128 if is_complex else torch.float64
    generator = torch.Generator().manual_seed(size)
    root = torch.randn((3, 2, size, size + 2), generator=generator, dtype=dtype)
    right = torch.randn((3, 2, size, 4), generator=generator, dtype=dtype)
    matrix = root @ root.mH

    def part(x: torch.Tensor) -> torch.Tensor | Pair:
        return Pair(x.real, x.imag) if is_complex else x

    def whole(x: torch.Tensor | Pair) -> torch.Tensor:
        return torch.complex(x.real, x.imag) if isinstance(x, Pair) else x

    factor = factors.cholesky(part(matrix))
    torch.testing.assert_close(whole(factor), torch.linalg.cholesky(matrix))
    inverse = factors.cholesky_inverse(factor)
    torch.testing.assert_close(whole(inverse), torch.linalg.inv(matrix))
    solved = factors.cholesky_solve(part(right), factor)
    torch.testing.assert_close(whole(solved), torch.linalg.solve(matrix, right))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9, 16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_unrolled_eigenvectors(size: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(size)
    root = torch.randn((40, size, size), generator=generator, dtype=dtype)
    # Of rank one, of two equal columns but a little, nothing at all, and all values equal.
    root[0] = root[0, :, :1] @ root[0, :1]
    root[1, :, -1] = root[1, :, 0] * (1 + 1e-4)
    root[2], root[3] = 0, torch.eye(size)
    matrix = root @ root.mH
    part = Pair(matrix.real, matrix.imag) if dtype.is_complex else matrix
    values, found = eigen.eigh(part)
    vectors = torch.complex(found.real, found.imag) if isinstance(found, Pair) else found
    expected = torch.linalg.eigvalsh(matrix)
    largest = expected[:, -1:].clamp(min=1e-30)
    assert ((values - expected) / largest).abs().max() < 1e-5
    error = (vectors * values.unsqueeze(-2)) @ vectors.mH - matrix
    assert (error.abs().amax(-1) / largest).max() < 1e-5
    torch.testing.assert_close(
        vectors.mH @ vectors, torch.eye(size, dtype=dtype).expand_as(matrix), rtol=0, atol=1e-5
    )


def test_a_matrix_without_a_factor_gives_nan_for_itself_alone() -> None:
    matrix = torch.eye(3, dtype=torch.float64).repeat(2, 1, 1)
    matrix[1, 1, 1] = -1
    factor = factors.cholesky(matrix)
    assert isinstance(factor, torch.Tensor)
    assert torch.equal(factor[0], torch.eye(3, dtype=torch.float64))
    assert torch.isnan(factor[1]).any()


def test_sorted_search_is_torch_s() -> None:
    boundaries = torch.tensor([[-1.0, 0.0, 0.0, 2.0], [0.0, 1.0, 2.0, 3.0]])
    values = torch.tensor([[-2.0, -1.0, 0.0, 0.5, 5.0], [1.0, 2.5, 3.0, 4.0, -1.0]])
    for right in (False, True):
        found = factors.searchsorted(boundaries, values, right=right)
        assert torch.equal(found, torch.searchsorted(boundaries, values, right=right))
