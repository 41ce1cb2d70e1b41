"""Figure 7: soft-bit estimation at 4x4 16-QAM."""

from mimolearn.papers.contenders import Network
from mimolearn.papers.eqnet.setting import (
    AXES,
    ERRORS,
    LARGE,
    MISSING_LMMSE,
    PAPER,
    SIC,
    TRAINED_SHORTLY,
    TUNED_SIC,
    VECTORS,
    fewer_errors,
    no_better_rival,
)
from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.findings import Findings
from mimolearn.papers.panels import ErrorRatePanel
from mimolearn.papers.verdict import Measured

_TARGET = 1e-2


def _beyond_three_quarters(findings: Findings) -> Measured:
    """Gain over LMMSE less three times what is left to ML: 0 where 3/4 of the gap are closed."""
    left = findings.gap("4x4", "eq-net", "ml", _TARGET)
    thrice = Measured(3 * left.value, 3 * left.low, 3 * left.high, left.unit)
    return findings.gap("4x4", "lmmse", "eq-net", _TARGET).minus(thrice)


EXPERIMENT = Experiment(
    name="eqnet/fig7",
    paper=PAPER,
    title="Soft-bit estimation at 4 x 4 16-QAM",
    shows="EQ-Net beats both interference cancellers and leaves a gap to the sphere decoder.",
    panels=(
        ErrorRatePanel(
            name="4x4",
            title="4 x 4 16-QAM, a fresh channel every use",
            scenario=LARGE,
            contenders=(
                "ml",
                Network("eq-net", "eq-net-estimator-4x4-16qam"),
                Network("tap-net", "tap-net-any"),
                Network("nn-det", "nn-det-4x4-16qam"),
                Network("oamp-net2", "oamp-net2-4x4-16qam"),
                "soft-sphere",
                "ep",
                "oamp",
                "lmmse",
                SIC,
                TUNED_SIC,
                "zf-sic",
            ),
            snr_db=(5.5, 6, 6.5, 7, 7.5, 8, 8.5, 10, 12),
            quick_snr_db=(6.5, 7, 7.5, 8),
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
            fewer_errors("4x4", 7.5, "mmse-sic", "eq-net"),
        ),
        *(
            Statement(
                f"EQ-Net is as good as {other}, or better",
                "section 3.3",
                no_better_rival("4x4", 7.5, other),
            )
            for other in ("nn-det", "oamp-net2")
        ),
        Statement(
            "EQ-Net closes three quarters of the gap from LMMSE to ML",
            "target",
            within(_beyond_three_quarters, at_least=0.0),
            of="library",
        ),
    ),
    notes=(AXES, MISSING_LMMSE, TRAINED_SHORTLY),
)
