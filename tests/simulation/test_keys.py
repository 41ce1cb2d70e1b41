"""Keys stand for all that decides a result, and for nothing else."""

import hashlib
import importlib
import json
import os
import sqlite3
import sys
import types
from contextlib import closing
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, final

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mimolearn import InvalidInputError, ResultsFileError, Scenario, load_results, make_detector
from mimolearn.beamformers import beamformer_names
from mimolearn.detectors import (
    Detector,
    DetNet,
    Guarded,
    KBest,
    Las,
    detector_class,
    detector_names,
)
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.link.channels import Recorded
from mimolearn.plans.beam_contender import BeamContender
from mimolearn.plans.contender import unique_contenders
from mimolearn.plans.fingerprint import fingerprint
from mimolearn.plans.identity import difference, plain_value, weights_tree
from mimolearn.studies import Contender, simulate
from mimolearn.weights import read_card

NET = "tap-net-8v"
LINK = Scenario(num_tx_ant=2, num_rx_ant=2, constellation="qpsk", channel_reuse=3)


def shipped(name, folder="receivers"):
    return Path(
        str(resources.files("mimolearn") / "data" / "weights" / folder / f"{name}.safetensors")
    )


@pytest.fixture
def copy(tmp_path):
    """A copy of shipped weights, with fields of the card and bytes replaced; returns the path."""

    def make(name, to, /, data=None, folder="receivers", options=None, **fields):
        source = shipped(name, folder)
        data = source.read_bytes() if data is None else data
        card = json.loads(source.with_suffix(".json").read_text()) | fields
        card["options"] = card["options"] | (options or {})
        path = tmp_path / f"{to}.safetensors"
        path.write_bytes(data)
        path.with_suffix(".json").write_text(
            json.dumps(card | {"sha256": hashlib.sha256(data).hexdigest()})
        )
        return str(path)

    return make


def key(value):
    return Contender.parse(value).key()


@final
class Mine(Detector):
    """A detector of a user's own; it need not detect anything here."""

    name = "mine"

    def __init__(self, **attributes):
        super().__init__("qpsk")
        for name, value in attributes.items():
            setattr(self, name, value)

    def _prepare(self, h, noise_var):
        return h

    def _detect(self, prepared, y):
        raise NotImplementedError

    def cost(self, num_rx_ant, num_tx_ant):
        raise NotImplementedError


@dataclass
class Settings:
    depth: int = 3


def own(**attributes):
    return Contender.from_detector("mine", Mine(**attributes)).key()


# Names


def test_every_detector_option_is_found():
    """What a built detector holds of detectors comes from options that say so."""
    found = {}
    for name in detector_names():
        cls = detector_class(name)
        if cls.detector_option_names():
            found[name] = tuple(cls.detector_option_names())
            built = make_detector(name, "qpsk")
            assert {k for k, v in vars(built)["_modules"].items() if isinstance(v, Detector)} == {
                *found[name]
            }
    assert found == {"las": ("inner",), "guarded": ("inner", "fallback")}


@pytest.mark.parametrize("name", detector_names())
def test_every_option_and_the_revision_are_in_the_key(name, monkeypatch):
    plain = Contender(name)
    tree = plain.identity["detector"]
    assert set(tree["options"]) == set(detector_class(name).option_names())
    monkeypatch.setattr(detector_class(name), "revision", detector_class(name).revision + 1)
    assert Contender(name).key() != plain.key()


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["num_iter", "damping", "demapping"]),
        st.sampled_from([3, 4, 0.25, 0.5, "exact", "max-log"]),
    )
)
def test_keys_differ_exactly_where_options_do(options):
    valid = {"num_iter": int, "damping": float, "demapping": str}
    options = {k: v for k, v in options.items() if type(v) is valid[k]}
    filled = {"num_iter": 10, "damping": 0.9, "demapping": "exact", **options}
    backwards = dict(reversed(options.items()))
    contender = Contender("ep", options, label="x")
    assert contender.key() == Contender("ep", backwards).key() == Contender("ep", filled).key()
    for name, other in (("num_iter", 11), ("damping", 0.125), ("demapping", "max-log")):
        same = filled[name] == other
        assert (Contender("ep", options | {name: other}).key() == contender.key()) == same


def test_a_whole_number_is_one_however_it_is_written():
    assert key("guarded:doubt=2") == key("guarded:doubt=2.0") == key("guarded")
    assert key("guarded:doubt=3") != key("guarded")
    assert plain_value([2.0, True, 0.5, {"a": -0.0}]) == [2, True, 0.5, {"a": 0}]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("las:inner=k-best", "las:inner=k-best:k=4"),
        ("guarded:fallback=k-best", "guarded:fallback=k-best:k=4"),
        ("guarded:inner=guarded:fallback=ep", "guarded:inner=guarded:fallback=oamp"),
        ("guarded:fallback=tap-net-any", "guarded:fallback=tap-net-8v"),
    ],
)
def test_options_of_inner_detectors_are_in_the_key(one, other):
    assert len({key(one), key(other), key(one.partition(":")[0])}) == 3
    assert key(one) == key(one)


def test_defaults_of_inner_detectors_are_in_the_key(monkeypatch):
    assert key("las:inner=k-best:k=16;llr_clip=20") == key("las:inner=k-best")
    deep = "guarded:fallback=guarded:inner=k-best"
    before = key("las:inner=k-best"), key(deep)
    monkeypatch.setattr(KBest, "revision", KBest.revision + 1)
    assert key("las:inner=k-best") != before[0]
    assert key(deep) != before[1]


# Files


DEEP = ("{}", "las:inner={}", "guarded:inner={}", "guarded:fallback={}")
DEEPER = ("guarded:inner=guarded:inner={}", "las:inner=guarded:fallback=guarded:inner={}")


@pytest.mark.parametrize("text", [*DEEP, *DEEPER])
def test_weights_count_by_their_content_at_any_depth(copy, text):
    plain = copy(NET, "plain")
    assert key(text.format(plain)) == key(text.format(NET)) == key(text.format(copy(NET, "b")))
    before = key(text.format(plain))
    # The same tensors, read another way.
    copy(NET, "plain", options={"demapping": "max-log"})
    edited = key(text.format(plain))
    copy("tap-net-any", "plain")
    assert len({before, edited, key(text.format(plain))}) == 3


def test_what_a_card_only_tells_is_not_in_the_key(copy):
    told = copy(NET, "told", name="other", seconds=1.0, measured=[], seed=9, versions={"x": "1"})
    assert key(told) == key(NET)


def test_weights_inside_a_card_are_in_the_key(copy):
    inner = copy(NET, "inner")
    empty = (2).to_bytes(8, "little") + b"{}"
    outer = copy(NET, "outer", data=empty, network="las")
    card = json.loads(Path(outer).with_suffix(".json").read_text())
    Path(outer).with_suffix(".json").write_text(json.dumps(card | {"options": {"inner": inner}}))
    before = weights_tree(outer)
    assert before["options"]["inner"]["weights"] == read_card(NET).sha256
    copy(NET, "inner", options={"demapping": "max-log"})
    assert difference(weights_tree(outer), before) == "options.inner.options.demapping"


def test_two_cards_over_one_weights_file_are_told_apart(copy):
    one, other = copy(NET, "one"), copy(NET, "other", options={"demapping": "max-log"})
    assert Path(one).read_bytes() == Path(other).read_bytes()
    found = unique_contenders([one, other])
    assert found[0].key() != found[1].key()
    with pytest.raises(InvalidInputError, match="no twin"):
        unique_contenders([one, copy(NET, "twin")])


def test_a_card_edited_after_the_contender_was_made_is_refused(copy):
    path = copy(NET, "edited")
    contender = Contender("guarded", {"inner": path}, label="mine")
    contender.build("qpsk")
    copy(NET, "edited", options={"demapping": "max-log"})
    with pytest.raises(InvalidInputError, match=r"'mine': .*options.inner.options.demapping"):
        contender.build("qpsk")
    with pytest.raises(InvalidInputError, match="no longer those that the results are of"):
        Contender.from_dict(contender.to_dict()).build("qpsk")


def test_quantisers_count_by_content_and_card(copy):
    name = "max-mi-2x2-64qam-24"
    path = copy(name, "kept")
    assert key(f"ml:quantizer={path}") == key(f"ml:quantizer={name}")
    revision = Contender.parse(f"ml:quantizer={name}").identity["quantizer"]["revision"]
    assert revision == 1
    assert key(f"ml:quantizer={name}") != key("ml:quantizer=max-mi-2x2-64qam-30")


def test_beam_weights_count_by_content_and_card(copy):
    names = [path.stem for path in sorted(shipped("x", "beamformers").parent.glob("*.safetensors"))]
    name = next(n for n in names if n.startswith("unfolded"))
    path = copy(name, "beam", folder="beamformers")
    contender = BeamContender(path)
    assert contender.key() == BeamContender(name).key()
    again = BeamContender.from_dict(json.loads(json.dumps(contender.to_dict())))
    assert again.key() == contender.key()
    options = read_card(name).options
    copy(name, "beam", folder="beamformers", options={"most_samples": 77})
    edited = BeamContender(path)
    assert edited.key() != contender.key()
    assert options.get("most_samples") != 77
    trained = read_card(name).recipe["scenario"]
    link = BeamScenario(array=trained["array"], constellation=trained["constellation"])
    edited.build(link)
    with pytest.raises(InvalidInputError, match=r"what the results are of: options\.most"):
        contender.build(link)


@pytest.mark.parametrize("name", beamformer_names())
def test_beamformers_have_all_options_in_the_key(name):
    plain = BeamContender(name)
    assert plain.key() == BeamContender(name, plain.identity["options"], label="x").key()


# Objects


CHANGED = [
    ("a number", {"k": 1}, {"k": 64}),
    ("a type", {"k": 1}, {"k": True}),
    ("text", {"form": "a"}, {"form": "b"}),
    ("a name", {"a": 1}, {"b": 1}),
    ("nothing", {}, {"a": None}),
    ("a list", {"a": [1, 2]}, {"a": [2, 1]}),
    ("a nesting", {"a": [1, [2]]}, {"a": [[1], 2]}),
    ("a table", {"a": {"x": 1}}, {"a": {"x": 2}}),
    ("a set", {"a": {"x"}}, {"a": {"y"}}),
    ("a tensor", {"t": torch.zeros(2)}, {"t": torch.ones(2)}),
    ("a dtype", {"t": torch.zeros(2)}, {"t": torch.zeros(2, dtype=torch.float64)}),
    ("a shape", {"t": torch.zeros(2, 1)}, {"t": torch.zeros(1, 2)}),
    ("half precision", {"t": torch.zeros(2).bfloat16()}, {"t": torch.ones(2).bfloat16()}),
    ("a plain tensor in a list", {"t": [torch.zeros(1)]}, {"t": [torch.ones(1)]}),
    ("an array", {"t": np.zeros(2)}, {"t": np.ones(2)}),
    ("a number of NumPy", {"t": np.float32(1)}, {"t": np.float64(1)}),
    ("a dataclass", {"s": Settings()}, {"s": Settings(4)}),
    ("an inner detector", {"d": KBest("qpsk", 1)}, {"d": KBest("qpsk", 64)}),
    (
        "two levels down",
        {"d": Guarded("qpsk", inner=Guarded("qpsk", KBest("qpsk", 1)))},
        {"d": Guarded("qpsk", inner=Guarded("qpsk", KBest("qpsk", 2)))},
    ),
    ("a function", {"f": lambda x: x + 1}, {"f": lambda x: x + 2}),
    ("a closure", {"f": (lambda n: lambda x: x + n)(1)}, {"f": (lambda n: lambda x: x + n)(2)}),
    ("a torch dtype", {"d": torch.float32}, {"d": torch.float64}),
    ("a seed", {"g": torch.Generator().manual_seed(1)}, {"g": torch.Generator().manual_seed(2)}),
]


@pytest.mark.parametrize(("what", "one", "other"), CHANGED, ids=[row[0] for row in CHANGED])
def test_attributes_of_objects_are_in_the_key(what, one, other):
    assert own(**one) != own(**other)
    assert own(**one) == own(**dict(reversed(one.items())))


@settings(max_examples=30, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_equal_values_have_one_digest_and_a_change_is_seen(value):
    again = eval(repr(value), {"nan": float("nan"), "inf": float("inf")})  # plain literals
    assert fingerprint(value) == fingerprint(again)
    assert fingerprint([value]) != fingerprint(value)
    assert fingerprint((value, 0)) != fingerprint((value, 1))


def test_shared_and_separate_parts_are_the_same():
    shared = [1.5, "x"]
    assert fingerprint([shared, shared]) == fingerprint([[1.5, "x"], [1.5, "x"]])
    round_trip = []
    round_trip.append(round_trip)
    assert fingerprint(round_trip) == fingerprint(round_trip)


def test_objects_of_the_library():
    assert len({fingerprint(make_detector(name, "bpsk")) for name in ("cg", "wl-cg", "lmmse")}) == 3
    one, other = (Contender.from_detector("a", KBest("qpsk", k)) for k in (1, 64))
    assert one.key() != other.key()
    assert Contender.from_detector("b", KBest("qpsk", 1)).key() == one.key()
    deep = [Las("qpsk", inner=KBest("qpsk", k)) for k in (1, 2)]
    assert fingerprint(deep[0]) != fingerprint(deep[1])


def test_what_decides_nothing_is_not_in_the_key():
    detector = DetNet("bpsk", num_tx_ant=2, num_layers=1)
    before = fingerprint(detector)
    detector.eval().requires_grad_(False)
    assert fingerprint(detector) == before
    detector._pack()
    assert detector._packed is not None
    assert fingerprint(detector) == before
    with torch.no_grad():
        detector.w1[0, 0, 0] += 1
    assert fingerprint(detector) != before


SOURCE = '''
from mimolearn.detectors import Detector
SCALE = {scale}
def helper(x):
    """{doc}"""
    return x + {step}  # {comment}
class Own(Detector):
    name = "own"
    bound = {bound}
    def _prepare(self, h, noise_var):
        return helper(h) * SCALE
    def _detect(self, prepared, y):
        return {body}
    def cost(self, num_rx_ant, num_tx_ant):
        return None
'''
PLAIN = {"scale": 1, "doc": "a", "step": 1, "comment": "a", "bound": 1, "body": "y"}


def written(**parts):
    module = types.ModuleType("somebodys")
    exec(SOURCE.format(**PLAIN | parts), module.__dict__)  # a module of a user's, as imported
    return Contender.from_detector("own", module.Own("qpsk")).key()


@pytest.mark.parametrize("part", [{"scale": 2}, {"step": 2}, {"bound": 2}, {"body": "-y"}])
def test_code_of_a_user_is_in_the_key(part):
    assert written() == written()
    assert written(**part) != written()


def test_remarks_are_not_in_the_key():
    assert written(doc="b", comment="b") == written()


def test_the_shipped_example_is_told_by_its_attributes(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples"))
    own_detector = importlib.import_module("own_detector")
    one, other = (
        Contender.from_detector("box", own_detector.BoxDescent("qpsk", num_iter=n)) for n in (20, 1)
    )
    assert one.key() != other.key()
    sys.modules.pop("own_detector")


def test_what_has_no_digest_is_refused_and_told_how_to_give_a_key():
    with Path(__file__).open() as file, pytest.raises(InvalidInputError) as caught:
        own(settings={"log": file})
    assert "\n" not in str(caught.value)
    assert "'mine'.settings['log']: is a _io.TextIOWrapper" in str(caught.value)
    assert "result_key(self)" in str(caught.value)
    with pytest.raises(InvalidInputError, match="meta tensor"):
        own(t=torch.zeros(2, device="meta"))
    deep = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(InvalidInputError, match="nested too deep"):
        own(t=deep)


def test_a_user_may_give_the_key(monkeypatch):
    monkeypatch.setattr(Mine, "result_key", lambda self: self.version, raising=False)
    assert own(version="1", file=sys.stdout) == own(version="1")
    assert own(version="1") != own(version="2")
    with pytest.raises(InvalidInputError, match=r"result_key\(\): got 3, expected text"):
        own(version=3)
    monkeypatch.delattr(Mine, "result_key")
    monkeypatch.setattr(Mine, "not_in_key", frozenset({"file"}))
    assert own(file=sys.stdout) == own(file=3)


def test_counts_of_one_object_are_not_reused_for_another(tmp_path):
    """What the keys are for: k = 1 and then k = 64 in one file."""
    store = tmp_path / "results.sqlite"
    rates = []
    for k in (1, 64):
        contender = Contender.from_detector("mine", KBest("qpsk", k))
        found = simulate(LINK, [contender], [8], min_errors=50, store=store)
        rates.append(found.curves[0].points[0].counts.bit_errors)
    assert rates[0] != rates[1]
    labels = [curve.label for curve in load_results(store).curves]
    assert labels[0] == "mine"
    assert labels[1].startswith("mine [")


def test_an_object_changed_after_the_contender_was_made_is_refused():
    detector = KBest("qpsk", 1)
    contender = Contender.from_detector("mine", detector)
    detector.k = 64
    with pytest.raises(InvalidInputError, match="'mine': its detector was changed"):
        simulate(LINK, [contender], [8])


# Recorded channels


def test_recorded_channels_are_told_by_their_content(tmp_path):
    fields: dict[str, Any] = {"num_tx_ant": 2, "num_rx_ant": 3, "constellation": "qpsk"}
    drawn = np.random.default_rng(1).normal(size=(2, 5, 3, 2)).view(np.float64)
    one, other = (part + 1j for part in drawn)
    path, elsewhere = tmp_path / "h.npy", tmp_path / "moved.npy"
    np.save(path, one)
    np.save(elsewhere, one)
    link, moved = (Scenario(**fields, channel=Recorded(path=str(p))) for p in (path, elsewhere))
    assert link.key() == moved.key()
    before = path.stat()
    np.save(path, other)
    # As a copy that keeps times leaves it: same size, same time.
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    with pytest.raises(InvalidInputError, match="it has changed"):
        link.draw(5, 2, torch.Generator().manual_seed(1))
    changed = Scenario(**fields, channel=Recorded(path=str(path)))
    assert changed.key() != link.key()


# Files of earlier versions


def test_contenders_of_earlier_versions_are_refused_in_one_line():
    content = Contender("lmmse").to_dict()
    del content["identity"]
    with pytest.raises(InvalidInputError, match="'lmmse': was stored by an earlier version"):
        Contender.from_dict(content)


def test_files_of_earlier_versions_are_refused_in_one_line(tmp_path):
    path = tmp_path / "old.sqlite"
    simulate(LINK, ["lmmse"], [0], min_errors=1, store=path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA user_version = 1")
        database.execute("UPDATE meta SET value = '1' WHERE name = 'schema'")
    with pytest.raises(ResultsFileError, match="results file of schema 1, this version"):
        load_results(path)


def test_a_stored_contender_keeps_its_key_without_its_weights(copy):
    path = copy(NET, "gone")
    contender = Contender(path, label="net")
    stored = json.loads(json.dumps(contender.to_dict()))
    Path(path).unlink()
    Path(path).with_suffix(".json").unlink()
    again = Contender.from_dict(stored)
    assert again.key() == contender.key() == replace(again, label="x").key()
    with pytest.raises(InvalidInputError, match="cannot be read"):
        again.build("qpsk")
