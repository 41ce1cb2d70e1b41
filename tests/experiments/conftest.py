"""An experiment small enough that every test takes a fraction of a second."""

from __future__ import annotations

import pytest

from mimolearn.link.scenario import Scenario
from mimolearn.papers import (
    AccuracyPanel,
    ErrorRatePanel,
    Experiment,
    Paper,
    Reference,
    Statement,
    Table,
    TablePanel,
)
from mimolearn.papers.contenders import Network
from mimolearn.papers.experiment import contradicted, within
from mimolearn.papers.panels import Effort
from mimolearn.training import Recipe, SnrMix, Stage

LINK = Scenario(name="small", num_tx_ant=2, num_rx_ant=4, constellation="bpsk")


def recipe() -> Recipe:
    return Recipe(
        name="small-net",
        network="lcgnet-v",
        scenario=LINK,
        options={"num_layers": 2},
        snr=SnrMix(low_db=0.0, high_db=6.0),
        stage=(Stage(steps=4),),
        seed=1,
    )


@pytest.fixture
def small() -> Experiment:
    return Experiment(
        name="paper/fig1",
        paper=Paper("paper", "A paper", "Somebody", 2020),
        title="Small",
        shows="Something.",
        panels=(
            ErrorRatePanel(
                name="rates",
                title="Error rates",
                scenario=LINK,
                contenders=("zf", "lmmse", Network("absent", "no-such-weights")),
                snr_db=(-4.0, 0.0, 4.0),
                quick_snr_db=(-4.0, 4.0),
                target=3e-2,
                vectors=Effort(2_000, 6_000, 6_000),
                min_errors=Effort(2_000, 6_000, 6_000),
                from_snr_db={"zf": 0.0},
            ),
            AccuracyPanel(
                name="layers",
                title="<b>NMSE</b>",
                scenarios=(LINK,),
                snr_db=(5.0,),
                contenders=(
                    "lmmse:biased=true,label=lmmse",
                    "wl-lmmse",
                    "cg:num_iter=3,label=cg",
                    Network("net", "small-net", recipe),
                ),
                channels=Effort(2_048, 4_096, 4_096),
                shrunk=("wl-lmmse",),
            ),
            TablePanel("table", "A table", lambda: Table(("a",), (("1",),), {"one": 1.0})),
        ),
        statements=(
            Statement("one is one", "here", within(lambda f: f.value("table", "one"), at_most=1)),
            Statement(
                "one is two",
                "here",
                contradicted(within(lambda f: f.value("table", "one"), at_most=1), "it is one"),
            ),
            Statement(
                "needs a network",
                "here",
                within(lambda f: f.gap("rates", "lmmse", "absent"), at_least=0),
            ),
            Statement(
                "wl-lmmse is below lmmse",
                "target",
                within(
                    lambda f: f.difference("layers", ("wl-lmmse", None), ("lmmse", None)),
                    at_most=0.0,
                ),
                of="library",
            ),
            Statement(
                "the network was trained",
                "here",
                within(lambda f: f.level("layers", "net", 2), at_most=0.0),
            ),
        ),
        references=(Reference("layers", "cg", 2, -10.0, 20.0, "figure 1"),),
    )
