"""Contenders of a paper's file: their labels at once, themselves when they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from mimolearn.detectors import Detector, detector_class, detector_names, peer_names
from mimolearn.detectors.text import parse_option
from mimolearn.foundation.errors import InvalidInputError, check_one_of, invalid
from mimolearn.plans.imported import is_imported_name, split_imported
from mimolearn.plans.options import check_label, default_label
from mimolearn.plans.receiver import Receiver
from mimolearn.weights import shipped_beams, shipped_weights

Told = Callable[[str, int, int], None]
"""Is told of a training: the network, its steps so far, and all of them."""


class AbsentError(InvalidInputError):
    """A network is not trained yet, so that what it is part of cannot compete."""


class Trainable(Protocol):
    """A network that can be trained."""

    def weights(self, folder: Path, *, may_train: bool, progress: Told | None = None) -> str:
        """Name or path of its weights; AbsentError where they cannot be had."""
        ...


@dataclass(frozen=True)
class Competitor:
    """A contender of a panel.

    Attributes:
        label: what the figure calls it.
        name: of a detector or beamformer, of weights, or of a network of the file.
        options: in the contender grammar, the quantiser among them.
        networks: those of the file that it is made of, by name.
        make: "package.module:function" that makes the detector, in place of name.
    """

    label: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    networks: Mapping[str, Trainable] = field(default_factory=dict)
    make: str = ""

    def table(
        self, folder: Path, *, may_train: bool, progress: Told | None = None
    ) -> dict[str, Any]:
        """The contender as a table, with networks of the file trained.

        Args:
            folder: of the weights that are trained here.
            may_train: a quick run does not train.
            progress: is told of trainings.

        Raises:
            AbsentError: one line, why it cannot compete.
        """

        def trained(value: Any) -> Any:
            network = self.networks.get(value) if isinstance(value, str) else None
            if network is None:
                return value
            return network.weights(folder, may_train=may_train, progress=progress)

        options = {name: trained(value) for name, value in self.options.items()}
        return {"name": trained(self.name), **options, "label": self.label}

    def made(self) -> Detector:
        """The detector that ``make`` gives."""
        detector = imported_function(self.make)(**self.options)
        if not isinstance(detector, Detector):
            got = f"<{type(detector).__name__}>"
            raise invalid(f"make {self.make}", got, "a function that returns a Detector")
        return detector


def imported_function(name: str) -> Any:
    """What "package.module:name" names.

    Raises:
        InvalidInputError: one line, where there is no such module or nothing of this name in it.
    """
    module_name, _, attribute = name.partition(":")
    try:
        value = getattr(import_module(module_name), attribute, None)
    except Exception as error:  # a user's module may fail in any way
        problem = f"{type(error).__name__}: {error}"
        raise InvalidInputError(f"{name}: cannot import {module_name}: {problem}") from None
    if not callable(value):
        raise invalid(name, "<nothing of this name>", "a function 'package.module:name'")
    return value


def read_competitor(
    value: str | Mapping[str, Any],
    networks: Mapping[str, Trainable],
    known: tuple[str, ...],
) -> Competitor:
    """A contender as it stands in the file; its name and label are checked, no more.

    Args:
        value: text in the contender grammar, or a table.
        networks: those of the file, by name.
        known: names of detectors, or of beamformers, and of weights that ship.

    Raises:
        InvalidInputError: one line.
    """
    make = ""
    if isinstance(value, str):
        name, rest = split_imported(value)
        if not name:
            name, _, rest = value.partition(":")
        name = name.strip()
        options = dict(parse_option(value, item) for item in rest.split(",") if item.strip())
    else:
        options = dict(value)
        make = options.pop("make", "")
        name = options.pop("name", make and make.partition(":")[2])
        if not isinstance(name, str) or not name:
            raise invalid("contender", dict(value), "a table with 'name' or 'make'")
    label = str(options.pop("label", ""))
    if name in (*detector_names(), *peer_names()):
        for option in options:
            allowed = (*detector_class(name).option_names(), *Receiver.model_fields, "quantizer")
            check_one_of(f"option of {name}", option, allowed)
    quantizer = str(options.get("quantizer", ""))
    if not label:
        plain = {key: item for key, item in options.items() if key != "quantizer"}
        label = default_label(name, plain, quantizer)
    check_label(label)
    if not (make or is_imported_name(name) or name.endswith(".safetensors")):
        check_one_of("contender", name, (*known, *networks))
    if quantizer and not quantizer.endswith(".safetensors"):
        check_one_of("quantizer", quantizer, (*shipped_weights(), *networks))
    used = {str(item) for item in (name, *options.values())} & set(networks)
    return Competitor(label, name, options, {n: networks[n] for n in sorted(used)}, make)


def known_detectors() -> tuple[str, ...]:
    """Detectors by name, and weights of receivers that ship."""
    return (*detector_names(), *peer_names(), *shipped_weights())


def known_beams() -> tuple[str, ...]:
    """Beamformers by name, and their weights that ship."""
    from mimolearn.beamformers import beamformer_names

    return (*beamformer_names(), *shipped_beams())
