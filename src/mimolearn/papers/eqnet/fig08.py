"""Figure 8: soft-bit estimation at 2x2 64-QAM, with fresh and with reused channels."""

from mimolearn.papers.contenders import Network
from mimolearn.papers.eqnet.setting import (
    AXES,
    ERRORS,
    MISSING_LMMSE,
    PAPER,
    REUSED,
    SIC,
    SMALL,
    TRAINED_SHORTLY,
    TUNED_SIC_SMALL,
    VECTORS,
    fewer_errors,
    no_better_rival,
)
from mimolearn.papers.experiment import Experiment, Statement, contradicted, within
from mimolearn.papers.panels import ErrorRatePanel

_TARGET = 1e-2
_RECEIVERS = (
    "ml",
    Network("eq-net", "eq-net-estimator-2x2-64qam"),
    Network("nn-det", "nn-det-2x2-64qam"),
    Network("oamp-net2", "oamp-net2-2x2-64qam"),
    "soft-sphere",
    "lmmse",
    "ep",
    SIC,
    TUNED_SIC_SMALL,
    "zf-sic",
)

EXPERIMENT = Experiment(
    name="eqnet/fig8",
    paper=PAPER,
    title="Soft-bit estimation at 2 x 2 64-QAM",
    shows="EQ-Net beats both interference cancellers and leaves a gap to the sphere decoder.",
    panels=(
        ErrorRatePanel(
            name="independent",
            title="2 x 2 64-QAM, a fresh channel every use",
            scenario=SMALL,
            contenders=_RECEIVERS,
            snr_db=(12.5, 13, 13.5, 14, 14.5, 15, 16, 18, 20),
            quick_snr_db=(13.5, 14, 14.5, 16),
            metric="bler",
            target=_TARGET,
            vectors=VECTORS,
            min_errors=ERRORS,
        ),
        ErrorRatePanel(
            name="reused",
            title="2 x 2 64-QAM, one channel for six uses",
            scenario=REUSED,
            contenders=_RECEIVERS,
            snr_db=(13, 14, 15, 16, 17, 18, 20),
            quick_snr_db=(15, 16, 17),
            metric="bler",
            target=_TARGET,
            vectors=VECTORS,
            min_errors=ERRORS,
        ),
    ),
    statements=(
        Statement(
            "EQ-Net is better than MMSE-SIC",
            "section 3.3",
            fewer_errors("independent", 14.5, "mmse-sic", "eq-net"),
        ),
        *(
            Statement(
                f"EQ-Net is as good as {other}, or better",
                "section 3.3",
                no_better_rival("independent", 14.5, other),
            )
            for other in ("nn-det", "oamp-net2")
        ),
        Statement(
            "Interference cancellation is the classical method to beat",
            "section 3.3",
            contradicted(
                within(
                    lambda f: f.gap("independent", "mmse-sic", "lmmse", _TARGET),
                    at_least=1.0,
                    words="mmse-sic to lmmse: ",
                ),
                MISSING_LMMSE,
            ),
        ),
        Statement(
            "EQ-Net is 0.3 dB better than LMMSE",
            "target",
            within(lambda f: f.gap("independent", "lmmse", "eq-net", _TARGET), at_least=0.3),
            of="library",
        ),
        Statement(
            "EQ-Net is within 0.1 dB of ML",
            "target",
            within(lambda f: f.gap("independent", "eq-net", "ml", _TARGET), at_most=0.1),
            of="library",
        ),
        Statement(
            "With one channel for six uses EQ-Net, trained on fresh ones, is within 0.15 dB of ML",
            "target",
            within(lambda f: f.gap("reused", "eq-net", "ml", _TARGET), at_most=0.15),
            of="library",
        ),
    ),
    notes=(AXES, MISSING_LMMSE, TRAINED_SHORTLY),
)
