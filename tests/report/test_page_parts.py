"""What a page says first and gives away: the answer card, files, the command, one legend."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from urllib.parse import unquote

import pytest

from mimolearn.link.scenario import Scenario
from mimolearn.plans.plan import load_comparison
from mimolearn.report import Answers, link_title, link_words, notes, write_report
from mimolearn.report.page.card import Fact, answer_card
from mimolearn.report.page.downloads import downloads, scenario_text
from mimolearn.report.page.legend import legend
from mimolearn.report.plots.curves import behind_plot, behind_range
from mimolearn.report.style import styles
from mimolearn.results.comparison import Comparison
from mimolearn.studies import adjust_plan

TIMES = {"mrc": 1.0, "zf": 2.0, "lmmse": 3.0, "<b>biased</b>": 4.0}


def timed(comparison: Comparison, times: dict[str, float]) -> Comparison:
    some = next(iter(comparison.timings.values()))
    return replace(
        comparison,
        timings={label: some._replace(vector_us=value) for label, value in times.items()},
    )


def facts_of(answers: Answers) -> dict[str, Fact]:
    card = answer_card(answers)
    assert card is not None
    return {fact.name: fact for fact in card.facts}


def test_the_card_has_each_number_of_the_answer(comparison):
    answers = Answers(timed(comparison, TIMES | {"mrc": 9.0}))
    card = answer_card(answers)
    assert card is not None
    assert card.label == "lmmse"
    facts = facts_of(answers)
    needed = answers.required["lmmse"]
    assert facts["SNR for BER 0.01"].value == f"{needed.value_db:.2f} dB"
    assert f"{needed.low_db:.2f} to {needed.high_db:.2f} dB" in facts["SNR for BER 0.01"].more
    gap = comparison.gap("lmmse", "zf")
    assert facts["Gained over zf, the cheapest"].value == f"{gap.value_db:.2f} dB"
    assert facts["Detection"].value == "3 µs a vector"


def test_the_card_says_so_where_the_cheapest_is_the_answer_or_misses_the_target(comparison):
    cheap = facts_of(Answers(timed(comparison, TIMES | {"mrc": 9.0, "lmmse": 0.5})))
    assert cheap["Cost"].value == "the cheapest"
    missed = facts_of(Answers(timed(comparison, TIMES)))["Gained over mrc, the cheapest"]
    assert missed.value == "–"
    assert missed.more.startswith("mrc: not reached")


def test_without_an_answer_there_is_no_card(comparison, tmp_path):
    hopeless = Answers(replace(comparison, plan=adjust_plan(comparison.plan, target=1e-7)))
    assert answer_card(hopeless) is None
    page = write_report(hopeless, tmp_path).read_text("utf-8")
    assert "No receiver crosses BER 1e-07" in page
    assert not (tmp_path / "behind-best.png").exists()


def test_the_page_says_each_thing_once(comparison, tmp_path):
    answers = Answers(timed(comparison, TIMES | {"mrc": 9.0}))
    costs = {
        label: cost._replace(parameters=7 if label == "<b>biased</b>" else 0)
        for label, cost in comparison.costs.items()
    }
    learned = Answers(replace(answers.comparison, costs=costs))
    page = write_report(learned, tmp_path).read_text("utf-8")
    body = page[page.index("<main>") :]
    assert body.count("training buys nothing at this target") == 1
    assert body.count("Lower left is better") == 1
    assert "Run lmmse: it needs" not in body
    needed = f"{learned.required['lmmse'].value_db:.2f} dB"
    assert f'<span class="value">{needed}</span>' in body


def test_rates_and_counts_stand_on_the_page(comparison, tmp_path):
    page = write_report(Answers(comparison), tmp_path).read_text("utf-8")
    for curve in comparison.curves:
        for point in curve.points:
            errors, trials = point.counts.errors("ber"), point.counts.trials("ber")
            assert f"{errors:,} of {trials:,}" in page


def test_a_coded_link_names_its_code_gmi_and_what_times_leave_out(coded, tmp_path):
    answers = Answers(coded)
    assert link_title(coded.scenario).endswith("over rayleigh, 5g-ldpc 40/80")
    code = "5g-ldpc, 40 of 80 bits (rate 0.50), sum-product in floating point, up to 50 iterations"
    assert f"code {code};" in link_words(coded.scenario)
    assert "up to 2 transmissions, chase combining" in link_words(coded.scenario)
    told = notes(answers)
    assert link_words(coded.scenario) in told
    assert "Times are those of detection alone: the decoder is not in them." in told
    page = write_report(answers, tmp_path).read_text("utf-8")
    assert f"<dd>{code}</dd>" in page
    assert "the decoder is not in them" in page
    for point in coded.curve("lmmse").points:
        assert f"<td>{point.gmi():.4f}</td>" in page
    facts = facts_of(answers)
    assert "a bit" in facts["GMI of its soft bits"].value
    uses = coded.scenario.uses_per_block
    assert f"a block of {uses} vectors; the decoder is apart" in facts["Detection"].more


def test_the_best_is_never_behind_itself_and_the_target_has_the_gap(comparison):
    answers = Answers(comparison)
    best = answers.best
    assert best is not None
    assert {value for _, value in answers.behind[best]} == {0.0}
    at_target = dict(answers.behind["zf"])[answers.target]
    loss = next(row.loss for row in answers.rows if row.label == "zf")
    assert loss is not None
    assert at_target == pytest.approx(loss.value_db, abs=1e-9)
    rates = [rate for rate, _ in answers.behind["zf"]]
    assert rates == sorted(rates, reverse=True)
    figure = behind_plot(answers)
    assert figure is not None
    low, high = behind_range(answers)
    assert low < 0 < loss.value_db < high


def test_the_toml_file_is_the_run(comparison):
    link, plan = comparison.scenario, comparison.plan
    run = {name: value for name, value in plan.to_dict().items() if name != "contenders"}
    given = downloads(link, run, plan.contenders, comparison.to_csv())
    assert [file.name for file in given.files] == ["rates.csv", "small.toml", "sources.bib"]
    assert given.command == "mimolearn compare small.toml"
    assert unquote(given.files[0].uri.partition(",")[2]) == comparison.to_csv()
    assert "@book{tse2005," in given.files[2].text


@pytest.mark.parametrize("name", ["lcgnet-32x64-bpsk", "uplink-4x4-16qam-low"])
def test_the_toml_file_is_read_back_as_the_same_run(name, tmp_path):
    link, plan = load_comparison(name)
    run = {name: value for name, value in plan.to_dict().items() if name != "contenders"}
    path = tmp_path / "again.toml"
    path.write_text(scenario_text(link, run, plan.contenders), "utf-8")
    again, plan_again = load_comparison(path)
    assert again.key() == link.key()
    assert plan_again.model_dump(exclude={"contenders"}) == plan.model_dump(exclude={"contenders"})
    for one, other in zip(plan_again.contenders, plan.contenders, strict=True):
        assert (one.key(), one.label) == (other.key(), other.label)


def test_files_name_no_folder_of_this_machine(comparison, tmp_path):
    import numpy as np

    np.save(tmp_path / "h.npy", np.ones((50, 4, 2), np.complex64))
    channel = {"model": "recorded", "path": str(tmp_path / "h.npy")}
    link = Scenario(**{**comparison.scenario.model_dump(), "channel": channel})
    page = write_report(Answers(replace(comparison, scenario=link)), tmp_path).read_text("utf-8")
    assert str(tmp_path) not in unquote(page)
    assert "path = h.npy" in page


def test_the_csv_file_of_the_page_has_a_row_a_point(comparison, tmp_path):
    page = write_report(Answers(comparison), tmp_path).read_text("utf-8")
    found = re.search(r'download="rates.csv" href="[^,]*,([^"]*)"', page)
    assert found
    rows = list(csv.DictReader(io.StringIO(unquote(found[1]))))
    assert len(rows) == sum(len(curve.points) for curve in comparison.curves)


def test_every_look_has_a_sample_in_the_legend():
    names = ["mrc", "zf", "lmmse", "neumann", "gauss-seidel", "cg", "k-best", "sphere", "sdr"]
    names += ["ep", "lcgnet-s", "lcgnet-v", "lcgnet-m", "deep-cg", *(f"mine-{i}" for i in range(9))]
    entries = legend(styles([(name, name) for name in names]), frozenset({"zf"}))
    assert [entry.label for entry in entries] == names
    assert len({str(entry.sample) for entry in entries}) == len(names)
    assert 'fill="#fff"' in entries[1].sample
