"""Detectors as users write them: a name, options after a colon, or trained weights."""

from __future__ import annotations

from mimolearn.constellation import Constellation
from mimolearn.detectors.base import Detector
from mimolearn.detectors.nesting import inside
from mimolearn.detectors.registry import detector_names, make_detector, peer_names
from mimolearn.detectors.trained import load_detector
from mimolearn.foundation.errors import invalid
from mimolearn.weights import is_weights_name

PlainValue = bool | int | float | str


def detector_from_text(text: str, constellation: Constellation | str) -> Detector:
    """Build a detector from text.

    Args:
        text: "k-best", "k-best:k=16;order=sorted", or a name or file of trained weights. Semicolons
            separate options, so that the text can itself be an option.
        constellation: of the symbols, or its name.

    Raises:
        InvalidInputError: for an unknown name or option, and for weights of another constellation.

    >>> detector_from_text("lmmse:biased=true", "qpsk").biased
    True
    """
    if is_weights_text(text):
        return load_detector(text, constellation)
    name, options = split_text(text)
    with inside(text):
        return make_detector(name, constellation, **options)


def is_weights_text(text: str) -> bool:
    """Return True for the name or file of weights, not for a detector's text that ends in one.

    >>> is_weights_text("net.safetensors"), is_weights_text("las:inner=net.safetensors")
    (True, False)
    """
    name, colon, _ = text.partition(":")
    known = (*detector_names(), *peer_names())
    return is_weights_name(text) and not (colon and name.strip() in known)


def split_text(text: str) -> tuple[str, dict[str, PlainValue]]:
    """Return name and options of a detector's text that names no weights.

    >>> split_text("k-best:k=16;llr_clip=9")
    ('k-best', {'k': 16, 'llr_clip': 9})
    """
    name, _, rest = text.partition(":")
    options = dict(parse_option(text, item) for item in rest.split(";") if item.strip())
    return name.strip(), options


def inner_detector(field: str, given: object, constellation: Constellation) -> Detector:
    """Return the detector that an option of another one names.

    Args:
        field: name of the option, for errors.
        given: the detector, or its text.
        constellation: of the outer detector.

    Raises:
        InvalidInputError: for anything else, and for a detector of another constellation.
    """
    if isinstance(given, str):
        given = detector_from_text(given, constellation)
    if not isinstance(given, Detector):
        expected = "a detector, or its name as text such as 'k-best:k=16'"
        raise invalid(field, given, expected)
    if given.constellation != constellation:
        expected = f"a detector of {constellation}"
        raise invalid(field, f"<a detector of {given.constellation}>", expected)
    return given


def parse_option(whole: str, item: str) -> tuple[str, PlainValue]:
    """Split name=value; the value is read as true, false, an integer, a number, or text."""
    key, equals, text = (part.strip() for part in item.partition("="))
    if not equals or not key.isidentifier() or not text:
        raise invalid("contender", whole, "name:option=value,option=value")
    if text in ("true", "false"):
        return key, text == "true"
    for kind in (int, float):
        try:
            return key, kind(text)
        except ValueError:
            continue
    return key, text
