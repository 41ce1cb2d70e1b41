"""Tables I and II of the paper, beside what the networks here are counted to need."""

from __future__ import annotations

from mimolearn.detectors import make_detector
from mimolearn.detectors.networks.fully_connected.detnet_family import FullyConnected
from mimolearn.detectors.networks.fully_connected.detnet_layers import Shape


def table_i(expression: str, m: int, n: int = 0, length: int = 0) -> int:
    """Total FLOPs of an expression of Table I, real A (m x n), B (n x length).

    "vector-scaling" alpha a, "matrix-vector" A b, "matrix-matrix" A B, "inner" a^H b, "gram" A^H A.
    The table's sum for the Gram matrix, (m - 1) n (n + 1) / 2 additions, is the Hermitian half's.
    """
    return {
        "vector-scaling": m,
        "matrix-vector": 2 * m * n - m,
        "matrix-matrix": 2 * m * n * length - m * length,
        "inner": 2 * m - 1,
        "gram": m * n * (n + 1) // 2 + n * (m - 1) * (n + 1) // 2,
    }[expression]


def table_i_row(row: str, m: int, n: int, length: int) -> tuple[float, float, float]:
    """Multiplications, summations and total of a row of Table I, as printed.

    Args:
        row: "scaling", "matrix scaling", "matrix-vector", "matrix-matrix", "diagonal", "inner",
            "outer", "gram", "norm" or "inverse".
        m: M of the table.
        n: N of the table.
        length: L of the table.
    """
    return {
        "scaling": (n, 0, n),
        "matrix scaling": (m * n, 0, m * n),
        "matrix-vector": (m * n, m * (n - 1), 2 * m * n - m),
        "matrix-matrix": (m * n * length, m * length * (n - 1), 2 * m * n * length - m * length),
        "diagonal": (m * n, 0, m * n),
        "inner": (n, n - 1, 2 * n - 1),
        "outer": (m * n, 0, m * n),
        "gram": (
            m * n * (n + 1) / 2,
            n * (m - 1) * (n + 1) / 2,
            m * n**2 + n * (m - n / 2) - n / 2,
        ),
        "norm": (m * n, m * n - 1, 2 * m * n - 1),
        # Of the total, n are roots.
        "inverse": (n**3 / 2 + 3 * n**2 / 2, n**3 / 2 - n**2 / 2, n**3 + n**2 + n),
    }[row]


def table_ii(detector: str, nt: int, layers: int = 90, beta: float = 1.0) -> float:
    """FLOPs of Table II.

    Args:
        detector: "zf", "mmse", "ml" (|S| = 2), "sdr" (one iteration), "detnet" or "wesnet", at
            Nr = 2Nt.
        nt: Nt.
        layers: of a network.
        beta: share of the weights that a network keeps.
    """
    if detector == "zf":
        return 56 / 3 * nt**3 + 38 * nt**2 + 28 / 3 * nt
    if detector == "mmse":
        return 56 / 3 * nt**3 + 40 * nt**2 + 34 / 3 * nt + 1
    if detector == "ml":
        return 2.0**nt * (8 * nt**2 + 8 * nt - 2)
    if detector == "sdr":
        return 13.0 * nt**3 + 25 * nt**2 + 17 * nt + 4
    if detector == "detnet":
        return nt * (128.0 * nt - 2) * layers
    return (beta * nt * (128 * nt + 5) + 9 * nt) * layers


def linear_flops(nt: int) -> float:
    """ZF of Nt complex symbols as a real system of n = 2 Nt unknowns, Nr = 2 Nt, by Table I.

    A Gram matrix, its Cholesky factor (n^3/3 + n^2/2), H^T y and two triangular solves of n^2.
    """
    n, m = 2 * nt, 4 * nt
    return table_i("gram", m, n) + n**3 / 3 + n**2 / 2 + table_i("matrix-vector", n, m) + 2 * n**2


def search_flops(nt: int) -> float:
    """Every BPSK vector's ||y - H s||^2 over 2 Nr = 4 Nt real rows: product, difference, norm."""
    rows = 4 * nt
    each = table_i("matrix-vector", rows, nt) + rows + table_i("inner", rows)
    return 2.0**nt * each


def network(nt: int, layers: int, width: float = 1.0, name: str = "wesnet") -> FullyConnected:
    """The paper's network: soft sign, ReLU, half-exponential profile on hidden units.

    Args:
        nt: Nt.
        layers: how many.
        width: share of the hidden units; "detnet" has them all.
        name: "wesnet", "l-wesnet" or "detnet".
    """
    options = {} if name == "detnet" else {"width": width}
    detector = make_detector(name, "bpsk", num_tx_ant=nt, num_layers=layers, **options)
    assert isinstance(detector, FullyConnected)
    return detector


def product_flops(shape: Shape, layers: int) -> int:
    """The three products of a layer as Table I counts them.

    Biases and H^T H s are left out, as in Table II.
    """
    return layers * (
        table_i("matrix-vector", shape.hidden, shape.inputs)
        + table_i("matrix-vector", shape.outputs, shape.hidden)
        + table_i("matrix-vector", shape.state, shape.fed)
    )


def counted_flops(shape: Shape, layers: int) -> int:
    """The products, and one FLOP an activation: 9 Nt of a full layer."""
    return product_flops(shape, layers) + (shape.hidden + shape.outputs) * layers


def paper_parameters(nt: int, layers: int, width: float = 1.0) -> int:
    """Weights, biases and one slope a layer, counted on the network itself."""
    return network(nt, layers, width).num_parameters()
