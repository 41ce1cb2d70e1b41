"""The words that a shell completes: names that the library knows.

A shell asks at every press of a key. So names are read from the library's files, without an import
of what they name.
"""

from __future__ import annotations

import json
import re

from mimolearn.foundation.shipped import shipped_folder, shipped_names

_WEIGHTS = "data/weights/receivers"
_NAME = re.compile(r'^    name(?:: ClassVar\[str\])? = "([a-z0-9-]+)"', re.MULTILINE)
_PAPERS = "data/papers"
_FIGURE = re.compile(r'^\[\[figure\]\]\nname = "([a-z0-9.-]+)"', re.MULTILINE)


def complete_scenarios(incomplete: str) -> list[str]:
    """Scenarios that ship."""
    return _starting(shipped_names("data/scenarios"), incomplete)


def complete_contenders(incomplete: str) -> list[str]:
    """Detectors and trained ones."""
    trained = [name for name in _weights() if _kind(name) == "detector"]
    peers = _declared("interop", _NAME)
    return _starting((*_declared("detectors", _NAME), *trained, *peers), incomplete)


def complete_parts(incomplete: str) -> list[str]:
    """Trained weights, and detectors that have none."""
    return _starting((*_weights(), *_declared("detectors", _NAME)), incomplete)


def complete_weights(incomplete: str) -> list[str]:
    """Trained weights."""
    return _starting(_weights(), incomplete)


def complete_recipes(incomplete: str) -> list[str]:
    """Recipes that ship, of every kind."""
    return _starting(shipped_names("data/recipes"), incomplete)


def complete_experiments(incomplete: str) -> list[str]:
    """Published figures and tables."""
    return _starting(_figures(), incomplete)


def _figures() -> tuple[str, ...]:
    """Figures of the papers' files."""
    names = []
    for key in shipped_names(_PAPERS):
        text = (shipped_folder(_PAPERS) / f"{key}.toml").read_text("utf-8")
        names += [f"{key}/{figure}" for figure in _FIGURE.findall(text)]
    return tuple(names)


def _weights() -> tuple[str, ...]:
    return shipped_names(_WEIGHTS, ".safetensors")


def _kind(weights: str) -> str:
    return json.loads((shipped_folder(_WEIGHTS) / f"{weights}.json").read_text("utf-8"))["kind"]


def _declared(room: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """Names that the files of a room declare, sorted."""
    names: set[str] = set()
    folders = [shipped_folder(room)]
    while folders:
        for item in folders.pop().iterdir():
            if item.is_dir():
                folders.append(item)
            elif item.name.endswith(".py"):
                names.update(pattern.findall(item.read_text("utf-8")))
    return tuple(sorted(names))


def complete_names(incomplete: str) -> list[str]:
    """Detectors, trained weights and scenarios."""
    names = (*_declared("detectors", _NAME), *_weights(), *shipped_names("data/scenarios"))
    return _starting(names, incomplete)


def complete_topics(incomplete: str) -> list[str]:
    """What ``list`` lists."""
    topics = ("detectors", "beamformers", "quantizers", "weights", "scenarios", "channels")
    return _starting((*topics, "snr", "constellations", "all"), incomplete)


def _starting(words: tuple[str, ...], incomplete: str) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]
