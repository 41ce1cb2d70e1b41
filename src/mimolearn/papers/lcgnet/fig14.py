"""Figure 14: against DetNet, QPSK."""

from mimolearn.papers.contenders import Network
from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.lcgnet.setting import PAPER, rayleigh, trained_here
from mimolearn.papers.panels import Effort, ErrorRatePanel
from mimolearn.training import Stage

_SNRS = {32: (8, 12, 16, 20, 24), 64: (4, 6, 8, 10, 12), 128: (2, 4, 5, 6, 7, 8, 9)}
_QUICK = {32: (12, 16), 64: (6, 8, 10), 128: (2, 4, 6)}


def _panel(num_rx_ant: int) -> ErrorRatePanel:
    return ErrorRatePanel(
        name=f"32x{num_rx_ant}",
        title=f"32 x {num_rx_ant} QPSK",
        scenario=rayleigh(32, num_rx_ant, "qpsk"),
        contenders=(
            "lmmse",
            "mmse-sic",
            trained_here(
                "lcgnet-v",
                f"lcgnet-v-32x{num_rx_ant}-qpsk",
                rayleigh(32, num_rx_ant, "qpsk"),
                (_SNRS[num_rx_ant][0], _SNRS[num_rx_ant][-1]),
                start="chebyshev",
                stage=Stage(steps=300, learning_rate=0.005),
            ),
            Network("detnet", f"detnet-32x{num_rx_ant}-qpsk"),
            *(("sphere",) if num_rx_ant > 32 else ()),
        ),
        snr_db=_SNRS[num_rx_ant],
        quick_snr_db=_QUICK[num_rx_ant],
        metric="ser",
        target=1e-3,
        vectors=Effort(512, 10_000, 500_000),
        from_snr_db={"sphere": 6} if num_rx_ant == 64 else {},
    )


EXPERIMENT = Experiment(
    name="lcgnet/fig14",
    paper=PAPER,
    title="SER against DetNet at QPSK, 32 x 32, 32 x 64 and 32 x 128",
    shows="LcgNetV is ahead of DetNet at 32 x 128 and behind it at 32 x 32.",
    panels=(_panel(32), _panel(64), _panel(128)),
    statements=(
        Statement(
            "At 32 x 128 LcgNetV performs better than DetNet",
            "section V-C",
            within(lambda f: f.gap("32x128", "detnet", "lcgnet-v", 1e-2), at_least=0.0),
        ),
        Statement(
            "With few receive antennas DetNet performs better than LcgNetV",
            "section V-C",
            within(lambda f: f.gap("32x32", "lcgnet-v", "detnet", 1e-2), at_least=0.0),
        ),
        Statement(
            "At 32 x 128 LMMSE is near-optimal, so unfolding it is enough (0.5 dB of ML at 1e-2)",
            "section V-C",
            within(lambda f: f.gap("32x128", "lmmse", "sphere", 1e-2), at_most=0.5),
        ),
        Statement(
            "A classical receiver beats LMMSE as well: MMSE-SIC at 32 x 64 (0.5 dB at 1e-2)",
            "check",
            within(lambda f: f.gap("32x64", "lmmse", "mmse-sic", 1e-2), at_least=0.5),
            of="library",
        ),
    ),
    notes=(
        "DetNet has the paper's sizes, 4 Nt and 2 Nt, but 20 layers in place of 30. "
        "Its weights are alike for all streams: trained so, a network takes a minute or two.",
    ),
)
