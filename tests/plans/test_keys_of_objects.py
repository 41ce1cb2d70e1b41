"""Keys stand for all that a detector object holds, code included, and for nothing else."""

import importlib
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mimolearn import InvalidInputError, Scenario, load_results, make_detector
from mimolearn.detectors import (
    Detector,
    DetNet,
    Guarded,
    KBest,
    Las,
)
from mimolearn.plans.fingerprint import fingerprint
from mimolearn.studies import Contender, simulate

# Part of the reliability tests, at whatever length.
pytestmark = pytest.mark.soak

LINK = Scenario(num_tx_ant=2, num_rx_ant=2, constellation="qpsk", channel_reuse=3)


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


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_equal_values_have_one_digest_and_a_change_is_seen(trials):
    @settings(max_examples=trials("digests of nested values", 30, 3000), deadline=None)
    @given(VALUES)
    def check(value):
        again = eval(repr(value), {"nan": float("nan"), "inf": float("inf")})  # plain literals
        assert fingerprint(value) == fingerprint(again)
        assert fingerprint([value]) != fingerprint(value)
        assert fingerprint((value, 0)) != fingerprint((value, 1))

    check()


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
