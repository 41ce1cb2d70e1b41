"""Papers as files: what ships is sound, and what is wrong is said in one line."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from tests.experiments.worlds import WORDS, paper_file

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.foundation.shipped import read_shipped_toml
from mimolearn.papers import (
    AccuracyPanel,
    BeamPanel,
    ErrorRatePanel,
    select_experiments,
)
from mimolearn.papers.contenders import PerScenario
from mimolearn.papers.files.contenders import Competitor
from mimolearn.papers.files.json_schema import json_schema
from mimolearn.papers.files.loading import experiments_of, read_paper, shipped_paper, shipped_papers
from mimolearn.papers.files.templates import merge, repeat, share
from mimolearn.plans.beam_contender import BeamContender
from mimolearn.studies import Contender
from mimolearn.weights import shipped_beams, shipped_weights

HOLDS = {"value": "two", "panel": "table", "at_least": 1}
EXAMPLES = Path(__file__).parents[2] / "examples" / "papers"
each_paper = pytest.mark.parametrize("key", shipped_papers())


def refusal(content) -> str:
    with pytest.raises(InvalidInputError) as caught:
        experiments_of(content, "paper.toml", Path())
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ({"gap": ["zf", "lmse"], "panel": "rates", "at_least": 0}, "expected one of zf, lmmse"),
        ({"rate": "zf", "panel": "rates", "at": 3, "at_most": 1}, "at: got 3.0, expected an SNR"),
        ({"rate": "zf", "panel": "rates", "at_most": 1}, "at: missing"),
        ({"rate": "zf", "panel": "ratse", "at": 2, "at_most": 1}, "did you mean 'rates'?"),
        ({"rate": "zf", "at": 2, "at_most": 1}, "panel: missing"),
        ({"level": "cg", "panel": "rates", "at_most": 1}, "a panel of kind accuracy"),
        ({"level": "cg", "panel": "layers", "at": 1.5, "at_most": 1}, "a layer, counted from 1"),
        ({"value": "three", "panel": "table", "at_most": 1}, "one of exact, known, two, absent"),
        ({"value": "two", "panel": "table"}, "give at_least, at_most or published"),
        ({"value": "two", "panel": "table", "published": 1}, "tolerance or tolerance_percent"),
        ({**HOLDS, "published": 1, "tolerance": 1}, "no at_least or at_most beside it"),
        ({**HOLDS, "better": "lower"}, "published: missing"),
        ({**HOLDS, "at_most": 0}, "at least at_least = 1"),
        ({**HOLDS, "gap": ["zf", "lmmse"]}, "verb: got 'gap, value', expected one of"),
        ({"at_most": 1}, "test: missing"),
        ({**HOLDS, "open": "a"}, "nothing beside a test"),
        ({"open": "a", "undecidable": "b"}, "nothing beside"),
        ({**HOLDS, "at": 3}, "nothing: value does not use it"),
        ({**HOLDS, "levle": 1}, "did you mean 'level'?"),
        ({**HOLDS, "id": "A b"}, "id: got 'A b'"),
        ({"gmi": "zf", "panel": "beams", "at": 5, "at_most": 1}, "a panel of kind rates"),
        ({"rate": "zf", "panel": "rates", "at": 2, "metric": "bre", "at_most": 1}, "'ber'"),
        ({"rate": "zf", "panel": "rates", "at": 2, "geometric": True, "at_most": 1}, "of beams"),
        ({"order": ["zf", "lmmse"], "panel": "rates", "at": 2}, "by: missing"),
        ({"falls": "cg", "over": [2, 1], "panel": "layers"}, "over: got [2.0, 1.0]"),
        ({"all": [{"each": 3, **HOLDS}]}, "a list of tables, or a table of lists"),
        ({**HOLDS, "objection": HOLDS}, "reason: missing"),
        ({**HOLDS, "text": "@nothing"}, "shared value: got 'nothing'"),
    ],
)  # fmt: skip
def test_a_wrong_claim_is_said_in_one_line(claim, words):
    message = refusal(paper_file(claim))
    assert message.startswith("paper.toml: ")
    assert words in message


def changed(path, value):
    content = paper_file(HOLDS)
    inner = content
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return content


PANEL = ("figure", 0, "panel", 0)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("key",), "A", "key: got 'A'"),
        (("tite",), "A", "did you mean 'title'?"),
        (("figure", 0, "claim", 0, "id"), 3, "id: got 3, expected a string"),
        ((*PANEL, "contenders"), ["zf", "lmse"], "did you mean 'lmmse'?"),
        ((*PANEL, "contenders"), ["zf", "zf", "lmmse"], "a different label for each contender"),
        ((*PANEL, "contenders"), ["zf", {"label": "x"}], "a table with 'name' or 'make'"),
        ((*PANEL, "contenders"), ["zf:quantizer=no,label=lmmse", "zf"], "quantizer: got 'no'"),
        ((*PANEL, "contenders"), ["k-best:kk=3,label=lmmse", "zf"], "option of k-best: got 'kk'"),
        ((*PANEL, "scenario"), "lnk", "did you mean 'link'?"),
        ((*PANEL, "scenario"), "mser-qpsk", "a link, not one of beamforming"),
        ((*PANEL, "kind"), "rate", "did you mean 'rates'?"),
        ((*PANEL, "name"), "layers", "a different name for each panel"),
        ((*PANEL, "quick_snr_db"), [1], "SNRs that are among snr_db"),
        ((*PANEL, "from_snr_db"), {"sphere": 1}, "from_snr_db: got 'sphere'"),
        ((*PANEL, "blocks"), {"quick": 1, "default": 1, "full": 1}, "the scenario has no blocks"),
        ((*PANEL, "vectors"), {"quick": 2, "default": 1, "full": 1}, "do not fall from quick"),
        (("figure", 0, "panel", 3, "function"), "os:getcwd", "a function with @python_panel"),
        (("figure", 0, "panel", 3, "function"), "no.such:thing", "cannot import no.such"),
        (("scenario", "link", "num_tx_ant"), 0, "scenario.link: num_tx_ant: got 0"),
        (("scenario", "link"), {"base": "link"}, "no scenario that begins with itself"),
        (("network",), {"n": {"base": "no"}}, "network.n: base: got 'no'"),
        (("network",), {"n": {}}, "give base or fine_tune"),
        (("network",), {"n": {"base": "nn-det-2x2-64qam", "seeds": [1, 1]}}, "each seed once"),
    ],
)
def test_a_wrong_table_is_said_in_one_line(path, value, words):
    assert words in refusal(changed(path, value))


def test_claims_need_different_ids():
    content = paper_file(HOLDS)
    content["figure"][0]["claim"] *= 2
    assert "a different id for each claim" in refusal(content)


def test_templates():
    assert share({"a": ["@b", "c"]}, {"b": ["x", "y"]}) == {"a": ["x", "y", "c"]}
    rows = repeat([{"each": {"a": [1, 2], "b": ["x", "y"]}, "v": "{a}{b}", "{a}": ["{b}"]}])
    assert [row["v"] for row in rows] == ["1x", "1y", "2x", "2y"]
    assert rows[3]["2"] == ["y"]
    zipped = repeat([{"each": [{"n": 1, "l": [1, 2]}], "at": "{n}", "all": ["{l}", 3]}])
    assert zipped == [{"at": 1, "all": [1, 2, 3]}]
    assert merge({"c": {"model": "a", "x": 1}}, {"c": {"model": "b"}}) == {"c": {"model": "b"}}


def test_a_shared_value_that_names_itself_is_refused():
    assert "shared value: got 'a'" in refusal(
        {**paper_file(HOLDS), "shared": {"a": "@a"}, "link": "@a"}
    )


def test_what_stands_outside_holds_inside():
    pair = {"difference": [{"rate": "zf"}, {"rate": "lmmse", "at": 4}], "panel": "rates", "at": 2}
    (experiment,) = experiments_of(paper_file({**pair, "at_least": 0}), "paper.toml", Path())
    data = experiment.statements[0].data
    assert [(leaf.panel, leaf.at) for leaf in data.leaves()] == [("rates", 2.0), ("rates", 4.0)]


def test_seeds_are_contenders_of_their_own_and_the_shipped_one_is_not_trained_again(tmp_path):
    network = {"net": {"base": "lcgnet-v-32x64-bpsk", "seeds": [1, 7]}}
    content = paper_file(HOLDS, network=network)
    content["figure"][0]["panel"][0]["contenders"].append("net:label=learned")
    (experiment,) = experiments_of(content, "paper.toml", Path())
    assert experiment.seeds["rates"]["learned"] == ("learned", "learned [seed 2]")
    panel = experiment.panels[0]
    assert isinstance(panel, ErrorRatePanel)
    first, second = (entry for entry in panel.contenders[2:] if isinstance(entry, Competitor))
    assert first.table(tmp_path, may_train=False)["name"] == "lcgnet-v-32x64-bpsk"
    with pytest.raises(InvalidInputError, match="net-seed2 has to be trained first"):
        second.table(tmp_path, may_train=False)
    assert second.networks["net-seed2"].recipe().seed == 7


def test_a_quantiser_has_its_training_seeds_too(tmp_path):
    network = {"net": {"base": "eq-net-2x2-64qam-36", "seeds": [1, 7]}}
    content = paper_file(HOLDS, network=network)
    content["figure"][0]["panel"][0]["contenders"].append("ml:quantizer=net,label=stored")
    (experiment,) = experiments_of(content, "paper.toml", Path())
    assert experiment.seeds["rates"]["stored"] == ("stored", "stored [seed 2]")
    panel = experiment.panels[0]
    assert isinstance(panel, ErrorRatePanel)
    first, second = (entry for entry in panel.contenders[2:] if isinstance(entry, Competitor))
    table = first.table(tmp_path, may_train=False)
    assert (table["name"], table["quantizer"]) == ("ml", "eq-net-2x2-64qam-36")
    with pytest.raises(InvalidInputError, match="net-seed2 has to be trained first"):
        second.table(tmp_path, may_train=False)
    assert (second.name, second.networks["net-seed2"].recipe().seed) == ("ml", 7)


def test_a_network_is_trained_once_and_anew_where_its_recipe_changed(tmp_path):
    def path(steps):
        changes = {
            "stage": [{"steps": steps}],
            "options": {"num_layers": 2},
            "measure": {"snr_db": []},
        }
        changes |= {"validation": {"channels": 4, "vectors": 1}}
        network = {"net": {"base": "lcgnet-v-32x64-bpsk", "scenario": "link", "changes": changes}}
        content = paper_file(HOLDS, network=network)
        content["scenario"]["link"] |= {"num_tx_ant": 2, "num_rx_ant": 2}
        content["figure"][0]["panel"][0]["contenders"].append("net:label=learned")
        (experiment,) = experiments_of(content, "paper.toml", Path())
        panel = experiment.panels[0]
        assert isinstance(panel, ErrorRatePanel)
        entry = panel.contenders[2]
        assert isinstance(entry, Competitor)
        table = entry.table(tmp_path, may_train=True, progress=lambda *told: seen.append(told))
        return Path(table["name"])

    seen = []

    first = path(2)
    trained = first.stat().st_mtime_ns
    assert seen == [("net", 2, 2)]
    assert path(2).stat().st_mtime_ns == trained
    assert len(seen) == 1
    assert path(3).stat().st_mtime_ns > trained


@each_paper
def test_shipped_papers_name_what_exists(key, tmp_path):
    experiments = shipped_paper(key)
    assert {e.paper.key for e in experiments} == {key}
    for experiment in experiments:
        for panel in experiment.panels:
            for entry in _entries(panel):
                _check_entry(panel, entry)


def _entries(panel):
    if isinstance(panel, BeamPanel):
        return panel.beams
    for entry in getattr(panel, "contenders", ()):
        if isinstance(entry, PerScenario):
            assert isinstance(panel, AccuracyPanel)
            yield from (entry.entry(scenario) for scenario in panel.scenarios)
        else:
            yield entry


def _check_entry(panel, entry):
    assert isinstance(entry, Competitor)
    for name, network in entry.networks.items():
        recipe = network.recipe() if not network.table.fine_tune else None
        assert recipe is None or recipe.name == name
        started = network.table.fine_tune
        assert not started or started in (*shipped_weights(), *network.others)
    if entry.networks:
        return
    if entry.make:
        entry.made()
    elif isinstance(panel, BeamPanel):
        BeamContender.parse({"name": entry.name, **entry.options}).build(panel.link)
    elif entry.name not in shipped_weights() or entry.options:
        Contender.parse({"name": entry.name, **entry.options, "label": entry.label})


@each_paper
def test_shipped_seeds_begin_with_the_one_that_ships(key):
    for experiment in shipped_paper(key):
        for panel in experiment.panels:
            for entry in getattr(panel, "contenders", ()):
                for network in getattr(entry, "networks", {}).values():
                    table = network.table
                    ships = table.base in (*shipped_weights(), *shipped_beams())
                    if ships and table.seeds and not (table.changes or table.scenario):
                        seeds = {
                            one.seed: one.shipped_twin()
                            for one in network.others.values()
                            if one.table is table
                        }
                        assert table.base in seeds.values(), network.name


@pytest.mark.parametrize("kind", ["paper", "scenario", "recipe"])
def test_schemas_are_json(kind):
    schema = json.loads(json.dumps(json_schema(kind)))
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert "snr" in json.dumps(schema)


def test_the_schema_fits_what_ships_and_refuses_what_does_not():
    jsonschema = pytest.importorskip("jsonschema", reason="comes with the notebook extra alone")
    validator = jsonschema.Draft202012Validator(json_schema("paper"))
    files = [read_shipped_toml("paper", "data/papers", key) for key in shipped_papers()]
    files += [tomllib.loads(path.read_text("utf-8")) for path in EXAMPLES.glob("*.toml")]
    for content in files:
        validator.validate(content)
    files[0]["figure"][0]["claim"][0]["levle"] = 1
    assert not validator.is_valid(files[0])


def test_a_file_of_ones_own_is_chosen_by_its_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(EXAMPLES.joinpath("my-detector.toml").read_text("utf-8"), "utf-8")
    assert [e.name for e in read_paper(path)] == [e.name for e in select_experiments([str(path)])]
    (one,) = select_experiments([f"{path}/fig1"])
    assert one.name.endswith("/fig1")
    with pytest.raises(InvalidInputError, match="figure: got 'fig9'"):
        select_experiments([f"{path}/fig9"])
    with pytest.raises(InvalidInputError, match="cannot be read"):
        select_experiments([str(tmp_path / "absent.toml")])


def test_words_of_the_worlds_are_those_of_a_claim():
    assert set(WORDS) == {"id", "text", "source"}
