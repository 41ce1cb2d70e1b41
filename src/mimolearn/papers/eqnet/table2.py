"""Table 2: latency at 2x2 64-QAM, and parameters."""

from mimolearn.detectors import EQNetPublishedEstimator, make_detector
from mimolearn.papers.eqnet.latency import latency_table
from mimolearn.papers.eqnet.setting import PAPER, SMALL
from mimolearn.papers.experiment import Experiment, Statement, contradicted, within
from mimolearn.papers.panels import Table, TablePanel
from mimolearn.quantizers import EQNetPublished

_PANEL, _COUNTS = "times", "parameters"
_THEIRS = "EQ-Net (L), published"
_OURS = "eq-net"


def _times() -> Table:
    receivers = {
        _THEIRS: make_detector("eq-net-published", "64-qam"),
        "EQ-Net (P), published": make_detector("eq-net-published", "64-qam", form="P"),
        "NN-Det (L)": make_detector("nn-det", "64-qam", num_layers=3),
        "NN-Det (P)": make_detector("nn-det", "64-qam", num_layers=4),
        "OAMP-Net2": make_detector("oamp-net2", "64-qam", num_layers=8),
        "MMSE-SIC": make_detector("mmse-sic", "64-qam"),
        "ZF-SIC": make_detector("zf-sic", "64-qam"),
        "SD": make_detector("soft-sphere", "64-qam"),
        _OURS: make_detector("eq-net", "64-qam"),
        "lmmse": make_detector("lmmse", "64-qam"),
        "ep": make_detector("ep", "64-qam"),
        "ml": make_detector("ml", "64-qam"),
    }
    published = {
        _THEIRS: (1.511, 1.767),
        "EQ-Net (P), published": (1.903, 2.292),
        "NN-Det (L)": (2.269, 2.565),
        "NN-Det (P)": (2.689, 3.073),
        "OAMP-Net2": (2.125, 2.376),
        "MMSE-SIC": (0.603, 0.831),
        "ZF-SIC": (0.559, 0.787),
        "SD": (0.6935, 4.547),
    }
    return latency_table(SMALL, receivers, 14.0, published, _THEIRS)


def _parameters() -> Table:
    """Of the encoders and of the decoder that all of them need."""
    values: dict[str, float] = {}
    rows = []
    for name, size in (("64-qam", 2), ("16-qam", 4), ("16-qam", 8)):
        label = f"{size}x{size} {name}"
        parts = EQNetPublished(name, num_tx_ant=size)
        counts = {"f_Q": parts.encoder, "g_Q": parts.decoder}
        values |= {
            f"{part} {label}": float(sum(p.numel() for p in module.parameters()))
            for part, module in counts.items()
        }
        for form in ("L", "P"):
            estimator = EQNetPublishedEstimator(name, num_tx_ant=size, form=form)
            total = sum(p.numel() for p in estimator.estimator_parameters())
            values[f"f_E ({form}) {label}"] = float(total)
        values[f"deployed {label}"] = values[f"f_E (L) {label}"] + values[f"g_Q {label}"]
        parts = ("f_Q", "g_Q", "f_E (L)", "f_E (P)", "deployed")
        rows.append((label, *(f"{values[f'{part} {label}']:,.0f}" for part in parts)))
    columns = ("link", "f_Q", "g_Q", "f_E (L)", "f_E (P)", "f_E (L) and g_Q")
    return Table(columns, tuple(rows), values, "Weights and biases of the published networks.")


EXPERIMENT = Experiment(
    name="eqnet/table2",
    paper=PAPER,
    title="Latency at 2 x 2 64-QAM, and parameters",
    shows="EQ-Net (L) is 21 % faster than other networks; it has 440 000 parameters.",
    panels=(
        TablePanel(_PANEL, "Soft bits of a batch of channel uses", _times),
        TablePanel(_COUNTS, "Parameters of the published networks", _parameters),
    ),
    statements=(
        *(
            Statement(
                f"At batch 1 EQ-Net (L) takes at least 21 % less time than {other}",
                "table 2",
                within(
                    lambda f, other=other: f.value(_PANEL, f"{other} over {_THEIRS} 1"),
                    at_least=1 / 0.79,
                ),
            )
            for other in ("NN-Det (L)", "NN-Det (P)", "OAMP-Net2")
        ),
        Statement(
            "At batch 16 the sphere decoder takes 2.6 times as long as EQ-Net (L)",
            "table 2",
            contradicted(
                within(
                    lambda f: f.value(_PANEL, f"SD over {_THEIRS} 16"),
                    at_most=1.5,
                    words="compiled: ",
                ),
                "A compiled sphere decoder does not grow like that: the paper's is interpreted.",
            ),
        ),
        Statement(
            "EQ-Net (L) has 440 000 parameters (within 10 %)",
            "section 3.3",
            contradicted(
                within(
                    lambda f: f.value(_COUNTS, "deployed 2x2 64-qam"),
                    at_least=484_000,
                    words="f_E and g_Q: ",
                ),
                "That is the encoder alone; estimation needs the decoder too.",
            ),
        ),
        Statement(
            "This library's EQ-Net takes under 0.1 ms at batch 1",
            "target",
            within(lambda f: f.value(_PANEL, f"{_OURS} 1", "ms"), at_most=0.1),
            of="library",
        ),
        Statement(
            "Exact ML soft bits take no longer than the paper's network at batch 1",
            "target",
            within(lambda f: f.value(_PANEL, f"ml over {_THEIRS} 1"), at_most=1.0),
            of="library",
        ),
    ),
    notes=(
        "Ratios depend on who implements what. EQ-Net is measured with the decoder g_Q, which "
        "estimation needs; OAMP-Net2 has eight layers.",
    ),
)
