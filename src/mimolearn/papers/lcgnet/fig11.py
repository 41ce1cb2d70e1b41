"""Figure 11: QPSK and 16-QAM."""

from mimolearn.papers.experiment import Experiment, Statement, contradicted, within
from mimolearn.papers.lcgnet.setting import CG32, PAPER, READ_DB, networks, rayleigh
from mimolearn.papers.panels import Effort, ErrorRatePanel

_QPSK = ErrorRatePanel(
    name="qpsk",
    title="QPSK",
    scenario=rayleigh(32, 64, "qpsk"),
    contenders=("zf", "lmmse", CG32, *networks("32x64-qpsk"), "sphere"),
    snr_db=(2, 4, 6, 8, 9, 10, 11, 12, 13),
    quick_snr_db=(6, 8, 10),
    metric="ser",
    target=1e-3,
    vectors=Effort(512, 30_000, 1_000_000),
    from_snr_db={"sphere": 6},
)

_QAM16 = ErrorRatePanel(
    name="16qam",
    title="16-QAM",
    scenario=rayleigh(32, 64, "16-qam"),
    contenders=(
        "zf",
        "lmmse",
        CG32,
        *networks("32x64-16qam"),
        "sphere:max_nodes=200000,label=sphere",
    ),
    snr_db=(8, 10, 12, 14, 15, 16, 17, 18, 19),
    quick_snr_db=(12, 14, 16, 17),
    metric="ser",
    target=1e-3,
    vectors=Effort(512, 20_000, 500_000),
    from_snr_db={"sphere": 18},
)

_BOUND = (
    "LcgNetV is linear in y and QPSK is circular: LMMSE is the best linear receiver in mean "
    "square, and no gain over it was measured."
)

EXPERIMENT = Experiment(
    name="lcgnet/fig11",
    paper=PAPER,
    title="SER at 32 x 64 with QPSK and 16-QAM",
    shows="LcgNetV below LMMSE at QPSK; at 16-QAM all but the sphere decoder lie together.",
    panels=(_QPSK, _QAM16),
    statements=(
        Statement(
            "At QPSK LcgNetV still outperforms LMMSE",
            "section V-B3",
            contradicted(
                within(
                    lambda f: f.gap("qpsk", "lmmse", "lcgnet-v", 1e-2),
                    at_most=0.05,
                    words="lcgnet-v ahead of lmmse at SER 1e-2: ",
                ),
                _BOUND,
            ),
        ),
        Statement(
            "At 16-QAM LcgNetV and LMMSE perform alike (at SER 1e-2)",
            "section V-B3",
            within(
                lambda f: f.gap("16qam", "lcgnet-v", "lmmse", 1e-2),
                at_least=-READ_DB,
                at_most=READ_DB,
            ),
        ),
        Statement(
            "LcgNetS performs as LMMSE at QPSK (at SER 1e-2)",
            "figure 11",
            within(
                lambda f: f.gap("qpsk", "lcgnet-s", "lmmse", 1e-2),
                at_least=-READ_DB,
                at_most=READ_DB,
            ),
        ),
        Statement(
            "The sphere decoder is far below every linear receiver at QPSK (2 dB at SER 1e-3)",
            "figure 11",
            within(lambda f: f.gap("qpsk", "lmmse", "sphere", 1e-3), at_least=2.0),
        ),
    ),
    notes=(
        "Exact search runs from 6 dB on at QPSK. At 16-QAM it runs at 18 dB and above, with at "
        "most 200 000 nodes a vector: where it hits that limit its curve is not ML, and the page "
        "says how often.",
    ),
)
