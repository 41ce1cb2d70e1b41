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


def table_ii(detector: str, nt: int, layers: int = 90, beta: float = 1.0) -> float:
    """FLOPs of Table II.

    Args:
        detector: "zf", "mmse", "detnet" or "wesnet", at Nr = 2Nt.
        nt: Nt.
        layers: of a network.
        beta: share of the weights that a network keeps.
    """
    if detector == "zf":
        return 56 / 3 * nt**3 + 38 * nt**2 + 28 / 3 * nt
    if detector == "mmse":
        return 56 / 3 * nt**3 + 40 * nt**2 + 34 / 3 * nt + 1
    if detector == "detnet":
        return nt * (128 * nt - 2) * layers
    return (beta * nt * (128 * nt + 5) + 9 * nt) * layers


def network(nt: int, layers: int, width: float = 1.0) -> FullyConnected:
    """The paper's network: soft sign, ReLU, half-exponential profile on hidden units."""
    detector = make_detector("wesnet", "bpsk", num_tx_ant=nt, num_layers=layers, width=width)
    assert isinstance(detector, FullyConnected)
    return detector


def counted_flops(shape: Shape, layers: int) -> int:
    """Three products as Table I counts them, and one FLOP an activation: 9 Nt of a full layer.

    Biases and H^T H s are left out, as in Table II.
    """
    products = (
        table_i("matrix-vector", shape.hidden, shape.inputs)
        + table_i("matrix-vector", shape.outputs, shape.hidden)
        + table_i("matrix-vector", shape.state, shape.fed)
    )
    return (products + shape.hidden + shape.outputs) * layers


def paper_parameters(nt: int, layers: int, width: float = 1.0) -> int:
    """Weights, biases and one slope a layer, counted on the network itself."""
    return network(nt, layers, width).num_parameters()
