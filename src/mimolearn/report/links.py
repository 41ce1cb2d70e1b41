"""A link in words: what the title, the notes and the page say of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.link.coding import Coding
from mimolearn.link.frames import NrPusch
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.scenario import Scenario
from mimolearn.plans.plan import AnyScenario


def link_title(link: AnyScenario) -> str:
    """The link in a few words.

    >>> from mimolearn.link.scenario import Scenario
    >>> link_title(Scenario(num_tx_ant=2, num_rx_ant=4, constellation="qpsk"))
    '2 × 4 QPSK over rayleigh'
    """
    if not isinstance(link, GridScenario):
        size = f"{link.num_tx_ant} × {link.num_rx_ant} {link.points().name.upper()}"
        return f"{size} over {link.channel.model}{_coded(link.coding)}{repetition(link)}"
    scheme = link.mcs
    points = link.points().name.upper()
    modulation = points if scheme is None else f"{points} MCS {scheme.index}"
    antennas = f"{link.num_tx_ant} layers on {link.num_rx_ant} antennas"
    return f"{antennas}, {modulation} over {link.channel.model}{repetition(link)}"


def unit_of(link: AnyScenario) -> str:
    """What a time is given for: "slot" over a resource grid, else "vector"."""
    return "slot" if isinstance(link, GridScenario) else "vector"


def link_facts(link: AnyScenario, rows: Sequence[int] = ()) -> list[tuple[str, str]]:
    """A link, fact by fact: (name, words).

    Args:
        link: the scenario.
        rows: of its MCS table, where several were simulated.
    """
    return _grid_facts(link, rows) if isinstance(link, GridScenario) else _vector_facts(link)


def _vector_facts(link: Scenario) -> list[tuple[str, str]]:
    csi = link.csi
    known = "perfect"
    if csi.error_var:
        known = f"error variance {csi.error_var:g} of an entry's, noise taken as {csi.noise}"
    streams = f"{_many(link.num_tx_ant, 'stream')} on {_many(link.num_rx_ant, 'antenna')}"
    labels = ", Gray labels of TS 38.211" if link.points().is_separable else ""
    facts = [
        ("Antennas", streams),
        ("Constellation", f"{link.points().name.upper()}{labels}"),
        ("Code", "none" if link.coding is None else _code_words(link.coding)),
        ("Channel", _channel(link)),
        ("Channel reuse", f"{_many(link.channel_reuse, 'vector')} a channel"),
        ("Channel knowledge", known),
    ]
    if link.draws == "reduced":
        words = "the triangle R of H = QR and Q^H y, of the same error rates"
        facts.append(("Draws", f"reduced: {words}; times are those of full channels"))
    if link.harq is not None:
        facts.append(("HARQ", link.harq.words()))
    return facts


def _grid_facts(link: GridScenario, rows: Sequence[int]) -> list[tuple[str, str]]:
    layers = link.num_tx_ant // link.frame.num_ues
    users = f"{_many(link.frame.num_ues, 'user')} with {_many(layers, 'layer')} each"
    facts = [
        ("Users", f"{users}, {_many(link.num_rx_ant, 'receive antenna')}{_powers(link)}"),
        ("Frame", _frame(link)),
        ("Pilots", _options(link.pilots.model_dump(mode="json", exclude_none=True))),
        ("Code", _code(link, rows)),
        ("Channel", _channel(link)),
    ]
    if link.interference is not None:
        i = link.interference
        words = f"{_many(i.num, 'interferer')}, {i.inr_db:g} dB above the noise"
        facts.append(("Interference", words))
    if link.harq is not None:
        facts.append(("HARQ", link.harq.words()))
    estimator = link.estimator.model_dump(mode="json", exclude_defaults=True)
    estimator = _options({"name": link.estimator.name, **estimator}, first="name")
    facts.append(("Estimator", f"{estimator}, where a receiver names no other"))
    return facts


def link_words(link: AnyScenario, rows: Sequence[int] = ()) -> str:
    """A link in a sentence: antennas or users and frame, code, channel, what is known of it.

    Args:
        link: the scenario.
        rows: of its MCS table, where several were simulated.

    >>> from mimolearn.link.scenario import Scenario
    >>> link_words(Scenario(num_tx_ant=2, num_rx_ant=4, constellation="qpsk"))
    'Link: 2 streams on 4 antennas, QPSK; no code; channel rayleigh, known perfectly; 1 vector a
    channel.'
    """
    facts = dict(link_facts(link, rows))
    if not isinstance(link, GridScenario):
        return f"Link: {'; '.join(_vector_words(link, facts))}."
    channel = [f"{link.channel.model}"]
    fields = link.channel.model_dump(mode="json")
    units = {"profile": "", "delay_spread_s": "ns", "speed_m_s": "m/s", "carrier_hz": "GHz"}
    scales = {"delay_spread_s": 1e9, "carrier_hz": 1e-9}
    for name, unit in units.items():
        value = fields.get(name)
        if value is not None:
            number = f"{value * scales.get(name, 1):g}" if unit else str(value)
            channel.append(f"{number} {unit}".strip())
    lines = [f"{facts['Users']}", facts["Frame"], facts["Code"], f"channel {', '.join(channel)}"]
    lines += [facts[name] for name in ("Interference", "HARQ") if name in facts]
    lines.append(f"estimator {facts['Estimator']}")
    return "Link: " + "; ".join(lines) + "."


def _vector_words(link: Scenario, facts: dict[str, str]) -> list[str]:
    csi = link.csi
    known = "known perfectly" if not csi.error_var else f"known up to {facts['Channel knowledge']}"
    code = "no code" if link.coding is None else f"code {facts['Code']}"
    antennas = f"{facts['Antennas']}, {link.points().name.upper()}"
    words = [antennas, code, f"channel {link.channel.model}, {known}", facts["Channel reuse"]]
    return [*words, facts["HARQ"]] if "HARQ" in facts else words


def _coded(coding: Coding | None) -> str:
    """The code at the end of a title."""
    if coding is None:
        return ""
    return f", {coding.code} {coding.num_info_bits}/{coding.num_coded_bits}"


def _code_words(coding: Coding) -> str:
    size = f"{coding.num_info_bits} of {coding.num_coded_bits} bits (rate {coding.rate:.2f})"
    return f"{coding.code}, {size}, {coding.decoder_words()}"


def _channel(link: AnyScenario) -> str:
    """A channel's fields; of a recorded file its name alone, for the path is of one machine."""
    fields = link.channel.model_dump(mode="json", exclude_none=True)
    return _options(without_folders(fields))


def without_folders(fields: dict[str, Any]) -> dict[str, Any]:
    """A channel's fields with names of files in place of their paths.

    Args:
        fields: plain values by name.
    """
    return {
        name: Path(value).name if "path" in name and isinstance(value, str) else value
        for name, value in fields.items()
    }


def repetition(link: AnyScenario | BeamScenario) -> str:
    """Which independent repetition a link is, as the end of its title; nothing for the first."""
    return f", replicate {link.replicate}" if link.replicate > 1 else ""


def _frame(link: GridScenario) -> str:
    frame, raster = link.frame, link.link.grid.raster
    if isinstance(frame, NrPusch):
        kind, width = "5G NR PUSCH", f"{frame.num_prb} PRB"
    else:
        kind, width = "grid", f"{raster.num_subcarriers} subcarriers"
    spacing = f"{raster.subcarrier_spacing_hz / 1e3:g} kHz"
    length = f"{raster.num_symbols} symbols in {link.slot_duration_s * 1e3:.3g} ms"
    return f"{kind}, {width} of {spacing}, {length}, {link.link.grid.num_data} data elements"


def _code(link: GridScenario, rows: Sequence[int]) -> str:
    code, scheme = link.slot_code, link.mcs
    points = link.points().name.upper()
    if scheme is not None:
        size, rate = f" of {code.block_bits} bits", f" ({points}, rate {float(scheme.rate):.2f})"
        if rows:
            size = rate = ""
        words = f"MCS {', '.join(map(str, rows or [scheme.index]))} of table {scheme.table}{rate}"
        block = f"one transport block{size} a user and slot"
        return f"{words}, {block}, up to {link.decoder_iterations} decoder iterations"
    if link.coding is None:
        return f"{points} without a code"
    blocks = f"{_many(code.blocks_per_user, 'block')} a user and slot"
    return f"{points}, {_code_words(link.coding)}, {blocks}"


def _powers(link: GridScenario) -> str:
    if not link.frame.ue_power_db:
        return ""
    return f", powers {', '.join(f'{power:g}' for power in link.frame.ue_power_db)} dB"


def _options(table: dict[str, object], first: str = "") -> str:
    words = [f"{key} = {value}" for key, value in table.items() if key != first]
    return ", ".join([*([str(table[first])] if first else []), *words])


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
