"""Figure 6: learning rates in training."""

from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.mser.setting import PAPER
from mimolearn.papers.mser.small import trained_small, training_table
from mimolearn.papers.panels import Table, TablePanel

_RATES = (0.005, 0.02, 0.08)


def _table() -> Table:
    losses = {f"rate {r:g}": trained_small(20, 500, r, 5) for r in _RATES}
    return training_table("learning rate", losses)


EXPERIMENT = Experiment(
    name="mser/fig6",
    paper=PAPER,
    title="Training with several learning rates (Fig. 6)",
    shows="A larger step converges in fewer iterations, at a higher residual error rate.",
    panels=(TablePanel("rates", "Validation loss over steps", _table),),
    statements=(
        Statement(
            "After 10 steps the largest rate is ahead of the smallest",
            "section VI-B",
            within(
                lambda f: f.value("rates", "rate 0.08 first").minus(
                    f.value("rates", "rate 0.005 first")
                ),
                at_most=0.0,
                words="ln of the loss, 0.08 less 0.005: ",
            ),
        ),
        Statement(
            "At the end the largest rate has a higher loss than 0.02",
            "section VI-B",
            within(
                lambda f: f.value("rates", "rate 0.08 last").minus(
                    f.value("rates", "rate 0.02 last")
                ),
                at_least=0.0,
                words="ln of the loss, 0.08 less 0.02: ",
            ),
        ),
    ),
    notes=("All rates fall on half a cosine here; the paper halves its own every 10 steps.",),
)
