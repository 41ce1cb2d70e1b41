"""Section 4.5: the factor of 21."""

from mimolearn.papers.deepcg.setting import PAPER
from mimolearn.papers.experiment import Experiment, Statement, contradicted, within
from mimolearn.papers.panels import Table, TablePanel

_USERS, _FRAME, _TRAINING = 20, 1200 * 14, 100


def _table() -> Table:
    """Real multiplications of one iteration of the repaired Table 1, over a frame."""
    size = 2 * _USERS
    products = 2 * size**2  # q = A p and x = A r
    updates = 3 * size  # s, r and p
    inner = 2 * size  # |q|^2 and |x|^2, which fixed steps save: the paper's 4K
    exact, fixed = products + updates + inner, products + updates
    # One pass forward and its derivative backward, which takes each product twice more.
    training = 3 * fixed * _TRAINING
    values = {
        "claimed": _FRAME / (8 * _TRAINING),
        "per iteration": exact / fixed,
        "per frame": exact * _FRAME / (fixed * _FRAME + training),
    }
    rows = (
        ("matrix products", f"{products:,}", f"{products:,}"),
        ("updates of s, r and p", f"{updates:,}", f"{updates:,}"),
        ("inner products", f"{inner:,}", "0"),
        ("together", f"{exact:,}", f"{fixed:,}"),
        ("one pass of training, over a frame", "0", f"{training:,}"),
        ("over a frame", f"{exact * _FRAME:,}", f"{fixed * _FRAME + training:,}"),
    )
    note = f"K = {_USERS} users, {_FRAME:,} symbols in a frame, {_TRAINING} of them for training."
    return Table(("one layer", "CG", "deep CG"), rows, values, note)


EXPERIMENT = Experiment(
    name="deep-cg/complexity",
    paper=PAPER,
    title="Complexity of a frame (section 4.5)",
    shows="Fixed steps make deep CG 21 times less complex than CG.",
    panels=(TablePanel("counts", "Real multiplications", _table),),
    statements=(
        Statement(
            "N_frame / (8 N_train) is 21",
            "section 4.5",
            within(lambda f: f.value("counts", "claimed"), at_least=21, at_most=21),
        ),
        Statement(
            "Deep CG reduces the complexity by that factor",
            "section 4.5",
            contradicted(
                within(
                    lambda f: f.value("counts", "per iteration"),
                    at_most=1.1,
                    words="CG over deep CG, all multiplications, without training: ",
                ),
                "The factor counts inner products only, 4K of an iteration, against their like in "
                "training; both methods spend 2 (2K)^2 multiplications on matrix products, and "
                "training more than that on each of its passes.",
            ),
        ),
    ),
)
