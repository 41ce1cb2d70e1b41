"""Figure 7: numbers of layers."""

from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.mser.setting import PAPER
from mimolearn.papers.mser.small import trained_small, training_table
from mimolearn.papers.panels import Table, TablePanel

_LAYERS = (2, 5, 8, 12)


def _table() -> Table:
    losses = {f"{n} layers": trained_small(20, 500, 0.04, n) for n in _LAYERS}
    return training_table("layers", losses)


EXPERIMENT = Experiment(
    name="mser/fig7",
    paper=PAPER,
    title="Training with several numbers of layers (Fig. 7)",
    shows="More layers lower the error rate down to a bound; beyond 18 it rises again.",
    panels=(TablePanel("layers", "Validation loss over steps", _table),),
    statements=(
        Statement(
            "5 layers end below 2",
            "section VI-B",
            within(
                lambda f: f.value("layers", "5 layers last").minus(
                    f.value("layers", "2 layers last")
                ),
                at_most=0.0,
                words="ln of the loss, 5 less 2: ",
            ),
        ),
        Statement(
            "12 layers end below 5",
            "section VI-B",
            within(
                lambda f: f.value("layers", "12 layers last").minus(
                    f.value("layers", "5 layers last")
                ),
                at_most=0.0,
                words="ln of the loss, 12 less 5: ",
            ),
        ),
    ),
    notes=("The best iterate over layers is kept, so that more layers cannot harm by themselves.",),
)
