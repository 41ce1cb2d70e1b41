"""Figure 7: R-WeSNet with layers removed, L-WeSNet over layers."""

from mimolearn.papers.experiment import Experiment, Statement, contradicted, within
from mimolearn.papers.wesnet.setting import (
    DETNET,
    FULL,
    LAYERS,
    NOTES,
    PAPER,
    of_depth,
    rates,
    wesnet,
)

_DROPPED = (2, 4, 7, 9, 16)
_REGULARISED = "r-wesnet-30x60-bpsk"
_CONTROL = "r-wesnet-30x60-bpsk-control"

EXPERIMENT = Experiment(
    name="wesnet/fig7",
    paper=PAPER,
    title="Layers removed from R-WeSNet, and L-WeSNet of 5 to 60 layers",
    shows="20 to 30 of 90 layers may be removed; L-WeSNet saturates from 20 layers on.",
    panels=(
        rates(
            "removed",
            "The last layers removed: regularised, its control, and the plain network",
            (
                DETNET,
                *(wesnet(percent) for percent in (20, 50)),
                *(of_depth(f"R-{d}L", _REGULARISED, LAYERS - d) for d in _DROPPED),
                *(of_depth(f"control-{d}L", _CONTROL, LAYERS - d) for d in _DROPPED),
                *(of_depth(f"plain-{d}L", FULL, LAYERS - d) for d in _DROPPED),
                of_depth("R-first-4L", _REGULARISED, LAYERS - 4, first=True),
            ),
            (8, 9, 10, 11, 12, 13),
        ),
        rates(
            "depth",
            "The first layers of L-WeSNet-50",
            tuple(
                of_depth(f"L-WeSNet-50 of {layers}", "l-wesnet-30x60-bpsk-50", layers)
                for layers in (5, 8, 12, 16, 20)
            ),
            (8, 9, 10, 11, 12, 13),
        ),
    ),
    statements=(
        Statement(
            "A fifth to a third of the layers may be removed at little loss (4 of 20: 0.3 dB)",
            "section VI-D",
            within(lambda f: f.gap("removed", "R-4L", "DetNet"), at_most=0.3),
        ),
        Statement(
            "It is the penalty that makes layers removable",
            "section IV",
            contradicted(
                within(lambda f: f.gap("removed", "control-4L", "R-4L"), at_most=0.1),
                "The same network trained on without the penalty (lambda = 0) loses no more: "
                "every layer is trained to detect, so that any prefix does. The penalty's pull on "
                "a weight is 1 / S, S some thousands.",
            ),
        ),
        Statement(
            "Removing most layers costs much (16 of 20: more than 1 dB at 1e-2)",
            "section VI-D",
            within(lambda f: f.gap("removed", "R-16L", "DetNet", 1e-2), at_least=1.0),
        ),
        Statement(
            "It matters which end is dropped: the first 4 cost 0.3 dB more than the last (1e-2)",
            "check",
            within(lambda f: f.gap("removed", "R-first-4L", "R-4L", 1e-2), at_least=0.3),
            of="library",
        ),
        Statement(
            "Accuracy grows with the layers of L-WeSNet (12 need less than 5 by 0.5 dB at 1e-2)",
            "section VI-E",
            within(
                lambda f: f.gap("depth", "L-WeSNet-50 of 5", "L-WeSNet-50 of 12", 1e-2),
                at_least=0.5,
            ),
        ),
        Statement(
            "It is consistent from some depth on (16 to 20 layers: 0.1 dB)",
            "section VI-E",
            within(lambda f: f.gap("depth", "L-WeSNet-50 of 16", "L-WeSNet-50 of 20"), at_most=0.1),
        ),
    ),
    notes=(
        *NOTES,
        "Of 20 layers 2, 4, 7, 9 and 16 are removed, the shares of the paper's 10, 20, 30, 40 and "
        "70 of 90. R-WeSNet and its control go on from the trained DetNet (a profile of ones), "
        "with and without the penalty.",
        "L-WeSNet of fewer layers is the prefix of one network, of which every layer is trained.",
    ),
)
