"""Figure 5: batch sizes in training."""

from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.mser.setting import PAPER
from mimolearn.papers.mser.small import trained_small, training_table
from mimolearn.papers.panels import Table, TablePanel

_BATCHES = (5, 20, 50)


def _table() -> Table:
    losses = {f"batch {b}": trained_small(b, 500, 0.04, 5) for b in _BATCHES}
    return training_table("batch size", losses)


EXPERIMENT = Experiment(
    name="mser/fig5",
    paper=PAPER,
    title="Training with several batch sizes (Fig. 5)",
    shows="A smaller batch converges faster and lower; a larger one fluctuates less.",
    panels=(TablePanel("batches", "Validation loss over steps", _table),),
    statements=(
        Statement(
            "A batch of 5 ends lower than one of 50",
            "section VI-B",
            within(
                lambda f: f.value("batches", "batch 5 last").minus(
                    f.value("batches", "batch 50 last")
                ),
                at_most=0.0,
                words="ln of the loss, 5 less 50: ",
            ),
        ),
        Statement(
            "The paper's batch of 20 is within 5 % of the best",
            "section VI-B",
            within(
                lambda f: f.value("batches", "batch 20 last").minus(
                    f.value("batches", "batch 50 last")
                ),
                at_most=0.05,
            ),
        ),
    ),
    notes=("Steps are counted, not channels: a larger batch sees more of them.",),
)
