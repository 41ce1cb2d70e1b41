"""Figure 11: quantisers of one channel model on another."""

from mimolearn.papers.contenders import Quantized
from mimolearn.papers.eqnet.setting import AXES, CDL_A, PAPER, TARGET, blocks, recipe
from mimolearn.papers.experiment import Experiment, Statement, contradicted, within

_PANEL = "cdl-a"
_SIZE = "2x2-64qam"


def _fitted_there(scheme: str) -> Quantized:
    """The quantiser fitted to CDL-A, at the SNRs of its waterfall."""
    base, name = f"{scheme}-{_SIZE}-36", f"{scheme}-{_SIZE}-36-cdl-a"
    snr = {"low_db": 11.0, "high_db": 17.0, "levels_db": ()}
    made = recipe(base, name, scenario=CDL_A, snr=snr, uses=30_000)
    return Quantized(f"{scheme} 36 (CDL-A)", name, recipe=made)


EXPERIMENT = Experiment(
    name="eqnet/fig11",
    paper=PAPER,
    title="Quantisers of Rayleigh channels on CDL-A",
    shows="Trained on Rayleigh fading, EQ-Net quantises CDL-A soft bits without an error floor.",
    panels=(
        blocks(
            _PANEL,
            "2 x 2 64-QAM, CDL-A, 36 bits a use, one channel for six uses",
            CDL_A,
            (
                "ml",
                *(
                    Quantized(f"{scheme} 36 (Rayleigh)", f"{scheme}-{_SIZE}-36")
                    for scheme in ("eq-net", "max-mi", "deep-llr")
                ),
                _fitted_there("eq-net"),
                _fitted_there("max-mi"),
            ),
            (12, 13, 13.5, 14, 14.5, 15, 16, 18),
            (13.5, 14, 14.5, 15),
        ),
    ),
    statements=(
        Statement(
            "Trained on Rayleigh channels, EQ-Net is within 0.1 dB of what CDL-A trains",
            "section 3.6",
            within(
                lambda f: f.gap(_PANEL, "eq-net 36 (Rayleigh)", "eq-net 36 (CDL-A)", TARGET),
                at_most=0.1,
            ),
        ),
        Statement(
            "Even trained there EQ-Net is 1 dB from ML",
            "section 3.6",
            contradicted(
                within(
                    lambda f: f.gap(_PANEL, "eq-net 36 (CDL-A)", "ml", TARGET),
                    at_most=0.5,
                ),
                "The gap is that of the paper's networks and loss, not of quantising to 36 bits.",
            ),
        ),
        Statement(
            "There is no floor: of what ML needs at 1e-2 EQ-Net lacks less than 0.2 dB",
            "section 3.6",
            within(lambda f: f.gap(_PANEL, "eq-net 36 (Rayleigh)", "ml", TARGET), at_most=0.2),
        ),
        Statement(
            "Of those fitted to Rayleigh channels EQ-Net is the best",
            "target",
            within(
                lambda f: f.gap(_PANEL, "max-mi 36 (Rayleigh)", "eq-net 36 (Rayleigh)", TARGET),
                at_least=0.0,
            ),
            of="library",
        ),
    ),
    notes=(
        AXES,
        "Each channel of CDL-A has unit mean power over its entries, as in the authors' code; "
        "elements are four wavelengths apart.",
    ),
)
