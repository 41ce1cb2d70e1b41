"""Running: what is kept, what is taken up again, and numbers against an independent calculation."""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.experiments.worlds import effort, one_figure

from mimolearn.foundation.errors import InvalidInputError, ResultsFileError
from mimolearn.link.scenario import Scenario
from mimolearn.papers import (
    Accuracy,
    AccuracyPanel,
    ErrorRatePanel,
    Outcome,
    experiment,
    rates,
    run_experiment,
)
from mimolearn.papers.accuracy import Sums, ratio_interval
from mimolearn.papers.contenders import PerScenario, resolve
from mimolearn.papers.depths import logged_curve
from mimolearn.papers.files.contenders import Competitor
from mimolearn.plans.plan import canonical_snr
from mimolearn.plans.quantized import QuantizedDetector
from mimolearn.studies import Comparison, Contender, simulate
from mimolearn.studies.kinds.accuracy import EstimateAccuracy, Estimator, SquareSums
from mimolearn.studies.kinds.base import Task
from mimolearn.studies.kinds.chunk import batch_channels
from mimolearn.studies.kinds.seeds import chunk_generator
from mimolearn.zoo import card

UNTRAINED = "small-net has to be trained first, which a quick run does not do"


def outcomes(result) -> dict[str, Outcome]:
    return {item.statement.claim: item.verdict.outcome for item in result.judged}


def test_a_second_run_takes_up_everything(small, tmp_path):
    first = run_experiment(small, tmp_path, budget="quick")
    again = run_experiment(small, tmp_path, budget="quick")
    assert first.fresh > 0
    assert again.fresh == 0
    assert [item.verdict for item in first.judged] == [item.verdict for item in again.judged]
    written = json.loads((tmp_path / "paper-fig1.json").read_text())
    assert len(written["statements"]) == len(small.statements)
    assert written["missing"]["rates"] == {"absent": UNTRAINED}


def test_statements_of_a_quick_run(small, tmp_path):
    result = run_experiment(small, tmp_path, budget="quick")
    found = outcomes(result)
    assert found["one is one"] is Outcome.REPRODUCED
    assert found["one is two"] is Outcome.PAPER_IS_WRONG
    assert found["needs a network"] is Outcome.OPEN
    assert found["the network was trained"] is Outcome.OPEN
    assert found["wl-lmmse is below lmmse"] is Outcome.REPRODUCED
    reasons = {item.statement.claim: item.verdict.reason for item in result.judged}
    assert reasons["needs a network"] == reasons["the network was trained"] == UNTRAINED
    assert not (tmp_path / "weights").exists()


def test_more_budget_trains_once_and_reuses_what_the_quick_run_measured(small, tmp_path):
    quick = run_experiment(small, tmp_path, budget="quick")
    result = run_experiment(small, tmp_path, budget_min=0)
    weights = tmp_path / "weights" / "small-net.safetensors"
    written = weights.stat().st_mtime_ns
    assert outcomes(result)["the network was trained"] is Outcome.REPRODUCED
    before, after = (r.findings.panels["layers"] for r in (quick, result))
    assert isinstance(before, Accuracy)
    assert isinstance(after, Accuracy)
    assert after.channels == 2 * before.channels
    kept = after.curves[0].points[-1].batches[: len(before.curves[0].points[-1].batches)]
    assert kept == before.curves[0].points[-1].batches
    assert run_experiment(small, tmp_path, budget_min=0).fresh == 0
    assert weights.stat().st_mtime_ns == written


def test_receivers_that_are_slow_run_at_their_own_snrs(small, tmp_path):
    rates = run_experiment(small, tmp_path, budget="quick").findings.panels["rates"]
    assert isinstance(rates, Comparison)
    assert [curve.label for curve in rates.curves] == ["zf", "lmmse"]
    assert rates.curve("zf").at(-4.0) is None
    assert rates.curve("lmmse").at(-4.0) is not None


def test_an_interrupted_run_loses_nothing_that_was_finished(small, tmp_path):
    steps = []

    def stop(step):
        steps.append(step)
        if step.panel == "layers" and step.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(small, tmp_path, budget="quick", progress=stop)
    done = sum(step.fresh for step in steps)
    rest = run_experiment(small, tmp_path, budget="quick")
    whole = run_experiment(small, tmp_path / "other", budget="quick")
    assert 0 < rest.fresh == whole.fresh - done
    assert [item.verdict for item in rest.judged] == [item.verdict for item in whole.judged]


def test_mean_squares_are_those_of_the_textbook(small, tmp_path):
    found = run_experiment(small, tmp_path, budget="quick").findings
    scenario = small.panels[0].scenario
    error = {"lmmse": 0.0, "wl-lmmse": 0.0}
    energy = 0.0
    for batch in range(-(-2_048 // batch_channels(scenario))):
        generator = chunk_generator(scenario.key(), canonical_snr(5.0), batch)
        block = scenario.draw(5.0, batch_channels(scenario), generator)
        h, y = block.h.numpy().astype(complex), block.y[:, 0].numpy().astype(complex)
        x = scenario.points().map(block.indices)[:, 0].numpy()
        noise = block.noise_var.numpy()[:, None, None]
        energy += (np.abs(x) ** 2).sum()
        regular = np.conj(h.transpose(0, 2, 1)) @ h + noise * np.eye(2)
        filtered = np.conj(h.transpose(0, 2, 1)) @ y[..., None]
        error["lmmse"] += (np.abs(np.linalg.solve(regular, filtered)[..., 0] - x) ** 2).sum()
        real = np.concatenate([h.real, h.imag], 1)
        stacked = np.concatenate([y.real, y.imag], 1)[..., None]
        regular = real.transpose(0, 2, 1) @ real + noise / 2 * np.eye(2)
        estimate = np.linalg.solve(regular, real.transpose(0, 2, 1) @ stacked)[..., 0]
        error["wl-lmmse"] += (np.abs(estimate - x) ** 2).sum()
    for label, value in error.items():
        expected = 10 * math.log10(value / energy)
        assert found.level("layers", label).value == pytest.approx(expected, abs=1e-3)


def test_the_interval_of_a_ratio_covers_it_as_often_as_it_says():
    generator = torch.Generator().manual_seed(3)
    runs, channels = 800, 200
    weights = torch.rand(runs, channels, generator=generator) + 0.5
    errors = weights * torch.empty(runs, channels).exponential_(generator=generator)
    covered = 0
    for n, d in zip(errors.double(), weights.double(), strict=True):
        sums = Sums(
            [float(n.sum())],
            [float((n * n).sum())],
            [float((n * d).sum())],
            float(d.sum()),
            float((d * d).sum()),
        )
        _, low, high = ratio_interval(sums, 0)
        covered += low <= 1.0 <= high
    assert abs(covered / runs - 0.95) < 4 * math.sqrt(0.95 * 0.05 / runs)


def test_damaged_measurements_are_one_line(small, tmp_path):
    run_experiment(small, tmp_path, budget="quick")
    for number, change in enumerate(("payload = x'7b'", "chunk = chunk + 7")):
        path = tmp_path / str(number) / "results.sqlite"
        path.parent.mkdir()
        path.write_bytes((tmp_path / "results.sqlite").read_bytes())
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(f"UPDATE chunks SET {change} WHERE scenario LIKE '%-accuracy'")
        with pytest.raises(ResultsFileError, match="results file is damaged") as error:
            run_experiment(small, path.parent, budget="quick")
        assert "\n" not in str(error.value)


def test_workers_change_no_mean_square(small, tmp_path):
    alone = run_experiment(small, tmp_path / "alone", budget="quick").findings.panels["layers"]
    pair = run_experiment(small, tmp_path / "pair", budget="quick", workers=2)
    assert pair.findings.panels["layers"] == alone


def test_a_chunk_of_mean_squares_comes_back_to_the_last_bit(small):
    panel = small.panels[1]
    assert isinstance(panel, AccuracyPanel)
    kind = EstimateAccuracy(panel.scenarios[0], [Estimator(Contender("lmmse"), shrunk=False)])
    (result,) = kind.measure(Task("5.000000", 0, (0,)))
    assert SquareSums.unpack(result.pack()) == result
    for spoilt in (b"", b"{}", b"[1]", b'{"channels": 1}', result.pack()[:-1]):
        with pytest.raises(ValueError):  # noqa: PT011  (each has its own words)
            SquareSums.unpack(spoilt)


@pytest.mark.parametrize("options", [{"budget": "slow"}, {"workers": 0}])
def test_wrong_arguments(small, tmp_path, options):
    with pytest.raises(InvalidInputError):
        run_experiment(small, tmp_path, **options)


def test_a_figure_of_error_rates_end_to_end(tmp_path):
    first = run_experiment(experiment("lcgnet/fig13"), tmp_path, budget="quick")
    again = run_experiment(experiment("lcgnet/fig13"), tmp_path, budget="quick")
    assert first.fresh > 0
    assert again.fresh == 0
    assert outcomes(first) == outcomes(again)


def test_a_figure_of_mean_squares_end_to_end_meets_the_numbers_of_the_paper(tmp_path):
    first = run_experiment(experiment("lcgnet/fig7"), tmp_path, budget="quick")
    again = run_experiment(experiment("lcgnet/fig7"), tmp_path, budget="quick")
    assert first.fresh > 0
    assert again.fresh == 0
    found = outcomes(again)
    assert found == outcomes(first)
    assert found["LcgNetV reaches -30 dB with 7 layers"] is Outcome.OPEN
    assert found["NMSE at 30 dB: cg is at -30 dB at 14"] is Outcome.REPRODUCED
    assert found["NMSE at 30 dB: cg is at -23.28 dB at 7"] is Outcome.REPRODUCED
    assert found["The entries of the channel have variance 1/Nt"] is Outcome.PAPER_IS_WRONG


def test_the_printed_gradients_hold_in_the_last_layer_only(tmp_path):
    found = outcomes(run_experiment(experiment("deep-cg/table1"), tmp_path, budget="quick"))
    for equation in "689":
        claim = next(claim for claim in found if claim.startswith(f"Eq. {equation}"))
        assert found[claim] is Outcome.PAPER_IS_WRONG


def test_a_training_log_gives_a_curve_over_layers():
    panel = experiment("lcgnet/fig7").panels[0]
    assert isinstance(panel, AccuracyPanel)
    curve = logged_curve(panel, panel.logged[0])
    assert [point.x for point in curve.points] == list(range(1, 16))
    assert curve.points[-1].value < curve.points[0].value - 10
    # What the whole training ends with at 0 dB, from the same log.
    at_0 = logged_curve(replace(panel, snr_db=(0.0,)), panel.logged[0]).points[-1].value
    loss = card("lcgnet-v-32x64-bpsk-layerwise").validation_loss
    assert at_0 == pytest.approx(10 * math.log10(loss * 32 / 64), abs=1e-6)
    with pytest.raises(InvalidInputError, match="layer by layer at 7 dB"):
        logged_curve(replace(panel, snr_db=(7.0,)), panel.logged[0])


def test_a_receiver_made_for_each_scenario(small, tmp_path):
    def entry(scenario):
        return Competitor("own", "cg", {"num_iter": scenario.num_tx_ant})

    before = small.panels[1]
    assert isinstance(before, AccuracyPanel)
    link = before.scenarios[0]
    wider = link.model_copy(update={"num_tx_ant": 3})
    panel = replace(
        before,
        scenarios=(link, wider),
        axis="streams",
        contenders=(PerScenario("own", entry), Competitor("two", "cg", {"num_iter": 2})),
    )
    result = run_experiment(
        replace(small, panels=(panel,), statements=()), tmp_path, budget="quick"
    )
    found = result.findings.panels["layers"]
    assert isinstance(found, Accuracy)
    own, two = found.curves
    assert [point.x for point in own.points] == [2.0, 3.0]
    assert own.points[0].value == two.points[0].value
    assert own.points[1].value < two.points[1].value


def test_a_quantiser_is_trained_once_and_stands_behind_its_detector(tmp_path):
    changes = {
        "teacher": "lmmse",
        "snr": {"low_db": 8.0, "high_db": 12.0},
        "uses": 500,
        "bits": 2.0,
    }
    network = {"base": "max-mi-2x2-64qam-24", "scenario": "link", "changes": changes}
    panel = {
        "name": "rates",
        "kind": "rates",
        "title": "Rates",
        "scenario": "link",
        "contenders": ["lmmse:demapping=max-log,quantizer=tiny-levels,label=kept"],
        "snr_db": [10],
        "vectors": effort(100, 100),
    }
    link = Scenario(num_tx_ant=2, num_rx_ant=2, constellation="16-qam")
    networks = {"tiny-levels": {**network, "without": ["measure"]}}
    (read,) = one_figure({"panel": [panel]}, link, network=networks).panels
    assert isinstance(read, ErrorRatePanel)
    entries = read.contenders
    quick = resolve(entries, tmp_path, may_train=False)
    assert quick.contenders == ()
    assert "has to be trained first" in quick.missing["kept"]
    (found,) = resolve(entries, tmp_path, may_train=True).contenders
    assert (found.name, found.label) == ("lmmse", "kept")
    assert found.options["demapping"] == "max-log"
    assert isinstance(found.build("16-qam"), QuantizedDetector)
    (again,) = resolve(entries, tmp_path, may_train=False).contenders
    assert again.key() == found.key()


def test_a_receiver_that_a_function_makes_leaves_the_rest_to_the_workers(
    small, tmp_path, monkeypatch
):
    """A detector object runs here; the rest of its panel runs in as many processes as asked."""
    asked = []

    def spy(scenario, group, *args, workers, **rest):
        asked.append(([contender.label for contender in group], workers))
        return simulate(scenario, group, *args, workers=1, **rest)

    monkeypatch.setattr(rates, "simulate", spy)
    panel = small.panels[0]
    function = "tests.experiments.worlds:widely_linear"
    made = Competitor("made", "made", {"constellation": "bpsk"}, make=function)
    named = (Competitor(name, name) for name in ("lmmse", "wl-lmmse"))
    mixed = replace(panel, contenders=(next(named), made, next(named)), from_snr_db={})
    found = run_experiment(
        replace(small, panels=(mixed, *small.panels[1:]), statements=()),
        tmp_path,
        budget="quick",
        workers=3,
    ).findings.panels["rates"]
    assert asked == [(["lmmse", "wl-lmmse"], 3), (["made"], 1)]
    assert isinstance(found, Comparison)
    assert [curve.label for curve in found.curves] == ["lmmse", "made", "wl-lmmse"]
    by_hand, plain = (found.curve(label).points for label in ("made", "wl-lmmse"))
    assert [point.counts.bit_errors for point in by_hand] == [p.counts.bit_errors for p in plain]
