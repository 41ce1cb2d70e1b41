"""A link in words: what the title, the notes and the page say of it."""

from __future__ import annotations

from collections.abc import Sequence

from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.link.frames import NrPusch
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.plans.plan import AnyScenario


def link_title(link: AnyScenario) -> str:
    """The link in a few words.

    >>> from mimolearn.link.scenario import Scenario
    >>> link_title(Scenario(num_tx_ant=2, num_rx_ant=4, constellation="qpsk"))
    '2 × 4 QPSK over rayleigh'
    """
    if not isinstance(link, GridScenario):
        size = f"{link.num_tx_ant} × {link.num_rx_ant} {link.points().name.upper()}"
        return f"{size} over {link.channel.model}{repetition(link)}"
    scheme = link.mcs
    points = link.points().name.upper()
    modulation = points if scheme is None else f"{points} MCS {scheme.index}"
    antennas = f"{link.num_tx_ant} layers on {link.num_rx_ant} antennas"
    return f"{antennas}, {modulation} over {link.channel.model}{repetition(link)}"


def unit_of(link: AnyScenario) -> str:
    """What a time is given for: "slot" over a resource grid, else "vector"."""
    return "slot" if isinstance(link, GridScenario) else "vector"


def link_facts(link: GridScenario, rows: Sequence[int] = ()) -> list[tuple[str, str]]:
    """A link over a resource grid, fact by fact: (name, words).

    Args:
        link: the scenario.
        rows: of its MCS table, where several were simulated.
    """
    layers = link.num_tx_ant // link.frame.num_ues
    users = f"{_many(link.frame.num_ues, 'user')} with {_many(layers, 'layer')} each"
    facts = [
        ("Users", f"{users}, {_many(link.num_rx_ant, 'receive antenna')}{_powers(link)}"),
        ("Frame", _frame(link)),
        ("Pilots", _options(link.pilots.model_dump(mode="json", exclude_none=True))),
        ("Code", _code(link, rows)),
        ("Channel", _options(link.channel.model_dump(mode="json", exclude_none=True))),
    ]
    if link.interference is not None:
        i = link.interference
        words = f"{_many(i.num, 'interferer')}, {i.inr_db:g} dB above the noise"
        facts.append(("Interference", words))
    estimator = link.estimator.model_dump(mode="json", exclude_defaults=True)
    estimator = _options({"name": link.estimator.name, **estimator}, first="name")
    facts.append(("Estimator", f"{estimator}, where a receiver names no other"))
    return facts


def link_words(link: GridScenario, rows: Sequence[int] = ()) -> str:
    """A link over a resource grid in words: users, frame, code, channel, estimator.

    Args:
        link: the scenario.
        rows: of its MCS table, where several were simulated.
    """
    facts = dict(link_facts(link, rows))
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
    if "Interference" in facts:
        lines.append(facts["Interference"])
    lines.append(f"estimator {facts['Estimator']}")
    return "Link: " + "; ".join(lines) + "."


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
    c = link.coding
    size = f"{c.code}, {c.num_info_bits} of {c.num_coded_bits} bits"
    blocks = f"{_many(code.blocks_per_user, 'block')} a user and slot"
    return f"{points}, {size}, {blocks}, {c.decoder_words()}"


def _powers(link: GridScenario) -> str:
    if not link.frame.ue_power_db:
        return ""
    return f", powers {', '.join(f'{power:g}' for power in link.frame.ue_power_db)} dB"


def _options(table: dict[str, object], first: str = "") -> str:
    words = [f"{key} = {value}" for key, value in table.items() if key != first]
    return ", ".join([*([str(table[first])] if first else []), *words])


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
