"""All that is known of one name: a detector, trained weights, or a scenario."""

from __future__ import annotations

import inspect
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from mimolearn.beamformers import beamformer_class, beamformer_names
from mimolearn.detectors import detector_class, detector_name, detector_names, peer_names
from mimolearn.foundation.errors import MimolearnError, check_one_of, invalid
from mimolearn.foundation.shipped import shipped_folder
from mimolearn.link.beam_scenario import shipped_beam_scenarios
from mimolearn.link.scenario import Scenario, shipped_scenarios
from mimolearn.plans.plan import AnyScenario
from mimolearn.quantizers import quantizer_class, quantizer_names
from mimolearn.report.facts.costs import detector_costs
from mimolearn.report.numbers import format_names
from mimolearn.results.point import Point
from mimolearn.studies import list_results, load_results
from mimolearn.studies.engine import COUNTING
from mimolearn.weights import Card, is_weights_name, read_card, shipped_beams, shipped_weights

_SCENARIOS = "data/scenarios"
_BEAM_SCENARIOS = "data/beam_scenarios"


class Description(NamedTuple):
    """What a name stands for.

    Attributes:
        name: as the library writes it.
        kind: "detector", "beamformer", "quantizer", "weights" or "scenario".
        text: what it is; of a scenario, its TOML file.
        facts: further facts by name, in their order.
    """

    name: str
    kind: str
    text: str
    facts: dict[str, Any]


def describe(name: str) -> Description:
    """Describe a detector, beamformer, quantiser, scenario or trained weights.

    Args:
        name: as `mimolearn list` prints it, or a .safetensors file.

    Raises:
        InvalidInputError: for an unknown name; the message has the nearest known one.

    >>> describe("LMMSE").facts["options"]
    {'biased': False, 'demapping': 'exact'}
    """
    name = detector_name(name)
    algorithms = {
        "detector": ((*detector_names(), *peer_names()), detector_class),
        "beamformer": (beamformer_names(), beamformer_class),
        "quantizer": (quantizer_names(), quantizer_class),
    }
    for kind, (names, class_of) in algorithms.items():
        if name in names:
            cls = class_of(name)
            return Description(name, kind, inspect.getdoc(cls) or "", _class_facts(cls))
    if is_weights_name(name) or name in shipped_beams():
        card = read_card(name)
        return Description(name, "weights", f"A trained {card.network}.", _card_facts(card))
    folders = {_SCENARIOS: shipped_scenarios(), _BEAM_SCENARIOS: shipped_beam_scenarios()}
    for folder, names in folders.items():
        if name in names:
            text = (shipped_folder(folder) / f"{name}.toml").read_text("utf-8")
            return Description(name, "scenario", text, {})
    known = [n for names, _ in algorithms.values() for n in names]
    known += [*shipped_weights(), *shipped_beams(), *(n for ns in folders.values() for n in ns)]
    check_one_of("name", name, known)
    raise AssertionError(name)


def cost_facts(name: str, link: AnyScenario | None = None) -> dict[str, Any]:
    """What a detector or weights cost; nothing where that is not counted.

    Args:
        name: of a detector or of weights.
        link: the scenario; default None: that of a card's training, or 8 streams of QPSK on 16
            antennas with 14 vectors a channel.

    Raises:
        InvalidInputError: the detector does not serve the scenario that is given.
    """
    given = link is not None
    try:
        link = link or _usual_link(name)
        cost = detector_costs(link, (name,)).costs[0]
    except MimolearnError:
        if given:
            raise
        return {}
    words = f"{cost.per_channel:,} a channel and {cost.per_vector:,.0f} a vector"
    size = f"{link.num_tx_ant} streams of {link.points().name} on {link.num_rx_ant} antennas"
    return {
        "multiplications": f"{words} ({size})",
        "parameters": cost.parameters,
    }


def measured_facts(name: str, path: str | Path) -> dict[str, Any]:
    """What a results file has measured of a detector or of weights.

    Args:
        name: of a detector or of weights.
        path: of the results file.

    Raises:
        ResultsFileError: a file that is damaged.
        InvalidInputError: a file without results of this name.
    """
    facts, names = {}, set()
    for item in list_results(path):
        if item.kind not in COUNTING:
            continue
        result = load_results(path, item.scenario)
        metric = result.plan.metric
        names |= {curve.contender.name for curve in result.curves}
        for curve in result.curves:
            if curve.contender.name == name:
                title = f"{curve.label} in {item.label}"
                facts[title] = [_point_words(point, metric) for point in curve.points]
    if not facts:
        raise invalid(
            "results", str(path), f"results of {name}; it has {format_names(sorted(names))}"
        )
    return facts


def _point_words(point: Point, metric: str) -> str:
    low, high = point.interval(metric)
    return f"{point.snr_db:g} dB: {metric.upper()} {point.rate(metric):.2e} [{low:.1e}, {high:.1e}]"


def _usual_link(name: str) -> AnyScenario:
    if is_weights_name(name):
        return Scenario(**read_card(name).recipe["scenario"])
    return Scenario(num_tx_ant=8, num_rx_ant=16, constellation="qpsk", channel_reuse=14)


def _class_facts(cls: Any) -> dict[str, Any]:
    parameters = inspect.signature(cls.__init__).parameters
    needed = inspect.Parameter.empty
    defaults = {option: parameters[option].default for option in cls.option_names()}
    options = {k: "needed" if value is needed else value for k, value in defaults.items()}
    facts: dict[str, Any] = {"options": options}
    if hasattr(cls, "soft"):
        facts |= {"soft output": cls.soft, "priors of bits": cls.takes_prior}
    trained = [
        n for n in (*shipped_weights(), *shipped_beams()) if read_card(n).network == cls.name
    ]
    return facts | ({"trained weights": trained} if trained else {})


def _card_facts(card: Card) -> dict[str, Any]:
    link = card.recipe.get("scenario", {})
    sizes = [f"{key}={link[key]}" for key in ("num_tx_ant", "num_rx_ant") if key in link]
    channel = link.get("channel", {}).get("model", "")
    facts: dict[str, Any] = {
        "network": card.network,
        "options": dict(card.options),
        "constellation": card.constellation,
        "trained on": ", ".join([*sizes, channel]),
        "training": f"{card.steps} steps, {card.seconds:.0f} s of one thread, seed {card.seed}",
        "sha256": card.sha256,
    }
    if card.measured:
        facts["measured"] = [
            f"{m.snr_db:g} dB: BER {m.ber:.2e}, SER {m.ser:.2e}, {m.vectors:,} vectors"
            for m in card.measured
        ]
    return facts


def matching_names(content: dict[str, list[list[str]]], pattern: str) -> dict[str, list[list[str]]]:
    """The lists of an inventory without what does not fit.

    Args:
        content: rows by list, the name first in each.
        pattern: of a shell, as "tap*"; without wildcards any part of a name.

    Raises:
        InvalidInputError: nothing fits.
    """
    wanted = pattern.lower()
    whole = wanted if any(letter in wanted for letter in "*?[") else f"*{wanted}*"
    kept = {
        topic: [row for row in rows if fnmatchcase(row[0].lower(), whole)]
        for topic, rows in content.items()
    }
    kept = {topic: rows for topic, rows in kept.items() if rows}
    if not kept:
        raise invalid("pattern", pattern, "one that fits a name of the list")
    return kept
