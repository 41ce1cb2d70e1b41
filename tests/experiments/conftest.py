"""An experiment small enough that every test takes a fraction of a second."""

from __future__ import annotations

import pytest
from tests.experiments.worlds import ONE_PANEL, effort, one_figure

from mimolearn.link.scenario import Scenario
from mimolearn.papers import Experiment

LINK = Scenario(name="small", num_tx_ant=2, num_rx_ant=4, constellation="bpsk")
NETWORK = {
    "base": "lcgnet-v-32x64-bpsk",
    "scenario": "link",
    "changes": {
        "options": {"num_layers": 2},
        "snr": {"low_db": 0.0, "high_db": 6.0},
        "stage": [{"steps": 4}],
    },
    "without": ["measure"],
}


@pytest.fixture
def small() -> Experiment:
    rates = {
        "name": "rates",
        "kind": "rates",
        "title": "Error rates",
        "scenario": "link",
        "contenders": ["zf", "lmmse", "small-net:label=absent"],
        "snr_db": [-4, 0, 4],
        "quick_snr_db": [-4, 4],
        "target": 3e-2,
        "vectors": effort(2_000, 6_000),
        "min_errors": effort(2_000, 6_000),
        "from_snr_db": {"zf": 0.0},
    }
    layers = {
        "name": "layers",
        "kind": "accuracy",
        "title": "<b>NMSE</b>",
        "scenario": "link",
        "snr_db": [5],
        "contenders": [
            "lmmse:biased=true,label=lmmse",
            "wl-lmmse",
            "cg:num_iter=3,label=cg",
            "small-net:label=net",
        ],
        "channels": effort(2_048, 4_096),
        "shrunk": ["wl-lmmse"],
    }
    one = {"panel": "table", "value": "one", "at_most": 1}
    below = {"difference": [{"level": "wl-lmmse"}, {"level": "lmmse"}], "at_most": 0}
    claims = [
        {"text": "one is one", **one},
        {"text": "one is two", "objection": {**one, "reason": "it is one"}},
        {
            "text": "needs a network",
            "panel": "rates",
            "gap": ["lmmse", "absent"],
            "at_least": 0,
        },
        {"text": "wl-lmmse is below lmmse", "of": "library", "panel": "layers", **below},
        {
            "text": "the network was trained",
            "panel": "layers",
            "level": "net",
            "at": 2,
            "at_most": 0,
        },
    ]
    point = {"panel": "layers", "label": "cg", "x": 2, "value": -10, "tolerance": 20}
    figure = {
        "panel": [rates, layers, ONE_PANEL],
        "claim": [
            {"id": f"claim-{number}", "source": "here", **claim}
            for number, claim in enumerate(claims)
        ],
        "reference": [{**point, "source": "figure 1"}],
    }
    return one_figure(figure, LINK, network={"small-net": NETWORK})
