"""What decides a contender's results, as a tree of plain values: what its key is made of.

A detector is told by its name, its ``revision`` and all of its options with the defaults filled in.
An option that names a detector or weights stands for the tree of what it names. Weights are told by
their content: the digest of the file, and what the card says of the network. Names of files and
the order of options are in no tree.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from typing import Any

from mimolearn.beamformers import Beamformer, beamformer_class
from mimolearn.beamformers.trained import trained_array
from mimolearn.detectors import Detector, detector_class, detector_name
from mimolearn.detectors.nesting import NestingError, inside
from mimolearn.detectors.text import is_weights_text, split_text
from mimolearn.foundation.errors import InvalidInputError, check_one_of
from mimolearn.plans.fingerprint import fingerprint
from mimolearn.plans.imported import import_detector, is_imported_name
from mimolearn.quantizers import Quantizer, quantizer_class
from mimolearn.weights import Card, is_weights_name, read_card

Tree = dict[str, Any]
_Part = type[Detector] | type[Quantizer] | type[Beamformer]


def key_of(kind: str, schema: int, tree: Mapping[str, Any]) -> str:
    """The key of a tree.

    Args:
        kind: what the key is of.
        schema: version of the tree's form.
        tree: plain JSON values.

    Returns:
        16 hex digits of SHA-256 over canonical JSON.
    """
    content = {"kind": kind, "schema": schema, "identity": tree}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def detector_tree(name: str, options: Mapping[str, Any]) -> Tree:
    """The tree of a detector by name, or of trained weights.

    Args:
        name: of a detector or of weights.
        options: of the detector; for weights, of the part that is taken.

    Raises:
        InvalidInputError: one line, for what does not exist and for a detector inside itself.
    """
    if is_weights_name(name):
        tree = weights_tree(name)
        return tree | {"part": dict(options)} if options else tree
    if is_imported_name(name):
        return _imported_tree(name, options)
    cls = detector_class(name)
    tree = _part_tree("detector", detector_name(name), cls, options)
    if cls.__module__.partition(".")[0] != __name__.partition(".")[0]:
        # Of another package: its code decides results too.
        tree["code"] = fingerprint(cls, f"contender {name!r}")
    return tree


def _imported_tree(name: str, options: Mapping[str, Any]) -> Tree:
    """The tree of a user's class or function, whose code decides results as well."""
    imported = import_detector(name)
    tree: Tree = {"detector": name, "options": {}}
    if isinstance(imported, type):
        tree = _part_tree("detector", name, imported, options)
    return tree | {"code": fingerprint(imported, f"contender {name!r}")}


def beamformer_tree(name: str, options: Mapping[str, Any]) -> Tree:
    """Of a beamformer by name."""
    return _part_tree("beamformer", name, beamformer_class(name), options)


def weights_tree(name: str) -> Tree:
    """Of trained weights: shipped ones or a file with its card."""
    card = read_card(name)
    with inside(name):
        try:
            tree = _card_tree(card)
        except NestingError:
            raise
        except InvalidInputError as error:
            raise InvalidInputError(f"{name}: its card: {error}") from None
    return tree


def difference(ours: Mapping[str, Any], theirs: Mapping[str, Any], path: str = "") -> str:
    """The first entry, in alphabetical order, in which two trees differ: "options.inner.weights".

    Args:
        ours: a tree.
        theirs: another one.
        path: of both within larger trees.

    Returns:
        its path; "" where the trees are equal.
    """
    for name in sorted(set(ours) | set(theirs)):
        a, b, here = ours.get(name), theirs.get(name), f"{path}.{name}".lstrip(".")
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            inside_path = difference(a, b, here)
            if inside_path:
                return inside_path
        elif a != b or type(a) is not type(b) or (name in ours) != (name in theirs):
            return here
    return ""


def _card_tree(card: Card) -> Tree:
    by_kind = {
        "detector": detector_class,
        "beamformer": beamformer_class,
        "quantizer": quantizer_class,
    }
    cls = by_kind[card.kind](card.network)
    tree = _part_tree(card.kind, card.network, cls, card.options)
    tree |= {
        "weights": card.sha256,
        "layout": card.layout,
        "constellation": card.constellation,
    }
    if card.kind == "beamformer":
        # The array that learned matrices are made for.
        tree["array"] = trained_array(card.recipe).model_dump(mode="json")
    return tree


def _part_tree(kind: str, name: str, cls: _Part, options: Mapping[str, Any]) -> Tree:
    known = cls.option_names()
    for option in options:
        check_one_of(f"option of {kind} {name!r}", option, known)
    detectors = cls.detector_option_names() if issubclass(cls, Detector) else ()
    parameters = inspect.signature(cls.__init__).parameters
    values = {option: options.get(option, parameters[option].default) for option in known}
    return {
        kind: name,
        "revision": cls.revision,
        "options": {
            option: _option_tree(value, option in detectors)
            for option, value in values.items()
            if value is not inspect.Parameter.empty
        },
    }


def _option_tree(value: Any, is_detector: bool) -> Any:
    if isinstance(value, str) and is_weights_text(value):
        return weights_tree(value)
    if isinstance(value, str) and is_detector:
        name, options = split_text(value)
        with inside(value):
            return detector_tree(name, options)
    return plain_value(value)


def plain_value(value: Any) -> Any:
    """Equal values in one form: a whole number is one, however it was written."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain_value(item) for key, item in value.items()}
    return value
