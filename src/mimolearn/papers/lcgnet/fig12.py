"""Figure 12: spatially correlated and TDL-A channels."""

from mimolearn.papers.experiment import Experiment, Statement, both, contradicted, within
from mimolearn.papers.lcgnet.channels import CORRELATED, RAYLEIGH, TDLA
from mimolearn.papers.lcgnet.setting import LINEAR, PAPER, READ_DB, bpsk_receivers
from mimolearn.papers.panels import Effort, ErrorRatePanel

_PANELS = (
    ErrorRatePanel(
        name="rayleigh",
        title="Rayleigh fading, for comparison",
        scenario=RAYLEIGH,
        contenders=bpsk_receivers("32x64-bpsk"),
        snr_db=(0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
        quick_snr_db=(2, 4, 6),
        vectors=Effort(1_024, 50_000, 1_000_000),
    ),
    ErrorRatePanel(
        name="correlated",
        title="Correlation 0.5 at both ends",
        scenario=CORRELATED,
        contenders=bpsk_receivers("32x64-bpsk-correlated"),
        snr_db=(0, 2, 4, 6, 8, 9, 10, 11, 12),
        quick_snr_db=(2, 4, 6, 8),
        vectors=Effort(1_024, 50_000, 1_000_000),
    ),
    ErrorRatePanel(
        name="tdla",
        title="TDL-A, correlation 0.5",
        scenario=TDLA,
        contenders=bpsk_receivers("32x64-bpsk-tdla"),
        snr_db=(2, 4, 6, 8, 10),
        quick_snr_db=(6,),
        target=1e-3,
        vectors=Effort(10_000, 60_000, 400_000),
    ),
)

EXPERIMENT = Experiment(
    name="lcgnet/fig12",
    paper=PAPER,
    title="BER over correlated and TDL-A channels, 32 x 64, BPSK",
    shows="Correlation costs every receiver; TDL-A is like plain correlation; LcgNetV stays best.",
    panels=_PANELS,
    statements=(
        Statement(
            "Every receiver degrades under correlation (LMMSE and LcgNetV at BER 1e-2)",
            "section V-B4",
            both(
                *(
                    within(
                        lambda f, label=label: f.snr("correlated", label, 1e-2).minus(
                            f.snr("rayleigh", label, 1e-2)
                        ),
                        at_least=0.2,
                        words=f"{label} needs more by ",
                    )
                    for label in ("lmmse", "lcgnet-v")
                )
            ),
        ),
        Statement(
            "LcgNetV performs almost the same under TDL-A and plain correlation (at BER 1e-2)",
            "section V-B4",
            within(
                lambda f: f.snr("tdla", "lcgnet-v", 1e-2).minus(
                    f.snr("correlated", "lcgnet-v", 1e-2)
                ),
                at_least=-READ_DB,
                at_most=READ_DB,
            ),
        ),
        Statement(
            "So does LMMSE: one subcarrier of TDL-A has the statistics of plain correlation",
            "check",
            within(
                lambda f: f.snr("tdla", "lmmse", 1e-2).minus(f.snr("correlated", "lmmse", 1e-2)),
                at_least=-READ_DB,
                at_most=READ_DB,
            ),
            of="library",
        ),
        Statement(
            "Under correlation LcgNetV performs best of all (but the sphere decoder)",
            "section V-B4",
            contradicted(
                within(
                    lambda f: f.gap("correlated", "wl-lmmse", "lcgnet-v", 1e-2),
                    at_most=0.1,
                    words="lcgnet-v ahead of wl-lmmse: ",
                ),
                LINEAR,
            ),
        ),
        Statement(
            "Under correlation LcgNetV needs less SNR than LMMSE (0.5 dB at BER 1e-2)",
            "figure 12",
            within(lambda f: f.gap("correlated", "lmmse", "lcgnet-v", 1e-2), at_least=0.5),
        ),
    ),
    notes=(
        "168 vectors share one TDL-A channel, because drawing one takes 26 ms; intervals know that "
        "their errors go together. The paper's Doppler shift has no part in independent draws.",
    ),
)
