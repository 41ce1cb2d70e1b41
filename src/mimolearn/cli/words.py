"""The words that a shell completes: names that the library knows."""

from __future__ import annotations


def complete_scenarios(incomplete: str) -> list[str]:
    """Scenarios that ship."""
    from mimolearn.link.scenario import shipped_scenarios

    return _starting(shipped_scenarios(), incomplete)


def complete_contenders(incomplete: str) -> list[str]:
    """Detectors and trained ones."""
    from mimolearn.detectors import detector_names, peer_names
    from mimolearn.weights import read_card, shipped_weights

    trained = [name for name in shipped_weights() if read_card(name).kind == "detector"]
    return _starting((*detector_names(), *trained, *peer_names()), incomplete)


def complete_parts(incomplete: str) -> list[str]:
    """Trained weights, and detectors that have none."""
    from mimolearn.detectors import detector_names
    from mimolearn.weights import shipped_weights

    return _starting((*shipped_weights(), *detector_names()), incomplete)


def complete_weights(incomplete: str) -> list[str]:
    """Trained weights."""
    from mimolearn.weights import shipped_weights

    return _starting(shipped_weights(), incomplete)


def complete_recipes(incomplete: str) -> list[str]:
    """Recipes that ship, of every kind."""
    from mimolearn.training import shipped_recipes

    return _starting(shipped_recipes(), incomplete)


def complete_experiments(incomplete: str) -> list[str]:
    """Published figures and tables."""
    from mimolearn.papers import experiment_names

    return _starting(tuple(experiment_names()), incomplete)


def complete_topics(incomplete: str) -> list[str]:
    """What ``list`` lists."""
    topics = ("detectors", "beamformers", "quantizers", "weights", "scenarios", "channels")
    return _starting((*topics, "snr", "constellations", "all"), incomplete)


def _starting(words: tuple[str, ...], incomplete: str) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]
