"""Figure 12: estimators of one channel model on another."""

from mimolearn.papers.contenders import Network
from mimolearn.papers.eqnet.setting import (
    AXES,
    CDL_A,
    MISSING_LMMSE,
    PAPER,
    SIC,
    TARGET,
    TUNED_SIC_SMALL,
    blocks,
    fewer_errors,
    no_better_rival,
)
from mimolearn.papers.experiment import Experiment, Statement, within

_PANEL = "cdl-a"
# The highest SNR at which EQ-Net is simulated: there it made no error in thousands of blocks.
_HIGH_DB = 18.0


EXPERIMENT = Experiment(
    name="eqnet/fig12",
    paper=PAPER,
    title="Estimators trained on Rayleigh channels, on CDL-A",
    shows="EQ-Net is more robust than NN-Det; at high SNR both cancellers are better.",
    panels=(
        blocks(
            _PANEL,
            "2 x 2 64-QAM, CDL-A, one channel for six uses",
            CDL_A,
            (
                "ml",
                Network("eq-net", "eq-net-estimator-2x2-64qam"),
                Network("nn-det", "nn-det-2x2-64qam"),
                Network("oamp-net2", "oamp-net2-2x2-64qam"),
                "lmmse",
                "ep",
                SIC,
                TUNED_SIC_SMALL,
                "zf-sic",
            ),
            (12, 13, 14, 15, 16, _HIGH_DB, 20),
            (14, 15, 16, _HIGH_DB),
        ),
    ),
    statements=(
        Statement(
            "EQ-Net is more robust than NN-Det",
            "section 3.6",
            no_better_rival(_PANEL, 16, "nn-det"),
        ),
        Statement(
            "At high SNR (the paper: 20 dB, here 18) MMSE-SIC surpasses EQ-Net",
            "section 3.6",
            fewer_errors(_PANEL, _HIGH_DB, "eq-net", "mmse-sic"),
        ),
        Statement(
            "EQ-Net, trained on Rayleigh channels, is within 0.3 dB of ML",
            "target",
            within(lambda f: f.gap(_PANEL, "eq-net", "ml", TARGET), at_most=0.3),
            of="library",
        ),
        Statement(
            "EQ-Net is better than LMMSE on CDL-A too",
            "target",
            within(lambda f: f.gap(_PANEL, "lmmse", "eq-net", TARGET), at_least=0.0),
            of="library",
        ),
    ),
    notes=(
        AXES,
        MISSING_LMMSE,
        "Each channel of CDL-A has unit mean power over its entries, as in the authors' code; "
        "elements are four wavelengths apart.",
    ),
)
