"""One competitor of a beamforming comparison: a method's name and options, or trained weights."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mimolearn.beamformers import (
    Beamformer,
    beamformer_class,
    beamformer_names,
    make_beamformer,
)
from mimolearn.beamformers.trained import load_beamformer
from mimolearn.beamscenario import BeamScenario
from mimolearn.detectors.text import parse_option
from mimolearn.errors import InvalidInputError, check_one_of, invalid
from mimolearn.simulation.contender import check_label, default_label, plain_options
from mimolearn.weights import read_card, shipped_beams

BEAM_CONTENDER_SCHEMA = 1


@dataclass(frozen=True)
class BeamContender:
    """A beamformer as a comparison names it: plain values.

    name: a method's, or that of trained weights (shipped, or a .safetensors file), which take no
    options. label: what people read, unique in a comparison and not part of the key.

    >>> BeamContender.parse("mser-gd:num_iter=500").label
    'mser-gd(num_iter=500)'
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    weights: str = ""

    def __post_init__(self) -> None:
        options = plain_options(self.options)
        object.__setattr__(self, "options", options)
        check_label(self.label)
        if not self.label:
            object.__setattr__(self, "label", default_label(self.name, options))
        if self.name in beamformer_names():
            make_beamformer(self.name, **options)
            return
        if not self.name.endswith(".safetensors"):
            check_one_of("beamformer", self.name, (*beamformer_names(), *shipped_beams()))
        if options:
            raise invalid(f"options of {self.name}", options, "none: trained weights have theirs")
        object.__setattr__(self, "weights", read_card(self.name).sha256)

    @classmethod
    def parse(cls, value: str | Mapping[str, Any] | BeamContender) -> BeamContender:
        """From "mser-gd:num_iter=500,label=GD", from a table with ``name``, or as it is."""
        if isinstance(value, BeamContender):
            return value
        if isinstance(value, str):
            name, _, rest = value.partition(":")
            options = dict(parse_option(value, item) for item in rest.split(",") if item.strip())
            return cls(name.strip(), options, label=str(options.pop("label", "")))
        if isinstance(value, Mapping) and isinstance(value.get("name"), str):
            options = dict(value)
            return cls(options.pop("name"), options, label=options.pop("label", ""))
        raise invalid("contender", value, "text such as 'mser-gd:num_iter=500', or a table")

    def key(self) -> str:
        """16 hex digits of SHA-256 over name, options with defaults filled in, and weights."""
        network = read_card(self.name).network if self.weights else self.name
        cls = beamformer_class(network)
        content = {
            "schema": BEAM_CONTENDER_SCHEMA,
            "kind": "beamformer",
            "name": "weights" if self.weights else self.name,
            "options": {} if self.weights else {**_defaults(cls), **self.options},
            "weights": self.weights,
            "revision": cls.revision,
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def build(self, scenario: BeamScenario) -> Beamformer:
        """The beamformer itself, for the scenario's array and constellation."""
        try:
            if self.weights:
                return load_beamformer(self.name, scenario.array, scenario.constellation)
            made = make_beamformer(
                self.name, scenario.array, scenario.constellation, **self.options
            )
        except InvalidInputError as error:
            raise InvalidInputError(f"contender {self.label!r}: {error}") from None
        return made.eval().requires_grad_(False)


def unique_beam_contenders(values: object) -> tuple[BeamContender, ...]:
    """Parse a list of contenders; labels and keys must be unique."""
    if not isinstance(values, list | tuple) or not values:
        raise invalid("contenders", values, "a list of at least one contender")
    found = tuple(BeamContender.parse(value) for value in values)
    for attribute in (lambda c: c.label, lambda c: c.key()):
        seen: set[str] = set()
        for contender in found:
            if attribute(contender) in seen:
                raise invalid("contenders", contender.label, "each contender once")
            seen.add(attribute(contender))
    return found


def _defaults(cls: type[Beamformer]) -> dict[str, Any]:
    # Defaults are part of the key: a later version that changes one must not reuse old results.
    parameters = inspect.signature(cls.__init__).parameters
    return {option: parameters[option].default for option in cls.option_names()}
