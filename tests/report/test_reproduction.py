"""The page of the reproduction, and its table."""

from __future__ import annotations

import io
import re

from rich.console import Console

from mimolearn.link.channels import Rayleigh
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
    run_experiment,
)
from mimolearn.papers.contenders import Network
from mimolearn.papers.experiment import contradicted, within
from mimolearn.papers.panels import Effort
from mimolearn.report import outcome_counts, verdict_table, write_reproduction

LINK = Scenario(num_tx_ant=2, num_rx_ant=4, constellation="qpsk", channel=Rayleigh())

EXPERIMENT = Experiment(
    name="paper/fig1",
    paper=Paper("paper", "A <i>paper</i>", "Somebody", 2020),
    title="Small",
    shows="Something.",
    panels=(
        ErrorRatePanel(
            name="rates",
            title="Rates",
            scenario=LINK,
            contenders=("zf", "lmmse", Network("absent", "no-such-weights")),
            snr_db=(0.0, 6.0),
            quick_snr_db=(0.0, 6.0),
            vectors=Effort(100, 100, 100),
        ),
        AccuracyPanel(
            name="layers",
            title="Layers",
            scenarios=(LINK,),
            snr_db=(5.0,),
            contenders=("cg:num_iter=3,label=<b>cg</b>", "zf"),
            metric="evm",
            channels=Effort(64, 64, 64),
        ),
        TablePanel("table", "A table", lambda: Table(("a", "b"), (("1", "2"),), {"one": 1.0})),
    ),
    statements=(
        Statement("claim A", "page 1", within(lambda f: f.value("table", "one"), at_most=0)),
        Statement(
            "claim B",
            "page 2",
            contradicted(within(lambda f: f.value("table", "one"), at_most=1), "it is one"),
        ),
        Statement("claim C", "page 3", within(lambda f: f.snr("rates", "absent"), at_most=0)),
        Statement(
            "claim D",
            "target",
            within(lambda f: f.value("table", "one"), at_most=0),
            of="library",
        ),
    ),
    references=(Reference("layers", "zf", 2, 50.0, 50.0, "figure 1"),),
)


def test_the_page_is_self_contained_and_says_everything(tmp_path):
    result = run_experiment(EXPERIMENT, tmp_path, budget="quick")
    text = write_reproduction([result], tmp_path, "page").read_text("utf-8")
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.https?:", text)
    assert text.count("plotly.js v") == 1
    for words in ("claim A", "claim B", "it is one", "open", "does not hold"):
        assert words in text
    assert "weight no-such-weights is missing" in text
    assert "<i>paper</i>" not in text
    assert (tmp_path / "paper-fig1-rates.png").stat().st_size > 5000
    assert (tmp_path / "paper-fig1-layers.svg").stat().st_size > 5000


def test_the_table_and_the_counts(tmp_path):
    result = run_experiment(EXPERIMENT, tmp_path, budget="quick")
    assert outcome_counts([result]) == {
        "reproduced": 1,
        "better than published": 0,
        "not reproduced": 1,
        "the paper is wrong": 1,
        "undecidable": 0,
        "open": 1,
    }
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(verdict_table([result]))
    text = console.export_text()
    assert text.count("paper/fig1") == 5
    assert "it is one" in text
