"""One competitor of a beamforming comparison: a method's name and options, or trained weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mimolearn.beamformers import Beamformer, beamformer_names, make_beamformer
from mimolearn.beamformers.trained import load_beamformer
from mimolearn.detectors.text import parse_option
from mimolearn.foundation.errors import InvalidInputError, check_one_of, invalid
from mimolearn.foundation.tensors.state import clean_torch
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.plans.identity import beamformer_tree, difference, key_of, weights_tree
from mimolearn.plans.options import check_label, default_label, plain_options
from mimolearn.weights import shipped_beams

BEAM_CONTENDER_SCHEMA = 2


@dataclass(frozen=True)
class BeamContender:
    """A beamformer as a comparison names it: plain values.

    Attributes:
        name: a method's, or that of trained weights (shipped, or a .safetensors file), which take
            no options.
        label: what people read, unique in a comparison and not part of the key.
        identity: what the key is made of; derived when left out, and compared when the beamformer
            is built.

    >>> BeamContender.parse("mser-gd:num_iter=500").label
    'mser-gd(num_iter=500)'
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    identity: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        options = plain_options(self.options)
        object.__setattr__(self, "options", options)
        check_label(self.label)
        if not self.label:
            object.__setattr__(self, "label", default_label(self.name, options))
        if not self.identity:
            self._check_exists()
            object.__setattr__(self, "identity", self._identify())

    @property
    def is_object(self) -> bool:
        """Never: a beamformer is named, so that a worker can build it."""
        return False

    @classmethod
    def parse(cls, value: str | Mapping[str, Any] | BeamContender) -> BeamContender:
        """From "mser-gd:num_iter=500,label=GD", from a table with ``name``, or as it is.

        Args:
            value: text, a table, or a contender.
        """
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
        """16 hex digits of SHA-256 over the identity."""
        return key_of("beamformer", BEAM_CONTENDER_SCHEMA, self.identity)

    @clean_torch()
    def build(self, scenario: BeamScenario) -> Beamformer:
        """The beamformer itself, for the scenario's array and constellation.

        Args:
            scenario: the link that it is for.
        """
        path = difference(self._identify(), self.identity)
        if path:
            raise InvalidInputError(
                f"contender {self.label!r}: {self.name} is no longer what the results are of: "
                f"{path} is another"
            )
        try:
            if not self._is_method():
                return load_beamformer(self.name, scenario.array, scenario.constellation)
            made = make_beamformer(
                self.name, scenario.array, scenario.constellation, **self.options
            )
        except InvalidInputError as error:
            raise InvalidInputError(f"contender {self.label!r}: {error}") from None
        return made.eval().requires_grad_(False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that ``from_dict`` reads back."""
        return {
            "name": self.name,
            "options": dict(self.options),
            "label": self.label,
            "identity": dict(self.identity),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> BeamContender:
        """Inverse of ``to_dict``.

        Args:
            content: what ``to_dict`` gave.
        """
        return cls(content["name"], content["options"], content["label"], content["identity"])

    def _is_method(self) -> bool:
        return self.name in beamformer_names()

    def _check_exists(self) -> None:
        if self._is_method():
            make_beamformer(self.name, **self.options)
            return
        if not self.name.endswith(".safetensors"):
            check_one_of("beamformer", self.name, (*beamformer_names(), *shipped_beams()))
        if self.options:
            expected = "none: trained weights have theirs"
            raise invalid(f"options of {self.name}", dict(self.options), expected)

    def _identify(self) -> dict[str, Any]:
        if self._is_method():
            tree = beamformer_tree(self.name, self.options)
        else:
            tree = weights_tree(self.name)
        # As it comes back from workers.
        return json.loads(json.dumps(tree))


def unique_beam_contenders(values: object) -> tuple[BeamContender, ...]:
    """Parse a list of contenders; labels and keys must be unique."""
    if not isinstance(values, list | tuple) or not values:
        raise invalid("contenders", values, "a list of at least one contender")
    contenders = tuple(BeamContender.parse(value) for value in values)
    for attribute in (lambda c: c.label, lambda c: c.key()):
        seen: set[str] = set()
        for contender in contenders:
            if attribute(contender) in seen:
                raise invalid("contenders", contender.label, "each contender once")
            seen.add(attribute(contender))
    return contenders
