"""Detectors as users write them: a name, options after a colon, or trained weights."""

from __future__ import annotations

from mimolearn.constellation import Constellation
from mimolearn.detectors import Detector, make_detector
from mimolearn.detectors.trained import load_detector
from mimolearn.errors import invalid
from mimolearn.weights import is_weights_name

PlainValue = bool | int | float | str


def detector_from_text(text: str, constellation: Constellation | str) -> Detector:
    """A detector from "k-best", "k-best:k=16;order=sorted" or a name or file of trained weights.

    Options are parted by semicolons, so that the text can itself be an option.
    Raises InvalidInputError for an unknown name or option, or weights of another constellation.

    >>> detector_from_text("lmmse:biased=true", "qpsk").biased
    True
    """
    name, _, rest = text.partition(":")
    if is_weights_name(text):
        return load_detector(text, constellation)
    options = dict(parse_option(text, item) for item in rest.split(";") if item.strip())
    return make_detector(name.strip(), constellation, **options)


def parse_option(whole: str, item: str) -> tuple[str, PlainValue]:
    """name=value; the value is read as true, false, an integer, a number, or text."""
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
