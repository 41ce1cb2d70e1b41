"""Figure 16: the staircases of hard and trained quantisers."""

from mimolearn.detectors import QLcgNetV
from mimolearn.foundation.errors import InvalidInputError
from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.lcgnet.setting import FULL_PRECISION, PAPER, quantized
from mimolearn.papers.panels import Table, TablePanel
from mimolearn.weights import shipped_weights
from mimolearn.zoo import load

_WEIGHTS = {
    "uniform": FULL_PRECISION,
    "lloyd-max": FULL_PRECISION,
    "soft": "qlcgnet-v-32x64-bpsk-{}bit",
}


def _quantizers() -> tuple[dict[str, QLcgNetV], dict[str, str]]:
    """Networks by label, and why others are missing."""
    networks: dict[str, QLcgNetV] = {}
    missing: dict[str, str] = {}
    for scheme, pattern in _WEIGHTS.items():
        for bits in (3, 4):
            label, name = f"{scheme}({bits})", pattern.format(bits)
            if name not in shipped_weights():
                missing[label] = f"weight {name} is missing"
                continue
            try:
                network = load(name) if scheme == "soft" else quantized(scheme, bits)
            except InvalidInputError as error:
                missing[label] = str(error)
                continue
            assert isinstance(network, QLcgNetV)
            networks[label] = network
    return networks, missing


def _table() -> Table:
    rows, values = [], {}
    networks, missing = _quantizers()
    for label, network in networks.items():
        used = network.levels.unique()
        values[label] = float(len(used))
        values[f"{label} bits"] = float(network.stored_bits())
        levels = ", ".join(f"{value:.2f}" for value in used.tolist())
        rows.append((label, str(len(used)), f"{network.stored_bits():,}", levels))
    columns = ("quantiser", "levels", "stored bits", "the levels")
    note = "Stored bits: codes and tables of levels; lloyd-max has one for alpha and one for beta."
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
