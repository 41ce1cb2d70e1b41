"""Section 4.5 and what the paper says of work elsewhere: operations, counted."""

from __future__ import annotations

from dataclasses import dataclass

from mimolearn.detectors import counting, make_detector
from mimolearn.papers.deepcg.table1 import LINK
from mimolearn.papers.panels import Table, TableRun
from mimolearn.papers.python_panel import python_panel

_USERS, _FRAME, _TRAINING, _LAYERS = 20, 1200 * 14, 100, 120


@dataclass
class Tally:
    """Real operations of what its methods stand for.

    Attributes:
        multiplications: so far.
        additions: so far.
        divisions: so far.
        products: of a matrix and a vector.
    """

    multiplications: int = 0
    additions: int = 0
    divisions: int = 0
    products: int = 0

    def matvec(self, n: int) -> None:
        """An n x n matrix times a vector."""
        self.multiplications += n * n
        self.additions += n * (n - 1)
        self.products += 1

    def inner(self, n: int) -> None:
        """An inner product."""
        self.multiplications += n
        self.additions += n - 1

    def update(self, n: int) -> None:
        """A vector plus a multiple of another."""
        self.multiplications += n
        self.additions += n

    def divide(self) -> None:
        """A division."""
        self.divisions += 1


def iteration(users: int, *, fixed: bool) -> Tally:
    """One iteration of Table 1 with its step 3.1; fixed steps save 3.2, 3.6 and a ratio of 3.7."""
    tally, n = Tally(), 2 * users
    tally.matvec(n)  # 3.1
    if not fixed:
        tally.inner(n)  # 3.2
        tally.divide()
    tally.update(n)  # 3.3
    tally.update(n)  # 3.4
    tally.matvec(n)  # 3.5
    if not fixed:
        tally.inner(n)  # 3.6
        tally.divide()
    tally.update(n)  # 3.7
    return tally


def layer_gradients(users: int) -> Tally:
    """Eqs 6 and 8 of a layer, with q and B p at hand; their scalars are left out."""
    tally = Tally()
    tally.inner(2 * users)
    tally.inner(2 * users)
    return tally


def _real(tally: Tally) -> int:
    return tally.multiplications + tally.additions


@python_panel(
    *(
        "saved multiplications",
        "saved divisions",
        "training",
        "forward",
        "own numbers",
        "printed factor",
    ),
    *("per iteration", "per frame", "training share", "overhead", "products"),
    *("quadratic", "detections", "cholesky", "cg table", "cg 3", "gram", "zf cubic", "parameters"),
)
def counts(_: TableRun) -> Table:
    """Operations of one iteration of the repaired Table 1, and over a frame."""
    k = _USERS
    exact, fixed = iteration(k, fixed=False), iteration(k, fixed=True)
    spent = layer_gradients(k)
    # One pass forward and its derivative backward, which takes each product twice more.
    learning = 3 * fixed.multiplications * _TRAINING
    whole = fixed.multiplications * _FRAME + learning
    cholesky = counting.cholesky(k) + 2 * counting.triangular_solve(k)
    cg = make_detector("cg", "64-qam", num_iter=3).cost(LINK.num_rx_ant, k)
    assert cg.per_vector is not None
    network = make_detector("deep-cg", "64-qam", num_layers=_LAYERS, learn_rho=True)
    values = {
        "saved multiplications": float(exact.multiplications - fixed.multiplications),
        "saved divisions": float(exact.divisions - fixed.divisions),
        "training": float(_real(spent)),
        "forward": float(_real(fixed)),
        "own numbers": 4 * k * _FRAME / (8 * k * _TRAINING),
        "printed factor": _FRAME / (8 * _TRAINING),
        "per iteration": exact.multiplications / fixed.multiplications,
        "per frame": exact.multiplications * _FRAME / whole,
        "training share": 100 * learning / (whole - learning),
        "overhead": 100 * _TRAINING / _FRAME,
        "products": float(exact.products),
        "quadratic": _real(iteration(2 * k, fixed=False)) / _real(exact),
        "detections": (2 * k) ** 2 / counting.matvec(k, k),
        "cholesky": float(cholesky),
        "cg table": float(_LAYERS * exact.multiplications),
        "cg 3": float(cg.per_vector - counting.matvec(LINK.num_rx_ant, k)),
        "gram": float(counting.gram(LINK.num_rx_ant, k)),
        "zf cubic": counting.hermitian_inverse(2 * k) / counting.hermitian_inverse(k),
        "parameters": float(sum(p.numel() for p in network.parameters())),
    }
    rows = (
        ("multiplications of an iteration", *_pair(exact.multiplications, fixed.multiplications)),
        ("additions", *_pair(exact.additions, fixed.additions)),
        ("divisions", *_pair(exact.divisions, fixed.divisions)),
        ("one pass of training, over a frame", "0", f"{learning:,}"),
        ("over a frame", *_pair(exact.multiplications * _FRAME, whole)),
        (
            f"{_LAYERS} iterations, a vector",
            *_pair(*(_LAYERS * t.multiplications for t in (exact, fixed))),
        ),
        ("a Cholesky solve, its factor included", f"{cholesky:,}", "-"),
        ("the Gram matrix, input of all", *_pair(*(int(values["gram"]),) * 2)),
    )
    note = f"K = {k} users, {_FRAME:,} symbols in a frame, {_TRAINING} of them for training."
    return Table(("quantity", "CG", "deep CG"), rows, values, note)


def _pair(first: int, second: int) -> tuple[str, str]:
    return f"{first:,}", f"{second:,}"


@python_panel("block", "symbols over block", "frame over theirs")
def frame(_: TableRun) -> Table:
    """A 20 MHz LTE frame: blocks of 12 subcarriers, 10 subframes of 14 OFDM symbols."""
    subcarriers, block, symbols, subframes = 1200, 12, 14, 10
    values = {
        "block": float(block),
        "symbols over block": _TRAINING / block,
        "frame over theirs": subcarriers * symbols * subframes / _FRAME,
    }
    rows = (
        ("resource elements of a block in one OFDM symbol", "about 100", f"{block}"),
        ("resource elements of a frame", f"{_FRAME:,}", f"{subcarriers * symbols * subframes:,}"),
    )
    return Table(("quantity", "the paper", "LTE"), rows, values)
