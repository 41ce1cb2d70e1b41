"""What the batteries of detectors run over: contract rows, shipped weights, draws of their size."""

import contextlib

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import Detection
from mimolearn.detectors import Detector, make_detector
from mimolearn.zoo import card, load, zoo_names

from .contract.table import CONTRACT, Draw, Row, draw

# One constellation a row is enough: what is looked for does not depend on its size.
ROWS = [(row, row.constellations[-1]) for row in CONTRACT if not row.name.startswith("sionna")]

# One detector for each way to prepare and detect: kernels of each family, searches in double
# precision, wrappers, networks, training inside ``prepare``.
WAYS = ["mrc", "lmmse", "cg", "gauss-seidel", "mmse-sic", "ml", "k-best", "soft-sphere", "sdr"]
WAYS += ["ep", "oamp", "las", "guarded", "lcgnet-v", "deep-cg-online", "tap-net", "detnet"]
WAYS += ["nn-det", "eq-net"]

CARDS = {name: card(name) for name in zoo_names() if card(name).kind == "detector"}
OF_NETWORK = {row.name: row for row in CONTRACT}
SHIPPED = [
    (
        Row(
            name,
            differentiable=OF_NETWORK[card.network].differentiable,
            llr_tol=OF_NETWORK[card.network].llr_tol,
        ),
        card.constellation,
    )
    for name, card in CARDS.items()
]
Case = tuple[Row, str]


def quick_rows() -> list[Case]:
    """A row of each way."""
    first = {row.name: (row, name) for row, name in reversed(ROWS)}
    return [first[name] for name in WAYS]


def quick_shipped() -> list[Case]:
    """The smallest weights of each network."""
    smallest = sorted(SHIPPED, key=lambda case: -sum(size(case)))
    return list({CARDS[case[0].name].network: case for case in smallest}.values())


def case_id(case: Case) -> str:
    row, name = case
    return "-".join([row.name, *(f"{k}={v}" for k, v in row.options.items()), name])


def size(case: Case) -> tuple[int, int]:
    """(Nr, Nt): those that shipped weights were trained for."""
    if case[0].name not in CARDS:
        return 6, 3
    link = CARDS[case[0].name].recipe["scenario"]
    return link["num_rx_ant"], link["num_tx_ant"]


def drawn(
    case: Case,
    dtype: torch.dtype = torch.complex64,
    batch: tuple[int, ...] = (3,),
    num_vectors: int = 4,
    constellation: Constellation | None = None,
) -> Draw:
    """y, h, noise_var and indices of a case."""
    points = Constellation(case[1]) if constellation is None else constellation
    return draw(points, batch, num_vectors, size(case), dtype=dtype)


def build(case: Case, constellation: Constellation | None = None) -> Detector:
    row, name = case
    if row.name in CARDS:
        return load(row.name, constellation)
    points = name if constellation is None else constellation
    return make_detector(row.name, points, **row.options).requires_grad_(False)


def answers(detection: Detection) -> tuple[Tensor, ...]:
    """All that a detection says."""
    found = [detection.indices(), detection.bits(), detection.finite(), detection.soft_symbols()]
    with contextlib.suppress(TypeError):
        found.append(detection.llr())
    return tuple(found)


def assert_equal(found: Detection, expected: Detection, tol: float = 0.0) -> None:
    for mine, other in zip(answers(found), answers(expected), strict=True):
        assert mine.dtype == other.dtype
        torch.testing.assert_close(mine, other, rtol=tol, atol=tol)


class Answer(torch.nn.Module):
    """A user's own module around a detector."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, y: Tensor, h: Tensor, noise_var: Tensor) -> tuple[Tensor, ...]:
        return answers(self.detector(y, h, noise_var))
