"""Worlds made up of numbers: what panels would have given if receivers were so much better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mimolearn.detectors import Detector, make_detector
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.link.scenario import Scenario
from mimolearn.papers import AccuracyPanel, Experiment, Findings, Measured, Table
from mimolearn.papers.files.loading import experiments_of
from mimolearn.papers.panels import Accuracy, AccuracyCurve, CurvePoint
from mimolearn.papers.python_panel import python_panel
from mimolearn.plans.beam_contender import BeamContender
from mimolearn.plans.counts import GMI_SCALE, Counts, ErrorPositions
from mimolearn.results.beam_comparison import BeamCurve, BeamPoint
from mimolearn.results.comparison import Provenance
from mimolearn.results.costs import CostReport, Timing
from mimolearn.results.point import Point
from mimolearn.studies import BeamComparison, Comparison, Contender, Curve, RunPlan

LINK = Scenario(name="link", num_tx_ant=1, num_rx_ant=1, constellation="bpsk")
SNRS = (0.0, 2.0, 4.0, 6.0)
NOWHERE = Provenance({}, "", "")
VECTORS = 40_000
WORDS = {"id": "claim", "text": "a claim", "source": "here"}


def paper_file(claim: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A parsed file of one figure, with a panel of every kind and one claim."""
    rates = {
        "name": "rates",
        "kind": "rates",
        "title": "Rates",
        "scenario": "link",
        "contenders": ["zf", "lmmse"],
        "snr_db": list(SNRS),
        "timed": True,
    }
    layers = {
        "name": "layers",
        "kind": "accuracy",
        "title": "Layers",
        "scenario": "link",
        "contenders": ["cg:label=cg", "lmmse"],
        "snr_db": [10],
    }
    beams = {
        "name": "beams",
        "kind": "beams",
        "title": "Beams",
        "scenario": "mser-qpsk",
        "contenders": ["fd-mmse", "mser-gd:label=gd"],
        "snr_db": [5, 10],
    }
    table = {
        "name": "table",
        "kind": "python",
        "title": "Table",
        "function": "tests.experiments.worlds:TABLE",
    }
    figure = {"name": "fig1", "title": "A figure", "panel": [rates, layers, beams, table]}
    return {
        "key": "paper",
        "title": "A paper",
        "authors": "Somebody",
        "year": 2020,
        "scenario": {"link": LINK.model_dump(mode="json", exclude={"name"})},
        "figure": [{**figure, "claim": [{**WORDS, **claim}]}],
        **more,
    }


def paper(claim: dict[str, Any], **more: Any) -> Experiment:
    """The experiment of such a file."""
    return experiments_of(paper_file(claim, **more), "paper.toml", Path())[0]


def comparison(shift_db: float, vectors: int = VECTORS) -> Comparison:
    """Error rates 10^-(1 + SNR / 4), of lmmse at an SNR that is by so much higher."""
    curves = []
    for label, gain in (("zf", 0.0), ("lmmse", shift_db)):
        points = tuple(_point(snr, 10 ** -(1 + (snr + gain) / 4), vectors) for snr in SNRS)
        curves.append(Curve(Contender(label), points))
    plan = RunPlan(snr_db=SNRS, contenders=["zf", "lmmse"])
    timing = Timing(1, 1, 1, 0.0, 1.0, 1.0, 10.0, 1.0, 1)
    timings = {"zf": timing._replace(vector_us=10.0 + shift_db), "lmmse": timing}
    costs = {
        "zf": CostReport(100, round(10 + 10 * shift_db), 0, 0),
        "lmmse": CostReport(100, 20, 0, 0),
    }
    return Comparison(LINK, plan, tuple(curves), NOWHERE, timings, costs)


def _point(snr_db: float, rate: float, vectors: int) -> Point:
    """Errors of nested sets: who errs at a rate errs at every higher one."""
    order = np.random.Generator(np.random.PCG64(1)).permutation(vectors)
    wrong = np.sort(order[: round(rate * vectors)])
    errors = len(wrong)
    counts = Counts(
        *(1, vectors, vectors, vectors, vectors, errors, errors, errors, 0, 0),
        blocks=vectors,
        info_bits=vectors,
        gmi_loss=round(rate * vectors * GMI_SCALE),
        gmi_squares=round(rate * vectors * GMI_SCALE**2),
    )
    ones = np.ones_like(wrong)
    return Point(snr_db, counts, ErrorPositions(wrong, ones, ones), 1, True)


def accuracy(experiment: Experiment, gain_db: float) -> Accuracy:
    """Mean squares of cg that fall by so many dB a layer, down from 0 dB; lmmse is at -5 dB."""
    panel = next(p for p in experiment.panels if isinstance(p, AccuracyPanel))
    batches = (0.02, -0.02, 0.01, -0.01, 0.0, 0.0, 0.01, -0.01)
    points = tuple(
        CurvePoint(
            layer,
            -gain_db * layer,
            -gain_db * layer - 0.1,
            -gain_db * layer + 0.1,
            tuple(-gain_db * layer + layer * b for b in batches),
        )
        for layer in (1, 2, 3)
    )
    flat = CurvePoint(1, -5.0, -5.1, -4.9, tuple(-5 + b for b in batches))
    curves = AccuracyCurve("cg", points), AccuracyCurve("lmmse", (flat,), True)
    return Accuracy(panel, curves, 100)


def beams(factor: float, channels: int = 400) -> BeamComparison:
    """Rates of gd that are a factor times those of fd-mmse, but for a channel's own luck."""
    generator = np.random.Generator(np.random.PCG64(2))
    base = generator.gamma(2.0, 0.01, channels)
    luck = np.exp(0.1 * generator.standard_normal(channels))
    luck *= base.sum() / (base * luck).sum()
    curves = tuple(
        BeamCurve(BeamContender.parse(text), tuple(BeamPoint(snr, rates) for snr in (5.0, 10.0)), 0)
        for text, rates in (("fd-mmse", base), ("mser-gd:label=gd", factor * base * luck))
    )
    return BeamComparison(BeamScenario.shipped("mser-qpsk"), curves, channels, NOWHERE)


def findings(experiment: Experiment, shift: float, confidence: float = 0.95) -> Findings:
    """All panels of ``paper``, in a world where lmmse, cg, gd and the table are so much better."""
    width = 0.2
    values = {
        "exact": 1.0 + shift,
        "known": Measured(1 + shift, 1 + shift - width, 1 + shift + width),
    }
    panels = {
        "rates": comparison(shift),
        "layers": accuracy(experiment, 1 + shift),
        "beams": beams(2.0**-shift),
        "table": Table(("a",), (), {**values, "two": 2.0}, missing={"absent": "it is not there"}),
    }
    return Findings(panels, {}, confidence)


def _table(_: Any) -> Table:
    return Table((), (), {"exact": 1.0, "known": 1.0, "two": 2.0}, missing={"absent": "no"})


TABLE = python_panel("exact", "known", "two", "absent")(_table)


def _one(_: Any) -> Table:
    return Table(("a", "b"), (("1", "2"),), {"one": 1.0})


ONE = python_panel("one")(_one)
ONE_PANEL = {
    "name": "table",
    "kind": "python",
    "title": "A table",
    "function": "tests.experiments.worlds:ONE",
}


def widely_linear(constellation: str) -> Detector:
    """A detector that a function makes."""
    return make_detector("wl-lmmse", constellation)


def effort(quick: int, more: int) -> dict[str, int]:
    """What a panel may spend, in a quick run and in longer ones."""
    return {"quick": quick, "default": more, "full": more}


def one_figure(figure: dict[str, Any], link: Scenario, **more: Any) -> Experiment:
    """The experiment of a file whose one figure has its own panels and claims, on ``link``."""
    scenario = {"link": link.model_dump(mode="json", exclude={"name"})}
    figure = {"name": "fig1", "title": "Small", "shows": "Something.", **figure}
    return paper({}, scenario=scenario, figure=[figure], **more)
