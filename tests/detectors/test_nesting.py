"""Detectors inside detectors: what a text, a table or a card may ask for, and what is refused."""

import hashlib
import json

import pytest
import torch

from mimolearn import InvalidInputError, load, make_detector
from mimolearn.detectors import Guarded, Las
from mimolearn.detectors.nesting import MOST_NESTED
from mimolearn.detectors.text import detector_from_text
from mimolearn.link.scenario import Scenario
from mimolearn.plans.quantized import QuantizedDetector
from mimolearn.quantizers import make_quantizer
from mimolearn.studies import Contender
from mimolearn.studies.kinds.draws import check_draws

EMPTY = (2).to_bytes(8, "little") + b"{}"


@pytest.fixture
def card(tmp_path):
    """A file of weights without tensors, whose card asks for a network; returns the path."""

    def make(name, network, **options):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(EMPTY)
        content = {
            "name": name,
            "network": network,
            "constellation": "qpsk",
            "options": options,
            "recipe": {},
            "recipe_key": "",
            "seed": 1,
            "steps": 1,
            "best_step": 1,
            "validation_loss": 0.0,
            "seconds": 0.0,
            "sha256": hashlib.sha256(EMPTY).hexdigest(),
        }
        path.with_suffix(".json").write_text(json.dumps(content))
        return str(path)

    return make


def refused(call, *messages):
    with pytest.raises(InvalidInputError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 800
    for message in messages:
        assert message in text


@pytest.mark.parametrize("depth", [MOST_NESTED + 1, 500, 20_000])
@pytest.mark.parametrize("part", ["las:inner=", "guarded:fallback="])
def test_a_text_nested_too_deep(part, depth):
    text = part * depth + "mrc"
    expected = f"at most {MOST_NESTED} detectors inside one another"
    refused(lambda: Contender.parse(text), expected)
    refused(lambda: detector_from_text(text, "qpsk"), expected)
    refused(lambda: make_detector("las", "qpsk", inner=text), expected)


def test_as_deep_as_is_allowed():
    text = "guarded:inner=" * (MOST_NESTED - 1) + "mrc"
    assert isinstance(detector_from_text(text, "qpsk"), Guarded)
    assert Contender.parse(text).key() != Contender.parse("guarded:inner=mrc").key()
    # A failure before leaves nothing behind.
    refused(lambda: detector_from_text("guarded:inner=" + text, "qpsk"), "at most")
    assert isinstance(detector_from_text(text, "qpsk"), Guarded)


def test_a_card_that_names_itself(card, tmp_path):
    path = str(tmp_path / "self.safetensors")
    assert card("self", "las", inner=path) == path
    for call in (lambda: load(path), lambda: Contender(path), lambda: Contender.parse(path)):
        refused(call, "self.safetensors: ", "names itself as the detector inside it")
    refused(lambda: Contender("las", {"inner": path}), "names itself")


def test_cards_that_name_each_other(card, tmp_path):
    names = "abc"
    paths = {name: str(tmp_path / f"{name}.safetensors") for name in names}
    for name, other in zip(names, "bca", strict=True):
        card(name, "guarded", inner=f"guarded:fallback={paths[other]}")
    refused(lambda: load(paths["a"]), "names itself")
    refused(lambda: Contender(paths["a"]), "names itself")


def test_a_chain_of_cards(card):
    inner = card("first", "mrc")
    for i in range(MOST_NESTED):
        inner = card(f"link{i}", "guarded", inner=inner)
    refused(lambda: load(inner), "at most")
    assert isinstance(load(card("short", "las", inner=card("first", "mrc"))), Las)


@pytest.mark.parametrize("value", [{"a": 1}, [1], 3, True, None, 2.5])
@pytest.mark.parametrize(("name", "option"), [("las", "inner"), ("guarded", "fallback")])
def test_an_option_that_is_no_detector(name, option, value):
    refused(lambda: Contender(name, {option: value}), f"{option}: got ", "expected a detector")
    refused(lambda: Contender.parse({"name": name, option: value}), "expected a detector")


def test_weights_at_the_end_of_a_text(card):
    path = card("plain", "mrc")
    found = detector_from_text(f"guarded:inner=guarded:fallback={path}", "qpsk")
    assert isinstance(found, Guarded)
    assert isinstance(found.inner, Guarded)
    assert found.inner.fallback.name == "mrc"


def test_hard_decisions_are_refused_where_soft_ones_are_needed():
    refused(lambda: Guarded("qpsk", inner="mrc", fallback="las"), "fallback: got <las>")
    uniform = make_quantizer("uniform", "qpsk")
    refused(lambda: QuantizedDetector(Las("qpsk"), uniform), "detector: got <las>", "soft bits")


@pytest.mark.parametrize("name", ["ml", "lmmse", "mrc", "oamp", "ep", "equi-net"])
def test_a_quantizer_passes_on_what_its_detector_says(name):
    detector = make_detector(name, "qpsk")
    quantized = QuantizedDetector(detector, make_quantizer("uniform", "qpsk"))
    assert quantized.rotation_invariant == detector.rotation_invariant
    assert quantized.soft == detector.soft


def test_a_quantizer_passes_on_sizes():
    detector = make_detector("zf", "qpsk")
    quantized = QuantizedDetector(detector, make_quantizer("uniform", "qpsk"))
    h = torch.ones(2, 3, dtype=torch.complex64)
    messages = []
    for part in (detector, quantized):
        with pytest.raises(InvalidInputError) as caught:
            part.prepare(h, 1.0)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_a_quantised_detector_runs_on_reduced_draws():
    """It sees what its detector sees, which looks at H^H H and H^H y alone."""
    link = Scenario(num_tx_ant=2, num_rx_ant=4, constellation="64-qam", draws="reduced")
    contender = Contender.parse("ml:quantizer=max-mi-2x2-64qam-24")
    check_draws(link, [(contender.label, contender.build("64-qam"))])
