"""Table 1: latency at 4x4 16-QAM."""

from mimolearn.detectors import make_detector
from mimolearn.papers.eqnet.latency import latency_table
from mimolearn.papers.eqnet.setting import LARGE, PAPER
from mimolearn.papers.experiment import Experiment, Statement, both, contradicted, within
from mimolearn.papers.panels import Table, TablePanel

_PANEL = "times"
_THEIRS = "EQ-Net (L), published"
_OURS = "eq-net"


def _times() -> Table:
    size = {"num_tx_ant": 4}
    receivers = {
        _THEIRS: make_detector("eq-net-published", "16-qam", **size),
        "NN-Det (P)": make_detector("nn-det", "16-qam", num_layers=10, **size),
        "OAMP-Net2": make_detector("oamp-net2", "16-qam", num_layers=8),
        "MMSE-SIC": make_detector("mmse-sic", "16-qam"),
        "ZF-SIC": make_detector("zf-sic", "16-qam"),
        "SD": make_detector("soft-sphere", "16-qam"),
        _OURS: make_detector("eq-net", "16-qam", cues="ep", num_iter=6, **size),
        "lmmse": make_detector("lmmse", "16-qam"),
        "ep": make_detector("ep", "16-qam"),
        "tap-net": make_detector("tap-net", "16-qam", num_layers=8),
        "ml": make_detector("ml", "16-qam"),
    }
    published = {
        _THEIRS: (1.807, 2.256),
        "NN-Det (P)": (3.456, 3.953),
        "OAMP-Net2": (2.835, 3.227),
        "MMSE-SIC": (0.839, 1.109),
        "ZF-SIC": (0.760, 1.012),
        "SD": (1.622, 19.52),
    }
    return latency_table(LARGE, receivers, 8.0, published, _THEIRS)


def _ratio(other: str, batch: int, at_least: float) -> Statement:
    return Statement(
        f"At batch {batch} EQ-Net (L) is {at_least:g} times as fast as {other}",
        "table 1",
        within(lambda f: f.value(_PANEL, f"{other} over {_THEIRS} {batch}"), at_least=at_least),
    )


EXPERIMENT = Experiment(
    name="eqnet/table1",
    paper=PAPER,
    title="Latency at 4 x 4 16-QAM",
    shows="EQ-Net (L) is faster than NN-Det and OAMP-Net2, half as fast as cancellation.",
    panels=(TablePanel(_PANEL, "Soft bits of a batch of channel uses", _times),),
    statements=(
        _ratio("NN-Det (P)", 1, 1.9),
        _ratio("OAMP-Net2", 1, 1.5),
        _ratio("NN-Det (P)", 16, 1.7),
        Statement(
            "Cancellation takes half the time of EQ-Net (L) at batch 1",
            "table 1",
            within(lambda f: f.value(_PANEL, f"MMSE-SIC over {_THEIRS} 1"), at_most=0.6),
        ),
        Statement(
            "At batch 16 the sphere decoder takes eight times as long as EQ-Net (L)",
            "table 1",
            contradicted(
                within(
                    lambda f: f.value(_PANEL, f"SD over {_THEIRS} 16"),
                    at_most=2.0,
                    words="compiled: ",
                ),
                "A compiled sphere decoder does not grow like that: the paper's is interpreted.",
            ),
        ),
        Statement(
            "This library's EQ-Net takes under 0.1 ms at batch 1",
            "target",
            within(lambda f: f.value(_PANEL, f"{_OURS} 1", "ms"), at_most=0.1),
            of="library",
        ),
        Statement(
            "LMMSE and EP are faster than the paper's network at batch 1",
            "target",
            both(
                *(
                    within(
                        lambda f, name=name: f.value(_PANEL, f"{name} over {_THEIRS} 1"),
                        at_most=1.0,
                        words=f"{name}: ",
                    )
                    for name in ("lmmse", "ep")
                )
            ),
            of="library",
        ),
    ),
    notes=(
        "Ratios depend on who implements what. EQ-Net is measured with the decoder g_Q, which "
        "estimation needs; OAMP-Net2 has eight layers.",
    ),
)
