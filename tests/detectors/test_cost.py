"""``cost`` against counts made elsewhere: scalars that count themselves, and torch's own calls."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mimolearn.detectors import counting, make_detector


class Tally:
    """A number that counts the products it takes part in."""

    products = 0

    def __init__(self, value: complex) -> None:
        self.value = value

    def __mul__(self, other: Tally) -> Tally:
        Tally.products += 1
        return Tally(self.value * other.value)

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.value + other.value)

    def __sub__(self, other: Tally) -> Tally:
        return Tally(self.value - other.value)

    def conj(self) -> Tally:
        return Tally(self.value.conjugate())


Matrix = list[list[Tally]]


def random_matrix(rows: int, cols: int) -> Matrix:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(rows, cols, generator=generator, dtype=torch.complex128).tolist()
    return [[Tally(v) for v in row] for row in values]


def gram(h: Matrix) -> Matrix:
    """The lower half, diagonal included."""
    cols = len(h[0])
    result = [[Tally(0) for _ in range(cols)] for _ in range(cols)]
    for i in range(cols):
        for j in range(i + 1):
            for row in h:
                result[i][j] = result[i][j] + row[i].conj() * row[j]
    return result


def cholesky(a: Matrix) -> Matrix:
    n = len(a)
    factor = [[Tally(0) for _ in range(n)] for _ in range(n)]
    for j in range(n):
        pivot = a[j][j]
        for k in range(j):
            pivot = pivot - factor[j][k] * factor[j][k].conj()
        factor[j][j] = Tally(math.sqrt(pivot.value.real))
        reciprocal = Tally(1 / factor[j][j].value)
        for i in range(j + 1, n):
            rest = a[i][j]
            for k in range(j):
                rest = rest - factor[i][k] * factor[j][k].conj()
            factor[i][j] = rest * reciprocal
    return factor


def solve_lower(factor: Matrix, b: list[Tally]) -> list[Tally]:
    x: list[Tally] = []
    for i in range(len(b)):
        rest = b[i]
        for k in range(i):
            rest = rest - factor[i][k] * x[k]
        x.append(rest * Tally(1 / factor[i][i].value))
    return x


def invert_lower(factor: Matrix) -> Matrix:
    n = len(factor)
    columns = []
    for j in range(n):
        below = [row[j:] for row in factor[j:]]
        unit = [Tally(1)] + [Tally(0)] * (n - j - 1)
        columns.append([Tally(0)] * j + solve_lower(below, unit))
    return [list(row) for row in zip(*columns, strict=True)]


def hermitian_inverse(a: Matrix) -> Matrix:
    lower = invert_lower(cholesky(a))
    n = len(a)
    result = [[Tally(0) for _ in range(n)] for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            for k in range(i, n):
                result[i][j] = result[i][j] + lower[k][i].conj() * lower[k][j]
    return result


def products(work: Callable[[], object]) -> int:
    before = Tally.products
    work()
    return Tally.products - before


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_building_blocks(n: int) -> None:
    h = random_matrix(n + 3, n)
    a = gram(h)
    factor = cholesky(a)
    vector = [Tally(1.0)] * n
    counted = {
        "gram": (counting.gram(n + 3, n), products(lambda: gram(h))),
        "cholesky": (counting.cholesky(n), products(lambda: cholesky(a))),
        "solve": (counting.triangular_solve(n), products(lambda: solve_lower(factor, vector))),
        "triangular inverse": (
            counting.triangular_inverse(n),
            products(lambda: invert_lower(factor)),
        ),
        "inverse": (counting.hermitian_inverse(n), products(lambda: hermitian_inverse(a))),
    }
    for name, (claimed, real) in counted.items():
        assert claimed == 4 * real, name


def test_counted_algorithms_are_right() -> None:
    """The tally is worth something only if what it counts works."""
    h = random_matrix(6, 4)
    inverse = torch.tensor([[x.value for x in row] for row in hermitian_inverse(gram(h))])
    dense = torch.tensor([[x.value for x in row] for row in h])
    torch.testing.assert_close(inverse, torch.linalg.inv(dense.mH @ dense).tril())


class ProductCounter(TorchDispatchMode):
    """Real multiplications of every matrix product that torch is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.bmm, torch.ops.aten.mv):
            per_product = 4 if result.is_complex() else 1
            self.count += result.numel() * args[0].shape[-1] * per_product
        return result


NR, NT = 12, 5


def counted(name: str, constellation: str, **options: Any) -> tuple[int, int, Any]:
    """Products of prepare and of detect for one vector, and what ``cost`` says."""
    detector = make_detector(name, constellation, **options)
    generator = torch.Generator().manual_seed(0)
    # In double precision, for which there are no kernels: those cannot be counted.
    h = torch.randn(1, NR, NT, generator=generator, dtype=torch.complex128)
    y = torch.randn(1, 1, NR, generator=generator, dtype=torch.complex128)
    with ProductCounter() as prepare:
        prepared = detector.prepare(h, 0.1)
    with ProductCounter() as detect:
        detector.detect(prepared, y)
    return prepare.count, detect.count, detector.cost(NR, NT)


@pytest.mark.parametrize(
    ("name", "constellation", "inverses"),
    [
        ("mrc", "qpsk", 0),
        ("zf", "qpsk", 1),
        ("lmmse", "qpsk", 1),
        ("wl-lmmse", "qpsk", 1),
        ("wl-lmmse", "bpsk", 1),
    ],
)
def test_linear_detectors(name: str, constellation: str, inverses: int) -> None:
    prepare, detect, cost = counted(name, constellation)
    real = name == "wl-lmmse" and constellation == "bpsk"
    assert cost.per_vector == detect
    # torch forms the whole Gram matrix where half would do, and inverts outside of products.
    rows, per_product = (2 * NR, 1) if real else (NR, 4)
    spare_half = rows * NT * (NT - 1) // 2 * per_product
    inverse = counting.hermitian_inverse(NT, real=real)
    assert cost.per_channel == prepare - spare_half + inverses * inverse


@pytest.mark.parametrize("num_terms", [1, 4])
def test_neumann(num_terms: int) -> None:
    prepare, detect, cost = counted("neumann", "qpsk", num_terms=num_terms)
    assert cost.per_vector == detect
    spare_half = 4 * NR * NT * (NT - 1) // 2
    sums = 8 * NT * NT
    assert cost.per_channel == prepare - spare_half + sums


@pytest.mark.parametrize(
    ("name", "constellation", "options", "beyond"),
    [
        ("cg", "qpsk", {"num_iter": 6}, 0.5),
        ("wl-cg", "bpsk", {"num_iter": 6}, 1.0),
        ("oamp", "qpsk", {"num_iter": 4}, 1.0),
        ("oamp", "bpsk", {"num_iter": 4}, 2.5),
    ],
)
def test_iterations_are_products_and_a_few_sums(
    name: str, constellation: str, options: dict[str, Any], beyond: float
) -> None:
    """Matrix products are counted exactly; element-wise work adds 5 to 12 terms of order Nt."""
    _, detect, cost = counted(name, constellation, **options)
    assert cost.per_vector is not None
    assert detect < cost.per_vector <= (1 + beyond) * detect
    _, one_more, dearer = counted(name, constellation, num_iter=options["num_iter"] + 1)
    assert dearer.per_vector is not None
    step = (
        cost.per_vector
        - make_detector(name, constellation, num_iter=options["num_iter"] - 1)
        .cost(NR, NT)
        .per_vector
    )
    assert dearer.per_vector - cost.per_vector == step >= one_more - detect


@pytest.mark.parametrize("name", ["gauss-seidel", "ep"])
def test_iterations_cost_the_same_each(name: str) -> None:
    costs = [make_detector(name, "qpsk", num_iter=n).cost(NR, NT) for n in (1, 2, 3)]
    totals = [c.per_channel + (c.per_vector or 0) for c in costs]
    assert totals[2] - totals[1] == totals[1] - totals[0] > 0
