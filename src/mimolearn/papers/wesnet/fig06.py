"""Figure 6: BER over the percentage of weights."""

from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.panels import Effort
from mimolearn.papers.wesnet.setting import DETNET, NOTES, PAPER, rates, slim, variant, wesnet

_PANEL = "rates"

EXPERIMENT = Experiment(
    name="wesnet/fig6",
    paper=PAPER,
    title="BER over the percentage of weights at 12 and 14 dB",
    shows="BER falls with the percentage and saturates at 50 to 60 %.",
    panels=(
        rates(
            _PANEL,
            "Networks of each percentage, and one slimmable network",
            (
                DETNET,
                *(wesnet(percent) for percent in (10, 20, 30, 50)),
                variant("WeSNet-L-20", "wesnet-30x60-bpsk-20-linear", width=0.2, profile="linear"),
                variant("WeSNet-L-50", "wesnet-30x60-bpsk-50-linear", width=0.5, profile="linear"),
                slim("slim-20", 0.2),
                slim("slim-50", 0.5),
                slim("slim-100", 1.0),
            ),
            (9, 10, 10.5, 11, 12, 14),
            1e-5,
            Effort(1_000, 120_000, 1_000_000),
        ),
    ),
    statements=(
        Statement(
            "More coefficients make detection more accurate: 10 % needs more SNR than 50 % at 1e-3",
            "section VI-C",
            within(lambda f: f.gap(_PANEL, "WeSNet-10", "WeSNet-50", 1e-3), at_least=0.0),
        ),
        Statement(
            "At 50 % the BER has saturated: the full network gains less than 0.1 dB at 1e-3",
            "section VI-C",
            within(lambda f: f.gap(_PANEL, "WeSNet-50", "DetNet", 1e-3), at_most=0.1),
        ),
        Statement(
            "The half-exponential profile is better than the linear one (at 50 %, BER 1e-3)",
            "section VI-C",
            within(lambda f: f.gap(_PANEL, "WeSNet-L-50", "WeSNet-50", 1e-3), at_least=0.0),
        ),
        *(
            Statement(
                f"One slimmable network at {percent} % is within 0.1 dB of the one trained so",
                "target",
                within(
                    lambda f, percent=percent, alone=alone: f.gap(
                        _PANEL, f"slim-{percent}", alone, 1e-3
                    ),
                    at_most=0.1,
                ),
                of="library",
            )
            for percent, alone in (
                (20, "WeSNet-20"),
                (50, "WeSNet-50"),
                (100, "DetNet"),
            )
        ),
    ),
    notes=(
        *NOTES,
        "The paper's 0.312 dB between the profiles at BER 1e-5 is asked for at BER 1e-3, which a "
        "run of minutes can count.",
    ),
)
