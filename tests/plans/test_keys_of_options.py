"""Keys stand for every option of a detector, written or not, and its revision."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimolearn import make_detector
from mimolearn.detectors import (
    Detector,
    KBest,
    detector_class,
    detector_names,
)
from mimolearn.plans.identity import plain_value
from mimolearn.studies import Contender

from .keys import key

# Part of the reliability tests, at whatever length.
pytestmark = pytest.mark.soak


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


def test_keys_differ_exactly_where_options_do(trials):
    valid = {"num_iter": int, "damping": float, "demapping": str}

    @settings(max_examples=trials("keys of options of ep", 30, 3000), deadline=None)
    @given(
        st.dictionaries(
            st.sampled_from(["num_iter", "damping", "demapping"]),
            st.sampled_from([3, 4, 0.25, 0.5, "exact", "max-log"]),
        )
    )
    def check(options):
        options = {k: v for k, v in options.items() if type(v) is valid[k]}
        filled = {"num_iter": 10, "damping": 0.9, "demapping": "exact", **options}
        backwards = dict(reversed(options.items()))
        contender = Contender("ep", options, label="x")
        assert contender.key() == Contender("ep", backwards).key() == Contender("ep", filled).key()
        for name, other in (("num_iter", 11), ("damping", 0.125), ("demapping", "max-log")):
            same = filled[name] == other
            assert (Contender("ep", options | {name: other}).key() == contender.key()) == same

    check()


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
