"""The six ends of a claim, what leads to each, and draws that are added until one is reached."""

from __future__ import annotations

import numpy as np
import pytest
from tests.experiments.worlds import findings, paper

from mimolearn.papers import Findings, Measured, Outcome, Table, run_experiment
from mimolearn.papers.files.quantities import Test
from mimolearn.papers.judging.ends import judge_claim
from mimolearn.papers.judging.looks import ALPHA, confidence_of
from mimolearn.papers.judging.measuring import Measuring
from mimolearn.papers.judging.parts import judge_number
from mimolearn.papers.verdict import Verdict
from mimolearn.results.statistics import rate_ratio

HOLDS = {"value": "two", "at_least": 1}
FAILS = {"value": "two", "at_most": 1}
WAITS = {"value": "known", "at_least": 1.5}
ABSENT = {"value": "absent", "at_least": 1}
SURE = {"objection": {"reason": "because", **HOLDS}}
BEATEN = {"value": "two", "published": 3, "tolerance": 0.5}


def end(claim, shift=0.5, seeds=None) -> Verdict:
    experiment = paper({"panel": "table", **claim})
    data = experiment.statements[0].data
    return judge_claim(data, findings(experiment, shift, 0.975), seeds or {})


@pytest.mark.parametrize(
    ("claim", "outcome", "reason"),
    [
        (HOLDS, Outcome.REPRODUCED, ""),
        (FAILS, Outcome.NOT_REPRODUCED, ""),
        (WAITS, Outcome.OPEN, "times the draws"),
        (ABSENT, Outcome.OPEN, "it is not there"),
        ({**BEATEN, "better": "lower"}, Outcome.BETTER, ""),
        ({**BEATEN, "better": "higher"}, Outcome.NOT_REPRODUCED, ""),
        (BEATEN, Outcome.NOT_REPRODUCED, ""),
        ({"undecidable": "the size"}, Outcome.UNDECIDABLE, "the size"),
        ({"open": "a network", "price": "an hour"}, Outcome.OPEN, "a network (an hour)"),
        ({**FAILS, **SURE}, Outcome.PAPER_IS_WRONG, "because"),
        ({**HOLDS, **SURE}, Outcome.PAPER_IS_WRONG, "because"),
        ({"undecidable": "the size", **SURE}, Outcome.PAPER_IS_WRONG, "because"),
        ({**HOLDS, "objection": {"reason": "r", **FAILS}}, Outcome.REPRODUCED, ""),
        ({**FAILS, "objection": {"reason": "r", **FAILS}}, Outcome.NOT_REPRODUCED, ""),
        ({"objection": {"reason": "r", **FAILS}}, Outcome.OPEN, "the objection to it fails"),
        ({"objection": {"reason": "r", **ABSENT}}, Outcome.OPEN, "it is not there"),
        ({**HOLDS, "objection": {"reason": "r", **WAITS}}, Outcome.REPRODUCED, "not settled"),
    ],
)
def test_what_leads_to_each_end(claim, outcome, reason):
    verdict = end(claim)
    assert verdict.outcome is outcome
    assert reason in verdict.reason
    assert bool(reason) == bool(verdict.reason)


def test_a_part_of_an_objection_that_fails_does_not_book_the_claim_as_reproduced():
    parts = {"reason": "r", "all": [HOLDS, FAILS]}
    assert end({**FAILS, "objection": parts}).outcome is Outcome.NOT_REPRODUCED
    assert end({"objection": parts}).outcome is Outcome.OPEN


def test_a_beaten_number_shows_both():
    verdict = end({**BEATEN, "better": "lower", "unit": "ms"})
    assert verdict.measured == "2 ms"
    assert verdict.published == "3 ms"


def test_a_remark_is_said_where_it_holds():
    remarks = [{"text": "left out", **HOLDS}, {"text": "not so", **FAILS}, {"text": "?", **WAITS}]
    verdict = end({**HOLDS, "remark": remarks})
    assert verdict.outcome is Outcome.REPRODUCED
    assert verdict.remarks == ("left out (2)",)


def seeded(values, half=0.01):
    table = Table((), (), {"x": 0.0})
    panels = {"p": table}
    seeds = {"p": {"net": tuple(f"net {i}" for i in range(3))}}

    class Fixed(Findings):
        def rate(self, panel, label, snr_db, metric=None):
            value = values[int(label.split()[1])]
            return Measured(value, value - half, value + half)

    return Measuring(Fixed(panels, {}, 0.95), seeds)


def test_the_spread_of_seeds_is_part_of_the_interval():
    test = Test(panel="p", rate="net", at=1.0, at_least=0.0)
    close, far = seeded([1.0, 1.0, 1.0]), seeded([0.9, 1.0, 1.1])
    assert close.over_seeds(test).low == pytest.approx(0.99)
    spread = far.over_seeds(test)
    # Student's t of two degrees of freedom, times 0.1 / sqrt(3).
    assert spread.value - spread.low == pytest.approx(
        np.hypot(4.303 * 0.1 / 3**0.5, 0.01), rel=1e-3
    )


def test_fewer_than_three_seeds_settle_nothing():
    experiment = paper({"panel": "rates", "rate": "lmmse", "at": 4, "at_most": 0.5})
    data = experiment.statements[0].data
    world = findings(experiment, 1.0)
    seeds = {"rates": {"lmmse": ("lmmse", "lmmse [seed 2]", "lmmse [seed 3]")}}
    verdict = judge_claim(data, world, seeds)
    assert verdict.outcome is Outcome.OPEN
    assert "1 of 3 training seeds" in verdict.reason
    assert judge_claim(data, world, {}).outcome is Outcome.REPRODUCED


def test_every_seed_has_to_hold_where_that_is_asked():
    fields = {"panel": "p", "rate": "net", "at": 1.0, "at_least": 0.95}
    measuring = seeded([0.9, 1.1, 1.1])
    each = Test(**fields, in_every_seed=True)
    from mimolearn.papers.judging.parts import judge_test

    assert judge_test(each, measuring).outcome is Outcome.NOT_REPRODUCED
    assert judge_test(Test(**fields), measuring).outcome is not Outcome.NOT_REPRODUCED
    assert judge_test(each, seeded([1.0, 1.1, 1.1])).outcome is Outcome.REPRODUCED


def looks_that_miss(confidence, runs=2000, looks=5, channels=200, seed=3):
    """Share of runs in which a look before the stop has an interval that misses the truth.

    A run stops when its interval excludes 1.2, which is the true ratio: the hardest bound there is.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    missed = 0
    for _ in range(runs):
        fading = generator.gamma(1.5, 1.0, channels * 2 ** (looks - 1))
        a, b = generator.poisson(1.2 * fading), generator.poisson(fading)
        for look in range(looks):
            drawn = channels * 2**look
            ratio = rate_ratio(a[:drawn], b[:drawn], confidence(look))
            if not ratio.low <= 1.2 <= ratio.high:
                missed += 1
                break
    return missed / runs


def test_intervals_hold_under_stopping():
    assert sum(1 - confidence_of(look) for look in range(10_000)) <= ALPHA
    assert looks_that_miss(confidence_of) <= 0.05
    # Plain 95 % intervals, looked at five times, do not.
    assert looks_that_miss(lambda _: 0.95, runs=400) > 0.08


def test_more_draws_are_as_many_as_settle_it():
    test = Test(value="x", panel="p", at_least=1.0)
    part = judge_number(test, Measured(1.1, 0.9, 1.3))
    assert part.more == pytest.approx(4.0)
    assert judge_number(test, Measured(1.0, 0.9, 1.1)).more == pytest.approx(1e8)


@pytest.fixture
def narrow():
    """Gaps: one takes some doublings of its draws, one none, and the last draws do not help."""
    claims = [
        {"id": "a", "gap": ["zf", "lmmse"], "target": 0.1, "at_least": 0.7},
        {"id": "b", "gap": ["zf", "lmmse"], "target": 0.1, "at_most": 5.0},
        {"id": "c", "gap": ["zf", "lmmse"], "target": 1e-6, "at_most": 5.0},
    ]
    effort = {"quick": 1500, "default": 2000, "full": 4000}
    panel = {
        "name": "rates",
        "kind": "rates",
        "title": "Rates",
        "scenario": "two",
        "contenders": ["zf", "lmmse"],
        "snr_db": [-12, -10, -8, -6, -2],
        "vectors": effort,
        "min_errors": {"quick": 10**6, "default": 10**6, "full": 10**6},
    }
    figure = {
        "name": "fig1",
        "title": "A figure",
        "panel": [panel],
        "claim": [{"text": "t", "source": "s", **claim} for claim in claims],
    }
    scenario = {"two": {"num_tx_ant": 2, "num_rx_ant": 4, "constellation": "bpsk"}}
    return paper({}, scenario=scenario, figure=[figure])


def test_draws_are_added_where_a_claim_is_open_and_nowhere_else(narrow, tmp_path):
    short = run_experiment(narrow, tmp_path, budget="quick", budget_min=0.0)
    first = {item.statement.id: item.verdict for item in short.judged}
    assert first["a"].outcome is Outcome.OPEN
    assert first["b"].outcome is Outcome.REPRODUCED
    assert short.draws == {}
    long = run_experiment(narrow, tmp_path, budget="quick", budget_min=5.0)
    second = {item.statement.id: item.verdict for item in long.judged}
    assert second["a"].outcome is Outcome.REPRODUCED
    assert second["a"].confidence > first["a"].confidence
    assert second["b"] == first["b"]
    assert second["c"].outcome is Outcome.OPEN
    assert "not reached" in second["c"].reason
    assert second["c"].more is None
    assert long.draws["rates"] >= 2
    points = long.findings.panels["rates"].curve("zf").points
    drawn = {point.snr_db: point.counts.vectors for point in points}
    assert drawn[-2.0] == min(drawn.values()) < max(drawn.values())
    again = run_experiment(narrow, tmp_path, budget="quick", budget_min=5.0)
    assert again.fresh == 0
    assert {item.statement.id: item.verdict for item in again.judged} == second
