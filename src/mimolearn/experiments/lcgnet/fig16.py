"""Figure 16: the staircases of hard and trained quantisers."""

from mimolearn.detectors import LcgNetV, QLcgNetV, quantize_lcgnet
from mimolearn.experiments.experiment import Experiment, Statement, within
from mimolearn.experiments.lcgnet.setting import PAPER
from mimolearn.experiments.panels import Table, TablePanel
from mimolearn.weights import shipped_weights
from mimolearn.zoo import load

_FULL = "lcgnet-v-32x64-bpsk"
_WEIGHTS = {"uniform": _FULL, "lloyd-max": _FULL, "soft": "qlcgnet-v-32x64-bpsk-{}bit"}


def _quantizers() -> dict[str, QLcgNetV]:
    found: dict[str, QLcgNetV] = {}
    network = load(_FULL) if _FULL in shipped_weights() else None
    for bits in (3, 4):
        if isinstance(network, LcgNetV):
            for scheme in ("uniform", "lloyd-max"):
                found[f"{scheme}({bits})"] = quantize_lcgnet(network, scheme, bits)
        name = _WEIGHTS["soft"].format(bits)
        if name in shipped_weights():
            soft = load(name)
            assert isinstance(soft, QLcgNetV)
            found[f"soft({bits})"] = soft
    return found


def _table() -> Table:
    rows, values = [], {}
    for label, network in _quantizers().items():
        used = network.levels.unique()
        values[label] = float(len(used))
        values[f"{label} bits"] = float(network.stored_bits())
        levels = ", ".join(f"{value:.2f}" for value in used.tolist())
        rows.append((label, str(len(used)), f"{network.stored_bits():,}", levels))
    columns = ("quantiser", "levels", "stored bits", "the levels")
    missing = {
        f"{scheme}({bits})": f"weight {name.format(bits)} is missing"
        for scheme, name in _WEIGHTS.items()
        for bits in (3, 4)
    }
    note = "Stored bits: codes and the table of levels."
    return Table(columns, tuple(rows), values, note, missing)


EXPERIMENT = Experiment(
    name="lcgnet/fig16",
    paper=PAPER,
    title="Staircases of the quantisers",
    shows="The trained staircase is not uniform; at 4 bits it merges some of its 15 stairs.",
    panels=(TablePanel("levels", "Levels in use", _table),),
    statements=(
        Statement(
            "Training reduces the 4-bit staircase from 15 levels (to 12 in the paper)",
            "section V-D",
            within(lambda f: f.value("levels", "soft(4)"), at_most=14),
        ),
        Statement(
            "Fifteen 4-bit levels are uniform before training",
            "section IV-A",
            within(lambda f: f.value("levels", "uniform(4)"), at_least=15, at_most=15),
        ),
    ),
    notes=(
        "A uniform grid over the full range spends its levels on a few large step sizes near -1.7 "
        "and puts most others on 0.",
    ),
)
