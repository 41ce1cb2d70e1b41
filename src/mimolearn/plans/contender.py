"""One competitor of a comparison: a detector's name and options, weights, or an object."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mimolearn.constellation import Constellation, as_constellation
from mimolearn.detectors import (
    Detector,
    DetectorFunction,
    FunctionDetector,
    UnfoldedDetector,
    detector_class,
    detector_name,
    detector_names,
    make_detector,
    peer_names,
)
from mimolearn.detectors.files import is_detector_file, read_detector
from mimolearn.detectors.text import parse_option
from mimolearn.detectors.trained import load_part
from mimolearn.foundation.errors import InvalidInputError, check_one_of, invalid
from mimolearn.foundation.tensors.state import clean_torch
from mimolearn.plans.chain import ReceiverChain
from mimolearn.plans.fingerprint import fingerprint
from mimolearn.plans.identity import detector_tree, difference, key_of, quantizer_tree
from mimolearn.plans.imported import (
    import_detector,
    imported_options,
    is_imported_name,
    make_imported,
    split_imported,
)
from mimolearn.plans.options import check_label, default_label, plain_options
from mimolearn.plans.quantized import QuantizedDetector, read_quantizer
from mimolearn.plans.receiver import Receiver, receiver_options
from mimolearn.weights import is_weights_name, shipped_weights

CONTENDER_SCHEMA = 2

# A detector may serve some constellations only, so options are tried on these in turn.
_TRIAL_CONSTELLATIONS = ("qpsk", "bpsk", "16-qam")


@dataclass(frozen=True, eq=False)
class Contender:
    """A detector as a comparison names it: plain values, so that it can be stored and sent.

    Attributes:
        name: a detector's name, that of trained weights (shipped, or a .safetensors file), an
            exported .onnx file, or the class name of an object.
        options: plain JSON values for ``make_detector``; for weights, those of the network's
            ``at``, which take a part of it, such as its first layers; exported files take none.
        label: what people read; "k-best(k=16)" unless given. It must be unique in a comparison and
            is not part of the key.
        quantizer: what the soft bits go through: name of trained weights, or text such as
            "uniform:bits=4;clip=12" or "statistics"; an option too in text and tables.
        receiver: what stands around the detector; its fields are options too in text and tables.
        identity: what the key is made of, see ``plans.identity``; derived when left out, and
            compared when the detector is built.

    Raises:
        InvalidInputError: at once for an unknown name, an unknown option or a bad value.

    >>> Contender("lmmse", {"demapping": "max-log"}).label
    'lmmse(demapping=max-log)'
    >>> Contender.parse("lmmse:biased=true").options
    {'biased': True}
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    quantizer: str = ""
    receiver: Receiver = field(default_factory=Receiver)
    identity: Mapping[str, Any] = field(default_factory=dict, repr=False)
    detector: Detector | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.detector is None:
            object.__setattr__(self, "name", detector_name(self.name))
        options = plain_options(self.options)
        object.__setattr__(self, "quantizer", options.pop("quantizer", self.quantizer))
        around, options = receiver_options(options, self._own_options())
        if around:
            object.__setattr__(self, "receiver", Receiver(**around))
        object.__setattr__(self, "options", options)
        check_label(self.label)
        if not self.label:
            object.__setattr__(self, "label", self._default_label())
        if not self.identity:
            self._check_exists()
            object.__setattr__(self, "identity", self._identify())

    @classmethod
    def parse(cls, value: ContenderLike) -> Contender:
        """From "k-best:k=16,order=sorted", from a table {name, label, options...}, or as it is.

        In text, ``label=...`` names the contender; values are read as true, false, an integer, a
        number, or text. "package.module:Name" names a detector's class or a function of your own,
        "package.module:Name:k=16" with options. A function of y, h and noise_var is taken as it is.

        Args:
            value: text, a table, a detector, a function, or a contender.
        """
        if isinstance(value, Contender):
            return value
        if isinstance(value, Detector):
            return cls.from_detector(type(value).__name__, value)
        if callable(value):
            return cls.from_function(value)
        if isinstance(value, str):
            name, rest = split_imported(value)
            if not name:
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

        A results file knows it by its class, the code of a class of yours, and all attributes; see
        ``fingerprint``. A method ``result_key()`` that returns text stands for all of that, and
        ``not_in_key`` names attributes that decide nothing. A detector that is changed afterwards
        is refused when it is simulated.

        Args:
            label: its name in tables and plots.
            detector: the object.
        """
        if not isinstance(detector, Detector):
            raise invalid("detector", f"<{type(detector).__name__}>", "a mimolearn Detector")
        return cls(type(detector).__name__, {}, label, detector=detector)

    @classmethod
    def from_function(cls, function: DetectorFunction, label: str = "") -> Contender:
        """A function of yours, see ``FunctionDetector``. It runs in this process only.

        In workers and on the command line name it by its module: "package.module:name".

        Args:
            function: of y, h and noise_var.
            label: its name in tables and plots; default that of the function.
        """
        # It serves every constellation; which one, the scenario says.
        detector = FunctionDetector("qpsk", function)
        name = getattr(function, "__name__", type(function).__name__)
        # "<lambda>" among them.
        return cls(name, {}, label or name, detector=detector)

    @property
    def is_object(self) -> bool:
        """True for a detector object, which cannot be rebuilt from its name."""
        return "object" in self.identity.get("detector", {})

    @property
    def weights(self) -> str:
        """SHA-256 of the trained weights that it is made of, or nothing."""
        return self.identity.get("detector", {}).get("weights", "")

    def after(self, passes: int) -> Contender:
        """The same receiver with another number of passes of decoder feedback."""
        receiver = self.receiver.model_copy(update={"passes": passes})
        identity = {k: v for k, v in self.identity.items() if k != "receiver"}
        if not receiver.is_plain:
            identity["receiver"] = receiver.stated()
        label = "" if self.label == self._default_label() else f"{self.label}, {passes} passes"
        return replace(self, label=label, receiver=receiver, identity=identity)

    def __repr__(self) -> str:
        return f"Contender({self.label!r})"

    def key(self) -> str:
        """16 hex digits of SHA-256 over the identity."""
        return key_of("detector", CONTENDER_SCHEMA, self.identity)

    def check_unchanged(self) -> None:
        """Raise InvalidInputError, one line, where results by this key would not be its own.

        That is where weights were replaced, or a detector object changed, since it was made.
        """
        if self.is_object and self.detector is None:
            return
        path = difference(self._identify(), self.identity)
        if not path:
            return
        if self.is_object:
            raise InvalidInputError(
                f"contender {self.label!r}: its detector was changed since the contender was made; "
                "make a new one, or name attributes that decide nothing in its not_in_key"
            )
        named = self._default_label()
        raise InvalidInputError(
            f"contender {self.label!r}: {named} are no longer those that the results are of: "
            f"{path} is another"
        )

    @clean_torch()
    def build(
        self, constellation: Constellation | str, shared: dict[str, Detector] | None = None
    ) -> Detector:
        """The detector itself, with its receiver around it and its quantiser behind it.

        Args:
            constellation: that of the scenario.
            shared: detectors by key, so that those that differ in the quantiser alone have one.
        """
        if not self.is_object:
            self.check_unchanged()
        identity = {"detector": self.identity["detector"]}
        plain = replace(self, quantizer="", receiver=Receiver(), identity=identity)
        shared = {} if shared is None else shared
        key = plain.key()
        if key not in shared:
            shared[key] = plain._build(constellation)
        detector = shared[key]
        try:
            if not self.receiver.is_plain:
                detector = ReceiverChain(detector, self.receiver)
            if self.quantizer:
                quantizer = read_quantizer(self.quantizer, constellation)
                detector = QuantizedDetector(detector, quantizer)
            return detector
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
        try:
            if is_weights_name(self.name):
                return self._fitting(load_part(self.name, self.options), constellation)
            if is_detector_file(self.name):
                return self._fitting(read_detector(self.name), constellation)
            if is_imported_name(self.name):
                return make_imported(self.name, constellation, self.options)
            return make_detector(self.name, constellation, **self.options)
        except InvalidInputError as error:
            raise InvalidInputError(f"contender {self.label!r}: {error}") from None

    def _own_options(self) -> Sequence[str]:
        """Options of the detector itself, as far as its name is known."""
        if self.detector is not None:
            return ()
        if is_imported_name(self.name):
            # One that was stored is not imported before it is built.
            return () if self.identity else imported_options(import_detector(self.name))
        if self.name in (*detector_names(), *peer_names()):
            return detector_class(self.name).option_names()
        return ()

    def _default_label(self) -> str:
        options = {**self.options, **self.receiver.words()}
        return default_label(self.name, options, self.quantizer)

    def _check_exists(self) -> None:
        if self.detector is None and is_weights_name(self.name):
            load_part(self.name, self.options)
        elif self.detector is None and is_detector_file(self.name):
            if self.options:
                expected = "none: an exported file has its own"
                raise invalid(f"options of {self.name}", dict(self.options), expected)
            read_detector(self.name)
        elif self.detector is None and is_imported_name(self.name):
            _make_on_trial(lambda c: make_imported(self.name, c, self.options))
        elif self.detector is None:
            known = (*detector_names(), *shipped_weights(), *peer_names())
            check_one_of("detector", self.name, known)
            _make_on_trial(lambda c: make_detector(self.name, c, **self.options))
        if self.quantizer:
            read_quantizer(self.quantizer, "qpsk")

    def _identify(self) -> dict[str, Any]:
        if self.detector is None:
            tree = {"detector": detector_tree(self.name, self.options)}
        else:
            digest = fingerprint(self.detector, f"contender {self.label!r}")
            tree = {"detector": {"object": self.name, "sha256": digest}}
        if self.quantizer:
            tree["quantizer"] = quantizer_tree(self.quantizer)
        if not self.receiver.is_plain:
            tree["receiver"] = self.receiver.stated()
        # As it comes back from a file.
        return json.loads(json.dumps(tree))

    def _fitting(self, detector: Detector, constellation: Constellation | str) -> Detector:
        wanted = as_constellation(constellation)
        if isinstance(detector, UnfoldedDetector) and detector.any_constellation:
            return detector.serving(wanted)
        if isinstance(detector, FunctionDetector):
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
            "quantizer": self.quantizer,
            "receiver": self.receiver.stated(),
            "identity": dict(self.identity),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Contender:
        """Inverse of ``to_dict``. The detector is not looked for until it is built."""
        identity = content.get("identity")
        if not isinstance(identity, Mapping) or not isinstance(identity.get("detector"), Mapping):
            raise InvalidInputError(
                f"contender {content.get('label')!r}: was stored by an earlier version, whose keys "
                "stood for less; simulate again into a new results file"
            )
        return cls(
            content["name"],
            content["options"],
            content["label"],
            content.get("quantizer", ""),
            Receiver(**content.get("receiver", {})),
            identity,
        )


def _make_on_trial(make: Callable[[str], Detector]) -> None:
    """Raise the first error where no constellation is served."""
    errors: list[InvalidInputError] = []
    for constellation in _TRIAL_CONSTELLATIONS:
        try:
            make(constellation)
        except InvalidInputError as error:
            errors.append(error)
        else:
            return
    raise errors[0]


def unique_contenders(values: object) -> tuple[Contender, ...]:
    """Parse a list of contenders; labels and keys must be unique."""
    if isinstance(values, str | Mapping | Contender | Detector):
        values = [values]
    if not isinstance(values, list | tuple) or not values:
        raise invalid("contenders", values, "a list of at least one contender")
    contenders = _with_earlier_passes([Contender.parse(value) for value in values])
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


def _with_earlier_passes(contenders: Sequence[Contender]) -> tuple[Contender, ...]:
    """All contenders, each with decoder feedback behind its own earlier passes.

    A receiver of n passes goes through all of them, so that the earlier ones cost nothing.
    """
    listed = {contender.key() for contender in contenders}
    every: list[Contender] = []
    for contender in contenders:
        earlier = [contender.after(passes) for passes in range(contender.receiver.passes)]
        every += [one for one in earlier if one.key() not in listed]
        listed |= {one.key() for one in earlier}
        every.append(contender)
    return tuple(every)


def find_contender(contenders: tuple[Contender, ...], wanted: str | Contender) -> int:
    """Position of a contender, given by itself or by its label."""
    label = wanted.label if isinstance(wanted, Contender) else wanted
    labels = [contender.label for contender in contenders]
    return labels.index(check_one_of("contender", label, labels))


ContenderLike = str | Mapping[str, Any] | Contender | Detector | DetectorFunction
"""What ``Contender.parse`` understands."""
