"""Every verb in a world where its claim is true, in one where it is false, and on the edge."""

from __future__ import annotations

import pytest
from tests.experiments.worlds import comparison, findings, paper

from mimolearn.papers import Outcome
from mimolearn.papers.judging.ends import judge_claim

BETTER, NO, OPEN = Outcome.REPRODUCED, Outcome.NOT_REPRODUCED, Outcome.OPEN

# A claim, and the worlds by how much they are better: where it holds, fails, and is on the edge.
GAP = {"gap": ["zf", "lmmse"], "target": 1e-2, "at_least": 1.0}
RATES = [{"rate": "zf"}, {"rate": "lmmse"}]
BEAMS = {"panel": "beams", "at": 5}
LAYERS = {"panel": "layers"}
CLAIMS = {
    "gap": (GAP, 2.0, 0.0, 1.0),
    "snr": ({"snr": "lmmse", "target": 1e-2, "at_most": 3.0}, 2.0, 0.0, 1.0),
    "rate": ({"rate": "lmmse", "at": 4, "at_most": 10**-2.25}, 2.0, 0.0, 1.0),
    "rate of beams": ({"rate": "gd", "panel": "beams", "at": 5, "at_most": 0.0099}, 2.0, 0.0, 1.0),
    "unlike": ({"unlike": ["zf", "lmmse"], "at": 4, "at_least": 150}, 2.0, 0.0, None),
    "gmi": ({"gmi": "lmmse", "at": 2, "at_least": 1 - 10**-1.75}, 2.0, 0.0, 1.0),
    "time": ({"time": "zf", "at_least": 11.0}, 2.0, 0.0, None),
    "work": ({"work": "zf", "at_least": 120}, 2.0, 0.0, None),
    "level": ({"level": "cg", "panel": "layers", "at": 2, "at_most": -4.0}, 2.0, 0.0, 1.0),
    "last level": ({"level": "cg", "panel": "layers", "at_most": -6.0}, 2.0, 0.0, 1.0),
    "value": ({"value": "known", "panel": "table", "at_least": 2.0}, 2.0, 0.0, 1.0),
    "exact value": ({"value": "exact", "panel": "table", "at_least": 2.0}, 2.0, 0.0, None),
    "difference of rates": (
        {"difference": [{"rate": "zf"}, {"rate": "lmmse"}], "at": 0, "at_least": 0.0438},
        2.0,
        0.0,
        1.0,
    ),
    "difference of SNRs": (
        {"difference": [{"snr": "zf"}, {"snr": "lmmse"}], "target": 1e-2, "at_least": 1.0},
        2.0,
        0.0,
        1.0,
    ),
    "difference of levels": (
        {"difference": [{"level": "lmmse"}, {"level": "cg", "at": 3}], "at_least": 1, **LAYERS},
        2.0,
        0.0,
        1.0,
    ),
    "difference of beams": (
        {"difference": [{"rate": "fd-mmse"}, {"rate": "gd"}], "at_least": 0.0099, **BEAMS},
        2.0,
        0.0,
        1.0,
    ),
    "ratio of rates": (
        {"ratio": [{"rate": "zf"}, {"rate": "lmmse"}], "at": 4, "at_least": 10**0.25},
        2.0,
        0.0,
        1.0,
    ),
    "ratio of beams": (
        {"ratio": [{"rate": "gd"}, {"rate": "fd-mmse"}], "at_most": 0.5, **BEAMS},
        2.0,
        0.0,
        1.0,
    ),
    "ratio of values": (
        {"ratio": [{"value": "known"}, {"value": "two"}], "panel": "table", "at_least": 1.0},
        2.0,
        0.0,
        1.0,
    ),
    "product": (
        {"product": [{"number": 10}, {"value": "known", "panel": "table"}], "at_least": 20},
        2.0,
        0.0,
        1.0,
    ),
    "number": (
        {"difference": [{"value": "exact", "panel": "table"}, {"number": 2}], "at_least": 0},
        2.0,
        0.0,
        None,
    ),
    "published": (
        {"value": "known", "panel": "table", "published": 2.0, "tolerance": 0.5},
        1.0,
        3.0,
        1.5,
    ),
    "published in per cent": (
        {"value": "known", "panel": "table", "published": 2.0, "tolerance_percent": 25},
        1.0,
        3.0,
        1.5,
    ),
    "all": (
        {"all": [GAP, {"rate": "zf", "at": 4, "at_most": 0.5}]},
        2.0,
        0.0,
        1.0,
    ),
    "any": (
        {"any": [GAP, {"rate": "zf", "at": 4, "at_least": 0.5}]},
        2.0,
        0.0,
        1.0,
    ),
    "for all of": (
        {
            "all": [
                {
                    "each": {"snr": [0, 2, 4]},
                    "ratio": RATES,
                    "at": "{snr}",
                    "at_least": 10**0.25,
                }
            ]
        },
        2.0,
        0.0,
        1.0,
    ),
    "order by rate": ({"order": ["lmmse", "zf"], "by": "rate", "at": 4}, 1.0, -1.0, None),
    "order by SNR": ({"order": ["lmmse", "zf"], "by": "snr", "target": 1e-2}, 1.0, -1.0, None),
    "order by level": (
        {"order": ["cg", "lmmse"], "by": "level", "at": 3, **LAYERS},
        2.0,
        0.0,
        2 / 3,
    ),
    "falls": ({"falls": "cg", "over": [1, 2, 3], "panel": "layers"}, 1.0, -2.0, -1.0),
    "rises": ({"rises": "cg", "over": [1, 3], "panel": "layers"}, -2.0, 1.0, -1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_holds_fails_and_stays_open(name):
    claim, true, false, edge = CLAIMS[name]
    experiment = paper({"panel": "rates", **claim})
    data = experiment.statements[0].data
    worlds = {true: BETTER, false: NO} | ({} if edge is None else {edge: OPEN})
    for shift, wanted in worlds.items():
        verdict = judge_claim(data, findings(experiment, shift, 0.975), {})
        assert verdict.outcome is wanted, (shift, verdict)
        assert verdict.measured
        assert (verdict.more is not None) == (wanted is OPEN)


def test_the_second_draw_of_a_pair_is_worth_more_than_one_of_its_own():
    experiment = paper({"panel": "rates", "gap": ["zf", "lmmse"], "target": 1e-2, "at_least": 1.0})
    world = findings(experiment, 1.0)
    gap = world.gap("rates", "zf", "lmmse", 1e-2)
    apart = world.snr("rates", "zf", 1e-2).minus(world.snr("rates", "lmmse", 1e-2))
    assert gap.value == pytest.approx(1.0, abs=0.05)
    assert gap.high - gap.low < 0.8 * (apart.high - apart.low)


def test_intervals_grow_with_the_confidence():
    experiment = paper({"panel": "rates", "rate": "zf", "at": 4, "at_most": 1.0})
    narrow, wide = (findings(experiment, 1.0, confidence) for confidence in (0.95, 0.995))
    readings = (
        lambda f: f.snr("rates", "zf", 1e-2),
        lambda f: f.gap("rates", "zf", "lmmse", 1e-2),
        lambda f: f.rate("rates", "zf", 4),
        lambda f: f.gmi("rates", "zf", 4),
        lambda f: f.rate_difference("rates", "zf", "lmmse", 4),
        lambda f: f.rate_ratio("rates", "zf", "lmmse", 4),
        lambda f: f.level("layers", "cg", 2),
        lambda f: f.difference("layers", ("cg", 2), ("lmmse", None)),
        lambda f: f.value("table", "known"),
        lambda f: f.beam_rate("beams", "gd", 5),
        lambda f: f.beam_difference("beams", "gd", "fd-mmse", 5),
        lambda f: f.beam_rate_ratio("beams", "gd", "fd-mmse", 5),
    )
    for reading in readings:
        small, large = reading(narrow), reading(wide)
        assert large.low < small.low < small.value < small.high < large.high


def test_few_effective_channels_are_said_and_need_a_clear_case():
    claim = {"panel": "rates", "ratio": [{"rate": "zf"}, {"rate": "lmmse"}], "at": 6}
    for bound, wanted in ((1.05, BETTER), (2.0, OPEN)):
        experiment = paper({**claim, "at_least": bound})
        data = experiment.statements[0].data
        world = findings(experiment, 3.0)
        few = {**world.panels, "rates": comparison(3.0, vectors=20_000)}
        verdict = judge_claim(data, type(world)(few, {}, 0.975), {})
        assert verdict.outcome is wanted, verdict
        if wanted is OPEN:
            assert "effective channels" in verdict.reason
            assert verdict.more is not None
