"""Beamforming runs: resumed bit for bit, same channels for all, honest intervals, sound files."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3

import numpy as np
import pytest

from mimolearn import BeamPlan, BeamScenario, HybridArray, InvalidInputError, ResultsFileError
from mimolearn.foundation.shipped import shipped_folder
from mimolearn.link.beam_scenario import shipped_beam_scenarios
from mimolearn.plans.plan import canonical_snr
from mimolearn.results.beam_comparison import BeamPoint
from mimolearn.studies import (
    BeamContender,
    adjust_plan,
    compare_beams,
    load_beam_comparison,
    load_beam_results,
)
from mimolearn.studies.execution.executors import Worker
from mimolearn.studies.kinds.rates import ChannelRates
from mimolearn.studies.storage.store import Store

ARRAY = HybridArray(
    num_users=2, num_tx_ant=16, num_tx_chains=4, num_rx_ant=4, num_rx_chains=2, num_streams=1
)
LINK = BeamScenario(array=ARRAY)
PLAN = BeamPlan(snr_db=(-8.0, -3.0), contenders=("svd-phase", "fd-mmse"), channels=100)


def test_a_run_goes_on_where_it_was_stopped(tmp_path):
    class StopError(Exception):
        pass

    def stop_at_third(event):
        if event.done_chunks == 3:
            raise StopError

    store = tmp_path / "beams.sqlite"
    with pytest.raises(StopError):
        compare_beams(LINK, PLAN, store=store, progress=stop_at_third, timing=False)
    part = load_beam_results(store)
    assert [curve.label for curve in part.curves] == ["svd-phase"]
    events = []
    resumed = compare_beams(LINK, PLAN, store=store, progress=events.append, timing=False)
    assert [event.done_chunks for event in events] == [4, 5, 6, 7, 8]
    assert {event.total_chunks for event in events} == {8}
    whole = compare_beams(LINK, PLAN, timing=False)
    for one, other in zip(resumed.curves, whole.curves, strict=True):
        for a, b in zip(one.points, other.points, strict=True):
            assert np.array_equal(a.rates, b.rates)
    assert whole.channels == 128
    stored = load_beam_results(store)
    assert stored.to_json() == resumed.to_json()
    assert stored.provenance == resumed.provenance


def test_workers_change_no_rate_and_a_killed_one_is_replaced(tmp_path):
    store, killed = tmp_path / "beams.sqlite", []
    few = adjust_plan(PLAN, channels=64)
    compare_beams(LINK, few, store=store, timing=False)

    def kill_one(event):
        if not killed:
            victim = multiprocessing.active_children()[0]
            victim.kill()
            killed.append(victim.pid)

    many = {"timing": False, "workers": 2, "progress": kill_one}
    found, whole = compare_beams(LINK, PLAN, store=store, **many), compare_beams(LINK, PLAN)
    assert killed
    assert multiprocessing.active_children() == []
    for one, other in zip(found.curves, whole.curves, strict=True):
        for a, b in zip(one.points, other.points, strict=True):
            assert np.array_equal(a.rates, b.rates)
    with pytest.raises(InvalidInputError, match="workers: got 0, expected"):
        compare_beams(LINK, PLAN, workers=0)


def test_more_channels_keep_those_that_were_there(tmp_path):
    few = compare_beams(LINK, adjust_plan(PLAN, channels=64), timing=False)
    many = compare_beams(LINK, PLAN, timing=False)
    first = many.curve("fd-mmse").at(-3.0).rates[:64]
    assert np.array_equal(few.curve("fd-mmse").at(-3.0).rates, first)


def test_frontiers_need_times():
    result = compare_beams(LINK, PLAN)
    assert set(result.frontier(-3.0)) <= {"svd-phase", "fd-mmse"}
    assert "svd-phase" in result.frontier(-3.0)
    assert result.to_dict()["curves"][0]["points"][0]["ser"] > 0


def test_intervals_hold_the_mean_where_one_channel_makes_all_of_it():
    for worst in (1e-3, 1e-7, 1e-12, 1e-40, 1e-300):
        rates = np.zeros(64)
        rates[5] = worst
        point = BeamPoint(20.0, rates)
        low, high = point.interval()
        assert 0 <= low <= point.mean <= high < 0.2


def test_intervals_allow_for_channels_that_have_not_come_up():
    point = BeamPoint(0.0, np.array([0.2] + [1e-9] * 99))
    low, high = point.interval()
    assert low < point.mean < high
    # A bootstrap would end near three such channels in a hundred.
    assert high > 0.006
    assert point.geometric_mean < 2e-9
    assert point.geometric_interval().low < point.geometric_mean < point.geometric_interval().high


def test_imperfect_knowledge_changes_designs_and_not_channels():
    vague = BeamScenario(array=ARRAY, csi_error_var=0.3)
    rates = [compare_beams(s, PLAN, timing=False).curve("fd-mmse").at(-3.0) for s in (LINK, vague)]
    assert rates[1].mean > rates[0].mean
    assert vague.key() != LINK.key()


def test_files_that_are_something_else_are_refused(tmp_path):
    path = tmp_path / "other.sqlite"
    sqlite3.connect(path).execute("CREATE TABLE x (y)").connection.commit()
    with pytest.raises(ResultsFileError, match="not a results file"):
        compare_beams(LINK, PLAN, store=path)
    path.write_text("no database at all, only a line of text that is long enough to be read")
    with pytest.raises(ResultsFileError, match=r"other\.sqlite"):
        compare_beams(LINK, PLAN, store=path)


def test_damage_is_noticed(tmp_path):
    path = tmp_path / "beams.sqlite"
    compare_beams(LINK, PLAN, store=path, timing=False)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE chunks SET payload = zeroblob(length(payload)) WHERE chunk = 1")
    with pytest.raises(ResultsFileError, match="results file is damaged"):
        compare_beams(LINK, PLAN, store=path, timing=False)


def test_weights_that_changed_are_refused_when_built(tmp_path):
    """Here and in every worker: results stand under the digest of the weights they are of."""
    folder = shipped_folder("data/weights/beamformers")
    path = tmp_path / "own.safetensors"
    for suffix in ("safetensors", "json"):
        data = (folder / f"unfolded-mser-qpsk.{suffix}").read_bytes()
        path.with_suffix(f".{suffix}").write_bytes(data)
    link = load_beam_comparison("mser-qpsk")[0]
    contender = BeamContender(str(path))
    contender.build(link)
    assert BeamContender(**contender.to_dict()) == contender
    setup = "rates", link.model_dump_json(), json.dumps([contender.to_dict()])
    other = "unfolded-mser-qpsk-gn"
    for suffix in ("safetensors", "json"):
        path.with_suffix(f".{suffix}").write_bytes((folder / f"{other}.{suffix}").read_bytes())
    message = "contender 'own': .*own.safetensors is no longer what the results are of: "
    with pytest.raises(InvalidInputError, match=message):
        contender.build(link)
    with pytest.raises(InvalidInputError, match=message):
        Worker.from_text(*setup)
    assert BeamContender(str(path)).key() != contender.key()


def test_two_runs_that_disagree_are_told(tmp_path):
    """One finds its chunk stored by another meanwhile, with other rates."""
    path, few = tmp_path / "beams.sqlite", adjust_plan(PLAN, channels=64, contenders=("svd-phase",))

    def meanwhile(event):
        if event.done_chunks == 1:
            key, snr = BeamContender("svd-phase").key(), canonical_snr(-3.0)
            with Store(path) as store:
                store.add(LINK.key(), snr, 0, {key: ChannelRates(np.full(64, 0.25))})

    with pytest.raises(ResultsFileError, match="gave other rates for chunk 0 at -3 dB than the f"):
        compare_beams(LINK, few, store=path, progress=meanwhile, timing=False)


@pytest.mark.parametrize("name", shipped_beam_scenarios())
def test_shipped_scenarios_load_with_their_plans(name):
    scenario, plan = load_beam_comparison(name)
    assert scenario.name == name
    assert plan.contenders
    assert BeamScenario.from_content(scenario.model_dump(mode="json"), name) == scenario


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mser-g", "contenders.beamformer: got 'mser-g', expected one of .*did you mean 'mser-gd'"),
        ("mo:num_iters=3", "option of beamformer 'mo': got 'num_iters'"),
        ("unfolded-mser-qpsk-gn:steps=scalar", "none: trained weights have theirs"),
    ],
)
def test_contenders_are_checked_at_once(text, message):
    with pytest.raises(InvalidInputError, match=message):
        BeamPlan(contenders=(text,))


def test_keys_know_what_matters():
    keys = {
        BeamContender.parse(text).key()
        for text in ("mo", "mo:num_iter=3", "omp", "unfolded-mser-qpsk-gn")
    }
    assert len(keys) == 4
    assert BeamContender.parse("mo:num_iter=2,label=x").key() == BeamContender("mo").key()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"channel": {"model": "real-gaussian"}}, "channel: got 'real-gaussian', expected a comp"),
        (
            {"channel": {"model": "rayleigh", "entry_variance": "1/Nr"}},
            "entry_variance: got '1/Nr'",
        ),
        ({"array": {"num_streams": 9}}, "num_streams: got 9, expected at most num_rx_chains = 4"),
        ({"constellation": "bpsk"}, "constellation: got 'bpsk', expected one of qpsk"),
    ],
)
def test_scenario_errors_are_one_line(fields, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        BeamScenario(**fields)
    assert "\n" not in str(caught.value)
