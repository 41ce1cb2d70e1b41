"""Figure 9: 10 x 10 against exact ML."""

from mimolearn.papers.experiment import Experiment, Statement, contradicted, within
from mimolearn.papers.lcgnet.setting import LINEAR, PAPER, rayleigh, trained_here
from mimolearn.papers.panels import Effort, ErrorRatePanel
from mimolearn.training import Stage

_SCENARIO = rayleigh(10, 10, "bpsk")

EXPERIMENT = Experiment(
    name="lcgnet/fig9",
    paper=PAPER,
    title="BER at 10 x 10, BPSK, against exact ML",
    shows="LcgNetV lies far below LMMSE and some way above ML.",
    panels=(
        ErrorRatePanel(
            name="10x10",
            title="10 x 10 BPSK",
            scenario=_SCENARIO,
            contenders=(
                "zf",
                "lmmse",
                "wl-lmmse",
                "wl-cg:num_iter=10,label=wl-cg",
                trained_here(
                    "lcgnet-v",
                    "lcgnet-v-10x10-bpsk",
                    _SCENARIO,
                    (0.0, 16.0),
                    stage=Stage(steps=800, learning_rate=0.02),
                ),
                "ml",
                "sphere",
            ),
            snr_db=(0, 2, 4, 6, 8, 10, 12, 14, 16),
            quick_snr_db=(6, 10),
            target=1e-3,
            vectors=Effort(2_048, 120_000, 2_000_000),
        ),
    ),
    statements=(
        Statement(
            "LcgNetV outperforms LMMSE greatly (taken as 3 dB at BER 1e-2)",
            "section V-B1",
            within(lambda f: f.gap("10x10", "lmmse", "lcgnet-v", 1e-2), at_least=3.0),
        ),
        Statement(
            "Some gap to ML remains",
            "section V-B1",
            within(lambda f: f.gap("10x10", "lcgnet-v", "ml", 1e-2), at_least=0.3),
        ),
        Statement(
            "The gain over LMMSE comes from non-linearity that LcgNetV introduces",
            "section V-B1",
            contradicted(
                within(
                    lambda f: f.gap("10x10", "wl-lmmse", "lcgnet-v", 1e-2),
                    at_most=0.1,
                    words="lcgnet-v ahead of wl-lmmse: ",
                ),
                LINEAR,
            ),
        ),
        Statement(
            "A sphere decoder is exact: it decides as exhaustive ML does",
            "check",
            within(
                lambda f: f.unlike("10x10", "sphere", "ml", 6), at_most=0, words="wrong in one: "
            ),
            of="library",
        ),
    ),
)
