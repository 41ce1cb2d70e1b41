"""Tables 1 and 2: time of soft bits, measured here, and parameters, counted."""

from __future__ import annotations

from collections.abc import Iterator

from mimolearn.detectors import EQNetPublishedEstimator, make_detector
from mimolearn.link.scenario import Scenario
from mimolearn.papers.eqnet.latency import BATCHES, latency_table, milliseconds
from mimolearn.papers.panels import Table, TableRun
from mimolearn.papers.python_panel import python_panel
from mimolearn.quantizers import EQNetPublished

_THEIRS = "EQ-Net (L), published"
# Milliseconds of batches of 1 and 16, as the paper has them.
_TABLE_1 = {
    _THEIRS: (1.807, 2.256),
    "NN-Det (P)": (3.456, 3.953),
    "OAMP-Net2": (2.835, 3.227),
    "MMSE-SIC": (0.839, 1.109),
    "ZF-SIC": (0.760, 1.012),
    "SD": (1.622, 19.52),
}
_TABLE_2 = {
    _THEIRS: (1.511, 1.767),
    "EQ-Net (P), published": (1.903, 2.292),
    "NN-Det (L)": (2.269, 2.565),
    "NN-Det (P)": (2.689, 3.073),
    "OAMP-Net2": (2.125, 2.376),
    "MMSE-SIC": (0.603, 0.831),
    "ZF-SIC": (0.559, 0.787),
    "SD": (0.6935, 4.547),
}
_OURS_1, _OURS_2 = ("eq-net", "lmmse", "ep", "tap-net", "ml"), ("eq-net", "lmmse", "ep", "ml")
_LINKS = (("64-qam", 2), ("16-qam", 4), ("16-qam", 8))
_PARTS = "f_Q", "g_Q", "f_E (L)", "f_E (P)"


def _values(names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        yield f"parameters {name}"
        yield from (f"{name} {batch}" for batch in BATCHES)
        yield from (f"{name} over {_THEIRS} {batch}" for batch in BATCHES)


@python_panel(*_values((*_TABLE_1, *_OURS_1)))
def times_4x4(_: TableRun) -> Table:
    """Times of LLRs at 4 x 4 16-QAM."""
    points, size = "16-qam", {"num_tx_ant": 4}
    receivers = {
        _THEIRS: make_detector("eq-net-published", points, **size),
        "NN-Det (P)": make_detector("nn-det", points, num_layers=10, **size),
        "OAMP-Net2": make_detector("oamp-net2", points, num_layers=8),
        "MMSE-SIC": make_detector("mmse-sic", points),
        "ZF-SIC": make_detector("zf-sic", points),
        "SD": make_detector("soft-sphere", points),
        "eq-net": make_detector("eq-net", points, cues="ep", num_iter=6, **size),
        "lmmse": make_detector("lmmse", points),
        "ep": make_detector("ep", points),
        "tap-net": make_detector("tap-net", points, num_layers=8),
        "ml": make_detector("ml", points),
    }
    link = Scenario.shipped("eqnet-4x4-16qam-coded")
    return latency_table(link, receivers, 8.0, _TABLE_1, _THEIRS)


@python_panel(*_values((*_TABLE_2, *_OURS_2)))
def times_2x2(_: TableRun) -> Table:
    """Times of LLRs at 2 x 2 64-QAM."""
    points = "64-qam"
    receivers = {
        _THEIRS: make_detector("eq-net-published", points),
        "EQ-Net (P), published": make_detector("eq-net-published", points, form="P"),
        "NN-Det (L)": make_detector("nn-det", points, num_layers=3),
        "NN-Det (P)": make_detector("nn-det", points, num_layers=4),
        "OAMP-Net2": make_detector("oamp-net2", points, num_layers=8),
        "MMSE-SIC": make_detector("mmse-sic", points),
        "ZF-SIC": make_detector("zf-sic", points),
        "SD": make_detector("soft-sphere", points),
        **{name: make_detector(name, points) for name in _OURS_2},
    }
    link = Scenario.shipped("eqnet-2x2-64qam-coded")
    return latency_table(link, receivers, 14.0, _TABLE_2, _THEIRS)


@python_panel("MMSE-SIC 8x8", "MMSE-SIC 16x16")
def cancellation(_: TableRun) -> Table:
    """Time of MMSE-SIC for one vector of the larger links."""
    values = {}
    for size in (8, 16):
        link = Scenario.shipped(f"eqnet-{size}x{size}-16qam-coded")
        detector = make_detector("mmse-sic", "16-qam").eval()
        values[f"MMSE-SIC {size}x{size}"] = milliseconds(link, detector, 1, 8.0)
    rows = tuple((name, f"{spent:.3g}") for name, spent in values.items())
    return Table(("receiver", "one vector [ms]"), rows, values)


@python_panel(
    *(f"{part} {size}x{size} {name}" for name, size in _LINKS for part in (*_PARTS, "deployed")),
    "OAMP-Net2",
)
def parameters(_: TableRun) -> Table:
    """Weights and biases of the encoders, and of the decoder that all of them need."""
    values: dict[str, float] = {}
    rows = []
    for name, size in _LINKS:
        label = f"{size}x{size} {name}"
        parts = EQNetPublished(name, num_tx_ant=size)
        for part, module in (("f_Q", parts.encoder), ("g_Q", parts.decoder)):
            values[f"{part} {label}"] = float(sum(p.numel() for p in module.parameters()))
        for form in ("L", "P"):
            estimator = EQNetPublishedEstimator(name, num_tx_ant=size, form=form)
            total = sum(p.numel() for p in estimator.estimator_parameters())
            values[f"f_E ({form}) {label}"] = float(total)
        values[f"deployed {label}"] = values[f"f_E (L) {label}"] + values[f"g_Q {label}"]
        rows.append(
            (label, *(f"{values[f'{part} {label}']:,.0f}" for part in (*_PARTS, "deployed")))
        )
    oamp = make_detector("oamp-net2", "64-qam", num_layers=8)
    values["OAMP-Net2"] = float(sum(p.numel() for p in oamp.parameters()))
    columns = ("link", *_PARTS, "f_E (L) and g_Q")
    return Table(columns, tuple(rows), values, "Weights and biases of the published networks.")
