"""One competitor of a comparison: a detector's name and options, weights, or an object."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mimolearn.constellation import Constellation, as_constellation
from mimolearn.detectors import (
    Detector,
    UnfoldedDetector,
    detector_class,
    detector_names,
    make_detector,
    peer_names,
)
from mimolearn.detectors.text import parse_option
from mimolearn.detectors.trained import load_detector
from mimolearn.errors import InvalidInputError, check_one_of, invalid, is_plain_text
from mimolearn.quantizers.trained import load_quantizer
from mimolearn.simulation.quantized import QuantizedDetector
from mimolearn.weights import is_weights_name, read_card, shipped_weights

CONTENDER_SCHEMA = 1

# A detector may serve some constellations only, so options are tried on these in turn.
_TRIAL_CONSTELLATIONS = ("qpsk", "bpsk", "16-qam")


@dataclass(frozen=True, eq=False)
class Contender:
    """A detector as a comparison names it: plain values, so that it can be stored and sent.

    name: a detector's name, that of trained weights (shipped, or a .safetensors file), or the class
    name of an object. options: plain JSON values for ``make_detector``; weights take none. label:
    what people read; "k-best(k=16)" unless given. It must be unique in a comparison and is not part
    of the key. weights: SHA-256 of the weights file, its own or that of its inner detector, which
    is; found by name unless given. quantizer: name of trained weights of a quantiser that the soft
    bits go through, an option too in text and tables; quantizer_weights: their SHA-256, found by
    name unless given.
    Raises InvalidInputError at once for an unknown name, an unknown option or a bad value.

    >>> Contender("lmmse", {"demapping": "max-log"}).label
    'lmmse(demapping=max-log)'
    >>> Contender.parse("lmmse:biased=true").options
    {'biased': True}
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    object_key: str | None = None
    weights: str | None = None
    quantizer: str = ""
    quantizer_weights: str | None = None
    detector: Detector | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        options = plain_options(self.options)
        object.__setattr__(self, "quantizer", options.pop("quantizer", self.quantizer))
        object.__setattr__(self, "options", options)
        check_label(self.label)
        if not self.label:
            object.__setattr__(self, "label", default_label(self.name, options, self.quantizer))
        if self.object_key is None and self.weights is None:
            if is_weights_name(self.name):
                object.__setattr__(self, "weights", _weights_digest(self.name, options))
            else:
                known = (*detector_names(), *shipped_weights(), *peer_names())
                check_one_of("detector", self.name, known)
                _check_buildable(self.name, options)
                if self._inner_weights():
                    object.__setattr__(self, "weights", read_card(self._inner_weights()).sha256)
        if self.quantizer and self.quantizer_weights is None:
            load_quantizer(self.quantizer)
            object.__setattr__(self, "quantizer_weights", read_card(self.quantizer).sha256)

    @classmethod
    def parse(cls, value: str | Mapping[str, Any] | Contender | Detector) -> Contender:
        """From "k-best:k=16,order=sorted", from a table {name, label, options...}, or as it is.

        In text, ``label=...`` names the contender; values are read as true, false, an integer, a
        number, or text.
        """
        if isinstance(value, Contender):
            return value
        if isinstance(value, Detector):
            return cls.from_detector(type(value).__name__, value)
        if isinstance(value, str):
            name, _, rest = value.partition(":")
            options = dict(parse_option(value, item) for item in rest.split(",") if item.strip())
            return cls(name.strip(), options, label=str(options.pop("label", "")))
        if isinstance(value, Mapping):
            options = dict(value)
            if not isinstance(options.get("name"), str):
                raise invalid("contender", dict(value), "a table with the detector's 'name'")
            return cls(options.pop("name"), options, label=options.pop("label", ""))
        raise invalid("contender", value, "text such as 'k-best:k=16', or a table with 'name'")

    @classmethod
    def from_detector(cls, label: str, detector: Detector) -> Contender:
        """A detector object of your own. It runs in this process only, never in workers.

        It is recognised in a results file by its class, its parameters and buffers, and its label.
        """
        if not isinstance(detector, Detector):
            raise invalid("detector", f"<{type(detector).__name__}>", "a mimolearn Detector")
        content = [f"{type(detector).__module__}.{type(detector).__qualname__}", label]
        digest = hashlib.sha256(json.dumps(content).encode())
        for name, tensor in detector.state_dict().items():
            array = tensor.detach().cpu().contiguous().numpy()
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            digest.update(array.tobytes())
        key = digest.hexdigest()[:16]
        return cls(type(detector).__name__, {}, label, object_key=key, detector=detector)

    @property
    def is_object(self) -> bool:
        """True for a detector object, which cannot be rebuilt from its name."""
        return self.object_key is not None

    def key(self) -> str:
        """16 hex digits of SHA-256 over kind, name and options with the defaults filled in."""
        if self.object_key is not None:
            return self.object_key
        if self.weights is not None and self._inner_weights():
            # Here too the file is told by its content alone.
            name, options = self.name, {**_default_options(self.name), **self.options}
            options["inner"], algorithm = "weights", self.name
        elif self.weights is not None:
            # The file may lie anywhere: what is in it says which contender it is.
            name, options = "weights", {}
            algorithm = read_card(self.name).network
        else:
            name, options = self.name, {**_default_options(self.name), **self.options}
            algorithm = self.name
        content = {
            "schema": CONTENDER_SCHEMA,
            "kind": "detector",
            "name": name,
            "options": options,
            "weights": self.weights,
            "revision": detector_class(algorithm).revision,
        }
        if self.quantizer:
            content["quantizer"] = self.quantizer_weights
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def build(
        self, constellation: Constellation | str, shared: dict[str, Detector] | None = None
    ) -> Detector:
        """The detector itself, with its quantiser behind it.

        shared: detectors by key, so that those that differ in the quantiser alone have one.
        """
        plain = replace(self, quantizer="", quantizer_weights=None)
        shared = {} if shared is None else shared
        key = plain.key()
        if key not in shared:
            shared[key] = plain._build(constellation)
        detector = shared[key]
        if not self.quantizer:
            return detector
        if read_card(self.quantizer).sha256 != self.quantizer_weights:
            raise InvalidInputError(
                f"contender {self.label!r}: the weights {self.quantizer} are no longer those that "
                "the results are of"
            )
        try:
            return QuantizedDetector(detector, load_quantizer(self.quantizer))
        except InvalidInputError as error:
            raise InvalidInputError(f"contender {self.label!r}: {error}") from None

    def _build(self, constellation: Constellation | str) -> Detector:
        if self.detector is not None:
            return self._fitting(self.detector, constellation)
        if self.is_object:
            raise InvalidInputError(
                f"contender {self.label!r}: is a detector object of another session; "
                "pass the object again to simulate it"
            )
        if self.weights is not None:
            weights = self._inner_weights() or self.name
            if read_card(weights).sha256 != self.weights:
                raise InvalidInputError(
                    f"contender {self.label!r}: the weights {weights} are no longer those that "
                    "the results are of"
                )
            if weights == self.name:
                return self._fitting(load_detector(self.name), constellation)
        try:
            return make_detector(self.name, constellation, **self.options)
        except InvalidInputError as error:
            raise InvalidInputError(f"contender {self.label!r}: {error}") from None

    def _inner_weights(self) -> str:
        """Trained weights that an inner detector is made of, or nothing."""
        inner = self.options.get("inner", "")
        return inner if isinstance(inner, str) and is_weights_name(inner) else ""

    def _fitting(self, detector: Detector, constellation: Constellation | str) -> Detector:
        wanted = as_constellation(constellation)
        if isinstance(detector, UnfoldedDetector) and detector.any_constellation:
            return detector.serving(wanted)
        if detector.constellation != wanted:
            had = f"<{detector.constellation}>"
            raise invalid(f"constellation of {self.label!r}", had, f"the scenario's, {wanted}")
        return detector

    def to_dict(self) -> dict[str, Any]:
        """Plain values that ``from_dict`` reads back; the object itself is left out."""
        return {
            "name": self.name,
            "options": dict(self.options),
            "label": self.label,
            "object_key": self.object_key,
            "weights": self.weights,
            "quantizer": self.quantizer,
            "quantizer_weights": self.quantizer_weights,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Contender:
        """Inverse of ``to_dict``."""
        return cls(
            content["name"],
            content["options"],
            content["label"],
            content.get("object_key"),
            content.get("weights"),
            content.get("quantizer", ""),
            content.get("quantizer_weights"),
        )


def check_label(label: object) -> None:
    """Raise InvalidInputError for what cannot be shown as it is."""
    if not isinstance(label, str) or len(label) > 80:
        raise invalid("label", label, "text of at most 80 characters")
    if not is_plain_text(label):
        raise invalid("label", label, "text without control characters")


def default_label(name: str, options: Mapping[str, Any], quantizer: str = "") -> str:
    if quantizer:
        return f"{default_label(name, options)} | {Path(quantizer).stem}"[:80]
    if name.endswith(".safetensors"):
        name = Path(name).stem
    words = [f"{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in options.items()]
    return f"{name}({', '.join(words)})"[:80] if words else name


def _weights_digest(name: str, options: Mapping[str, Any]) -> str:
    if options:
        raise invalid(f"options of {name}", dict(options), "none: trained weights have theirs")
    load_detector(name)
    return read_card(name).sha256


def _default_options(name: str) -> dict[str, Any]:
    # Defaults are part of the key: a later version that changes one must not reuse old results.
    parameters = inspect.signature(detector_class(name).__init__).parameters
    return {
        option: parameters[option].default
        for option in detector_class(name).option_names()
        if option in parameters and isinstance(parameters[option].default, str | int | float)
    }


def _check_buildable(name: str, options: Mapping[str, Any]) -> None:
    errors: list[InvalidInputError] = []
    for constellation in _TRIAL_CONSTELLATIONS:
        try:
            make_detector(name, constellation, **options)
        except InvalidInputError as error:
            errors.append(error)
        else:
            return
    raise errors[0]


def plain_options(options: object) -> dict[str, Any]:
    if not isinstance(options, Mapping):
        raise invalid("options", options, "a table of options")
    plain: dict[str, Any] = {}
    for key, value in options.items():
        if not isinstance(key, str) or not key.isidentifier():
            raise invalid("option", key, "an option's name")
        if isinstance(value, float) and not math.isfinite(value):
            raise invalid(key, value, "a finite number")
        try:
            plain[key] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError):
            raise invalid(
                key, value, "a plain value (text, number, true, false or a list)"
            ) from None
    return plain


def unique_contenders(values: object) -> tuple[Contender, ...]:
    """Parse a list of contenders; labels and keys must be unique."""
    if isinstance(values, str | Mapping | Contender | Detector):
        values = [values]
    if not isinstance(values, list | tuple) or not values:
        raise invalid("contenders", values, "a list of at least one contender")
    contenders = tuple(Contender.parse(value) for value in values)
    labels: set[str] = set()
    keys: dict[str, str] = {}
    for contender in contenders:
        if contender.label in labels:
            raise invalid("contenders", contender.label, "a different label for each contender")
        if contender.key() in keys:
            same = keys[contender.key()]
            raise invalid("contenders", contender.label, f"no twin: it is the same as {same!r}")
        labels.add(contender.label)
        keys[contender.key()] = contender.label
    return contenders


def find_contender(contenders: tuple[Contender, ...], wanted: str | Contender) -> int:
    """Position of a contender, given by itself or by its label."""
    label = wanted.label if isinstance(wanted, Contender) else wanted
    labels = [contender.label for contender in contenders]
    return labels.index(check_one_of("contender", label, labels))
