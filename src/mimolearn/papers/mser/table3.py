"""Table III: numbers of training channels."""

from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.mser.setting import PAPER
from mimolearn.papers.mser.small import trained_small, training_table
from mimolearn.papers.panels import Table, TablePanel

_BANKS = (20, 100, 500)


def _table() -> Table:
    losses = {f"{n} channels": trained_small(20, n, 0.04, 5) for n in _BANKS}
    return training_table("training channels", losses)


EXPERIMENT = Experiment(
    name="mser/table3",
    paper=PAPER,
    title="Training channels (Table III)",
    shows="The unfolded network gains 3 % from 100 to 500 channels and nothing beyond 700.",
    panels=(TablePanel("channels", "Validation loss over steps", _table),),
    statements=(
        Statement(
            "100 channels are within 6 % of 500",
            "Table III",
            within(
                lambda f: f.value("channels", "100 channels last").minus(
                    f.value("channels", "500 channels last")
                ),
                at_most=0.06,
                words="ln of the loss, 100 less 500: ",
            ),
        ),
        Statement(
            "20 channels do not suffice (3 % worse than 500)",
            "check",
            within(
                lambda f: f.value("channels", "20 channels last").minus(
                    f.value("channels", "500 channels last")
                ),
                at_least=0.03,
            ),
            of="library",
        ),
    ),
    notes=("The CNN's rows, of up to 40,000 channels, are not run again.",),
)
