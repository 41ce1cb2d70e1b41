"""Figure 9: L-WeSNet against WeSNet, DetNet and ML."""

from mimolearn.papers.experiment import Experiment, Statement, contradicted, within
from mimolearn.papers.panels import Effort
from mimolearn.papers.wesnet.setting import DETNET, NARROW, NOTES, PAPER, l_wesnet, rates, wesnet

_PANEL = "rates"
_FOLDS = (
    "A learned profile is a factor on columns of W2 and W3: what L-WeSNet can compute, WeSNet can."
)


def _claimed(worse: str, better: str, gain: float) -> Statement:
    return Statement(
        f"At BER 1e-3 {better} outperforms {worse} by {gain:g} dB",
        "section VI-E",
        contradicted(
            within(lambda f: f.gap(_PANEL, worse, better, 1e-3), at_most=gain - 0.05),
            (NARROW if worse == "DetNet" else _FOLDS)
            + " From common draws, both trained alike, the gain is not there.",
        ),
    )


EXPERIMENT = Experiment(
    name="wesnet/fig9",
    paper=PAPER,
    title="L-WeSNet against WeSNet, DetNet and ML",
    shows="Learned profiles gain 0.2 dB over fixed ones.",
    panels=(
        rates(
            _PANEL,
            "Learned and fixed profiles",
            (DETNET, wesnet(20), wesnet(50), l_wesnet(20), l_wesnet(50)),
            (9, 10, 10.5, 11, 11.5, 12),
            1e-3,
            Effort(1_000, 24_000, 1_000_000),
        ),
    ),
    statements=(
        Statement(
            "At BER 1e-3 L-WeSNet-20 outperforms WeSNet-20 by 0.19 dB (within 0.1 dB)",
            "section VI-E",
            within(
                lambda f: f.gap(_PANEL, "WeSNet-20", "L-WeSNet-20", 1e-3),
                at_least=0.09,
                at_most=0.29,
                words="a learned factor a unit speeds training up: ",
            ),
        ),
        _claimed("DetNet", "L-WeSNet-20", 0.19),
        _claimed("WeSNet-50", "L-WeSNet-50", 0.22),
        _claimed("DetNet", "L-WeSNet-50", 0.69),
        Statement(
            "L-WeSNet-50 is as accurate as DetNet (0.1 dB at BER 1e-3)",
            "section VI-E",
            within(lambda f: f.gap(_PANEL, "L-WeSNet-50", "DetNet", 1e-3), at_most=0.1),
        ),
    ),
    notes=(
        *NOTES,
        "A learned profile adds nothing that a network could not compute without it; what it gains "
        "is a matter of training. One seed each: intervals are those of the error counts.",
    ),
)
