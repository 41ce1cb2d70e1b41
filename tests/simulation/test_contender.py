import pytest
import torch

from mimolearn import InvalidInputError, make_detector
from mimolearn.detectors import KBest, Las
from mimolearn.studies import Contender


def test_text_table_and_object_forms_agree():
    parsed = Contender.parse("lmmse:biased=true,demapping=max-log")
    table = Contender.parse({"name": "lmmse", "biased": True, "demapping": "max-log"})
    assert parsed.key() == table.key()
    assert parsed.label == "lmmse(biased=true, demapping=max-log)"
    assert Contender.from_dict(parsed.to_dict()).key() == parsed.key()


def test_label_is_not_part_of_the_key():
    named = Contender.parse("lmmse:label=mine")
    assert named.label == "mine"
    assert named.key() == Contender("lmmse").key()


def test_key_knows_the_defaults():
    assert Contender("lmmse", {"biased": False}).key() == Contender("lmmse").key()
    assert Contender("lmmse", {"biased": True}).key() != Contender("lmmse").key()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("lmsse", "detector: got 'lmsse', expected one of .*did you mean 'lmmse'"),
        ("lmmse:bised=true", "option of detector 'lmmse': got 'bised'.*did you mean 'biased'"),
        ("lmmse:biased=7", "biased: got 7, expected true or false"),
        ("lmmse:biased", "contender: got 'lmmse:biased', expected name:option=value"),
        ({"biased": True}, "contender: .*a table with the detector's 'name'"),
        (3, "contender: got 3"),
    ],
)
def test_errors_are_one_line_and_name_the_field(value, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        Contender.parse(value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), object(), torch.ones(1)])
def test_options_are_plain_values(value):
    with pytest.raises(InvalidInputError, match="biased"):
        Contender("lmmse", {"biased": value})


def test_object_key_follows_its_parameters(oracle):
    first, second = oracle("qpsk"), oracle("qpsk")
    for detector, value in ((first, 1.0), (second, 2.0)):
        detector.scale = torch.nn.Parameter(torch.tensor(value))
    keys = {Contender.from_detector("x", detector).key() for detector in (first, second)}
    assert len(keys) == 2
    assert Contender.from_detector("y", first).key() in keys
    assert Contender.from_detector("x", first).key() in keys


def test_object_must_fit_the_constellation_and_the_session():
    contender = Contender.from_detector("mine", make_detector("lmmse", "bpsk"))
    with pytest.raises(InvalidInputError, match="constellation of 'mine'"):
        contender.build("qpsk")
    with pytest.raises(InvalidInputError, match="'mine': is a detector object of another session"):
        Contender.from_dict(contender.to_dict()).build("bpsk")


def test_inner_weights_are_part_of_the_key():
    of_weights = Contender.parse("las:inner=tap-net-8v")
    assert of_weights.label == "las(inner=tap-net-8v)"
    keys = {of_weights.key(), Contender("las").key(), Contender("tap-net-8v").key()}
    keys.add(Contender("las", {"inner": "tap-net-5s"}).key())
    assert len(keys) == 4
    again = Contender.from_dict(of_weights.to_dict())
    assert again.key() == of_weights.key()
    detector = again.build("bpsk")
    assert isinstance(detector, Las)
    assert detector.inner.name == "tap-net"
    content = of_weights.to_dict()
    content["identity"]["detector"]["options"]["inner"]["weights"] = "0" * 64
    with pytest.raises(InvalidInputError, match=r"tap-net-8v\) are no longer those.*inner.weights"):
        Contender.from_dict(content).build("bpsk")


def test_inner_detector_takes_options():
    contender = Contender.parse("las:inner=k-best:k=4;llr_clip=9,max_steps=5")
    detector = contender.build("qpsk")
    assert isinstance(detector, Las)
    assert isinstance(detector.inner, KBest)
    assert (detector.inner.k, detector.inner.llr_clip, detector.max_steps) == (4, 9, 5)
    with pytest.raises(InvalidInputError, match=r"'lmsse'.*did you mean 'lmmse'"):
        Contender.parse("las:inner=lmsse")
    with pytest.raises(InvalidInputError, match="made for"):
        Contender.parse("las:inner=lcgnet-v-32x64-bpsk").build("qpsk")
