"""What there is to choose from: detectors, scenarios, channels, SNR definitions, constellations."""

from __future__ import annotations

import inspect
from typing import Any, get_args

from mimolearn import zoo
from mimolearn.beamformers import beamformer_class, beamformer_names
from mimolearn.constellation import Constellation
from mimolearn.detectors import detector_class, detector_names
from mimolearn.foundation.errors import check_one_of
from mimolearn.link.beam_scenario import BeamScenario, shipped_beam_scenarios
from mimolearn.link.channels import AnyChannel, ChannelModel
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.scenario import shipped_scenarios
from mimolearn.plans.plan import AnyScenario, load_scenario
from mimolearn.quantizers import quantizer_class, quantizer_names
from mimolearn.report.links import link_title
from mimolearn.report.text.fitted import Column, FittedTable
from mimolearn.snr import snr_definitions, snr_label
from mimolearn.zoo import zoo_names

_HEADINGS = {
    "detectors": ("detector", "what it is", "options (default)"),
    "beamformers": ("beamformer", "what it is", "options (default)"),
    "quantizers": ("quantizer of LLRs", "what it is", "options (default)"),
    "weights": ("trained weights", "network", "trained on"),
    "scenarios": ("scenario", "link", "SNR definition"),
    "channels": ("channel", "what it is", "fields (default)"),
    "snr": ("SNR definition", "meaning", ""),
    "constellations": ("constellation", "bits per symbol", ""),
}


def inventory(kind: str = "all") -> dict[str, list[list[str]]]:
    """Rows of each list by its name, or of the one that is asked for."""
    check_one_of("list", kind, ("all", *_HEADINGS))
    makers = {
        "detectors": _detectors,
        "beamformers": _beamformers,
        "quantizers": _quantizers,
        "weights": _weights,
        "scenarios": _scenarios,
        "channels": _channels,
        "snr": lambda: [[name, snr_label(name), ""] for name in snr_definitions()],
        "constellations": _constellations,
    }
    return {name: make() for name, make in makers.items() if kind in ("all", name)}


def inventory_tables(content: dict[str, list[list[str]]]) -> list[FittedTable]:
    """The lists as tables for the terminal."""
    tables = []
    for name, lines in content.items():
        first, *others = _HEADINGS[name]
        table = FittedTable(Column(first, "name"), *(Column(other, "words") for other in others))
        for line in lines:
            table.add_row(*line)
        tables.append(table)
    return tables


def _detectors() -> list[list[str]]:
    rows = []
    for name in detector_names():
        cls = detector_class(name)
        parameters = inspect.signature(cls.__init__).parameters
        options = [f"{option}={parameters[option].default}" for option in cls.option_names()]
        rows.append([name, _first_line(cls), ", ".join(options)])
    return rows


def _beamformers() -> list[list[str]]:
    return [_with_options(name, beamformer_class(name)) for name in beamformer_names()]


def _quantizers() -> list[list[str]]:
    return [_with_options(name, quantizer_class(name)) for name in quantizer_names()]


def _with_options(name: str, cls: Any) -> list[str]:
    parameters = inspect.signature(cls.__init__).parameters
    options = [
        option
        if parameters[option].default is inspect.Parameter.empty
        else f"{option}={parameters[option].default}"
        for option in cls.option_names()
    ]
    return [name, _first_line(cls), ", ".join(options)]


def _weights() -> list[list[str]]:
    rows = []
    for name in zoo_names():
        card = zoo.card(name)
        trained_on = card.recipe["scenario"]
        size = f"{trained_on['num_tx_ant']} x {trained_on['num_rx_ant']}"
        channel = trained_on["channel"]["model"]
        network = f"{card.network}, {card.constellation.upper()}"
        rows.append([name, network, f"{size}, {channel}, {card.seconds:.0f} s"])
    for name in zoo.beam_names():
        card = zoo.card(name)
        trained_on = card.recipe["scenario"]
        channel = trained_on["channel"]["model"]
        network = f"{card.network}, {card.constellation.upper()}"
        rows.append([name, network, f"beamforming, {channel}, {card.seconds:.0f} s"])
    return rows


def _scenarios() -> list[list[str]]:
    rows = []
    for name in shipped_scenarios():
        s = load_scenario(name)
        rows.append([name, _link(s), s.snr_definition])
    for name in shipped_beam_scenarios():
        a = BeamScenario.shipped(name).array
        link = f"beamforming, {a.num_tx_ant} antennas, {a.num_users} users"
        rows.append([name, link, "power over noise"])
    return rows


def _link(scenario: AnyScenario) -> str:
    if isinstance(scenario, GridScenario):
        return f"{scenario.frame.standard}, {link_title(scenario)}"
    size = f"{scenario.num_tx_ant} x {scenario.num_rx_ant}"
    return f"{size} {scenario.points().name.upper()}, {scenario.channel.model}"


def _channels() -> list[list[str]]:
    union = get_args(AnyChannel)[0]
    rows = []
    for cls in get_args(union):
        assert issubclass(cls, ChannelModel)
        fields = [
            f"{name}={field.default}" if not field.is_required() else name
            for name, field in cls.model_fields.items()
            if name != "model"
        ]
        rows.append([cls.model_fields["model"].default, _first_line(cls), ", ".join(fields)])
    return rows


def _constellations() -> list[list[str]]:
    return [[name, str(Constellation(name).bits_per_symbol), ""] for name in Constellation.names()]


def _first_line(cls: type) -> str:
    return (
        (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " ").split(": ")[0].rstrip(".")
    )
