"""A figure of a paper's file as an experiment: panels, receivers and claims, all checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mimolearn.foundation.errors import InvalidInputError, check_one_of, invalid
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.scenario import Scenario
from mimolearn.papers.beam_panel import BeamPanel
from mimolearn.papers.contenders import PerScenario
from mimolearn.papers.effort import Effort
from mimolearn.papers.experiment import Experiment, Paper, Reference, Statement
from mimolearn.papers.files.checks import KnownPanel, check_claim, written_out
from mimolearn.papers.files.contenders import (
    Competitor,
    imported_function,
    known_beams,
    known_detectors,
    read_competitor,
)
from mimolearn.papers.files.networks import AnyLink, FileNetwork, seed_name
from mimolearn.papers.files.quantities import Claim, inherit
from mimolearn.papers.files.tables import (
    AccuracyTable,
    BeamsTable,
    EffortTable,
    FigureTable,
    PanelTable,
    PythonTable,
    RatesTable,
    ReferenceTable,
)
from mimolearn.papers.panels import AccuracyPanel, ErrorRatePanel, Panel, TablePanel, TrainingLog
from mimolearn.papers.python_panel import PythonPanel
from mimolearn.weights import shipped_weights

Links = Callable[[str], AnyLink]
Networks = Mapping[str, FileNetwork]
Seeds = dict[str, tuple[str, ...]]


def with_context(figure: dict[str, Any]) -> dict[str, Any]:
    """A figure as parsed, whose claims say everything that they leave to what is around them.

    Args:
        figure: parsed, with copies made.
    """
    panels = figure.get("panel", [])
    if not isinstance(panels, list):
        return figure
    kinds = {str(p.get("name")): str(p.get("kind")) for p in panels if isinstance(p, dict)}
    outer = {"panel": next(iter(kinds))} if len(kinds) == 1 else {}
    claims = figure.get("claim", [])
    if not isinstance(claims, list):
        return figure
    full = []
    for claim in claims:
        if not isinstance(claim, dict):
            full.append(claim)
            continue
        try:
            full.append(written_out(inherit(claim, outer), kinds))
        except InvalidInputError as error:
            raise InvalidInputError(f"{_title(figure, claim)}: {error}") from None
    return {**figure, "claim": full}


def _title(figure: Mapping[str, Any], claim: Mapping[str, Any]) -> str:
    return f"figure {figure.get('name', '?')}: claim {claim.get('id', '?')}"


def figure_experiment(
    table: FigureTable, paper: Paper, links: Links, networks: Networks
) -> Experiment:
    """The experiment of a figure.

    Args:
        table: as it stands in the file.
        paper: that it is from.
        links: a scenario by name.
        networks: of the file, by name.

    Raises:
        InvalidInputError: one line that names the figure.
    """
    try:
        return _experiment(table, paper, links, networks)
    except InvalidInputError as error:
        raise InvalidInputError(f"figure {table.name}: {error}") from None


def _experiment(table: FigureTable, paper: Paper, links: Links, networks: Networks) -> Experiment:
    panels: list[Panel] = []
    known: dict[str, KnownPanel] = {}
    seeds: dict[str, Seeds] = {}
    for panel in table.panel:
        if panel.name in known:
            raise invalid("panel", panel.name, "a different name for each panel")
        try:
            built, of_panel, seeds[panel.name] = _panel(panel, links, networks)
        except InvalidInputError as error:
            raise InvalidInputError(f"panel {panel.name}: {error}") from None
        panels.append(built)
        known[panel.name] = of_panel
    references = [_with_panel(point, known) for point in table.reference]
    judged = [p for p in references if p.tolerance is not None or p.tolerance_percent is not None]
    claims = (*table.claim, *(_of_reference(point, known) for point in judged))
    ids = [claim.id for claim in claims]
    for claim in claims:
        if ids.count(claim.id) > 1:
            raise invalid("claim", claim.id, "a different id for each claim")
        check_claim(claim, known)
    return Experiment(
        name=f"{paper.key}/{table.name}",
        paper=paper,
        title=table.title,
        shows=table.shows,
        panels=tuple(panels),
        statements=tuple(Statement(c.text, c.source, c, c.of, c.id) for c in claims),
        points=tuple(Reference(p.panel, p.label, p.x, p.value, p.source) for p in references),
        notes=table.notes,
        seeds=seeds,
    )


def _panel(table: PanelTable, links: Links, networks: Networks) -> tuple[Panel, KnownPanel, Seeds]:
    if isinstance(table, PythonTable):
        function = imported_function(table.function)
        if not isinstance(function, PythonPanel):
            raise invalid("function", table.function, "a function with @python_panel")
        panel = TablePanel(table.name, table.title, made=function, draws=_effort(table.draws))
        return panel, KnownPanel(table, values=function.values), {}
    if isinstance(table, AccuracyTable):
        return _accuracy(table, links, networks)
    known = known_beams() if isinstance(table, BeamsTable) else known_detectors()
    competitors, seeds = _competitors(table.contenders, networks, known)
    labels = tuple(seeds)
    entries = tuple(competitors)
    if isinstance(table, BeamsTable):
        panel = _beams(table, links, entries, labels)
    else:
        panel = _rates(table, links, entries, labels)
    return panel, KnownPanel(table, labels), seeds


def _rates(
    table: RatesTable, links: Links, entries: tuple[Competitor, ...], labels: tuple[str, ...]
) -> ErrorRatePanel:
    link = links(table.scenario)
    if isinstance(link, BeamScenario):
        raise invalid("scenario", table.scenario, "a link, not one of beamforming")
    vectors = _effort(table.vectors)
    if table.blocks is not None:
        if isinstance(link, GridScenario) or not link.has_blocks:
            raise invalid("blocks", "<a table>", "vectors: the scenario has no blocks")
        vectors = Effort(*(link.uses_per_block * count for count in _effort(table.blocks)))
    for label in table.from_snr_db:
        check_one_of("from_snr_db", label, labels)
    return ErrorRatePanel(
        name=table.name,
        title=table.title,
        scenario=link,
        contenders=entries,
        snr_db=table.snr_db,
        quick_snr_db=_quick(table),
        metric=table.metric,
        target=table.target,
        vectors=vectors,
        min_errors=_effort(table.min_errors),
        min_channels=table.min_channels,
        from_snr_db=table.from_snr_db,
        timed=table.timed,
    )


def _beams(
    table: BeamsTable, links: Links, entries: tuple[Competitor, ...], labels: tuple[str, ...]
) -> BeamPanel:
    link = links(table.scenario)
    if not isinstance(link, BeamScenario):
        raise invalid("scenario", table.scenario, "a scenario of beamforming")
    return BeamPanel(
        name=table.name,
        title=table.title,
        link=link,
        beams=entries,
        snr_db=table.snr_db,
        quick_snr_db=_quick(table),
        channels=_effort(table.channels),
    )


def _accuracy(
    table: AccuracyTable, links: Links, networks: Networks
) -> tuple[AccuracyPanel, KnownPanel, Seeds]:
    scenarios = []
    for name in table.scenarios:
        link = links(name)
        if not isinstance(link, Scenario):
            raise invalid("scenario", name, "a link without a grid")
        scenarios.append(link)
    if table.axis in ("layer", "option") and (len(scenarios) > 1 or len(table.snr_db) > 1):
        raise invalid("axis", table.axis, "one scenario and one SNR")
    entries: list[Any] = []
    seeds: Seeds = {}
    for value in table.contenders:
        if isinstance(value, dict) and "each_scenario" in value:
            entry = _per_scenario(value, tuple(scenarios), networks)
            entries.append(entry)
            seeds[entry.label] = (entry.label,)
        else:
            competitors, of_one = _competitors((value,), networks, known_detectors())
            entries += competitors
            seeds |= of_one
    labels = list(seeds)
    if len(labels) < len(table.contenders):
        raise invalid("contenders", labels, "a different label for each contender")
    if table.axis == "option":
        labels += [entry.name for entry in entries if isinstance(entry, Competitor)]
    for label in table.shrunk:
        check_one_of("shrunk", label, labels)
    for label, weights in table.logged.items():
        check_one_of(f"logged.{label}", weights, shipped_weights())
    panel = AccuracyPanel(
        name=table.name,
        title=table.title,
        scenarios=tuple(scenarios),
        contenders=tuple(entries),
        snr_db=table.snr_db,
        axis=table.axis,
        option=table.option,
        metric=table.metric,
        channels=_effort(table.channels),
        shrunk=table.shrunk,
        logged=tuple(TrainingLog(*item) for item in table.logged.items()),
    )
    streams = tuple(link.num_tx_ant for link in scenarios)
    return panel, KnownPanel(table, (*labels, *table.logged), streams=streams), seeds


def _per_scenario(
    value: dict[str, Any], scenarios: tuple[Scenario, ...], networks: Networks
) -> PerScenario:
    each = value["each_scenario"]
    if not isinstance(each, list) or len(each) != len(scenarios):
        raise invalid("each_scenario", each, f"a list of {len(scenarios)}, one for each scenario")
    label = value.get("label")
    if not isinstance(label, str) or set(value) != {"label", "each_scenario"}:
        raise invalid("contender", value, "a table of label and each_scenario")
    known = known_detectors()
    by_key = {}
    for link, item in zip(scenarios, each, strict=True):
        table = {"label": label, **item} if isinstance(item, dict) else f"{item}"
        one = read_competitor(table, networks, known)
        by_key[link.key()] = Competitor(label, one.name, one.options, one.networks, one.make)
    return PerScenario(label, lambda link: by_key[link.key()])


def _competitors(
    values: tuple[Any, ...], networks: Networks, known: tuple[str, ...]
) -> tuple[list[Competitor], Seeds]:
    """All contenders, with one for each training seed, and their labels by that of the first."""
    competitors: list[Competitor] = []
    seeds: Seeds = {}
    for value in values:
        first = read_competitor(value, networks, known)
        if first.label in seeds:
            raise invalid("contenders", first.label, "a different label for each contender")
        of_seeds = [first, *_more_seeds(first, networks)]
        competitors += of_seeds
        seeds[first.label] = tuple(one.label for one in of_seeds)
    return competitors, seeds


def _more_seeds(first: Competitor, networks: Networks) -> Iterator[Competitor]:
    """The same with the other training seeds of its network, or else of its quantiser."""
    stored = str(first.options.get("quantizer", ""))
    trained = first.name if first.name in networks else stored
    count = len(networks[trained].table.seeds) if trained in networks else 0
    for number in range(1, count):
        name = seed_name(trained, number)
        options = {**first.options, "quantizer": name} if trained == stored else first.options
        yield Competitor(
            f"{first.label} [seed {number + 1}]",
            first.name if trained == stored else name,
            options,
            {**first.networks, name: networks[name]},
            first.make,
        )


def _quick(table: RatesTable | BeamsTable) -> tuple[float, ...]:
    for snr in table.quick_snr_db:
        if snr not in table.snr_db:
            raise invalid("quick_snr_db", snr, "SNRs that are among snr_db")
    return table.quick_snr_db or table.snr_db


def _effort(table: EffortTable) -> Effort:
    return Effort(table.quick, table.default, table.full)


def _with_panel(point: ReferenceTable, known: Mapping[str, KnownPanel]) -> ReferenceTable:
    if not point.panel and len(known) == 1:
        return point.with_(panel=next(iter(known)))
    check_one_of("reference.panel", point.panel, known)
    return point


def _of_reference(point: ReferenceTable, known: Mapping[str, KnownPanel]) -> Claim:
    """The claim that a published point makes."""
    table = known[point.panel].table
    verb = "level" if isinstance(table, AccuracyTable) else "rate"
    unit = ""
    if isinstance(table, AccuracyTable):
        unit = " %" if table.metric == "evm" else " dB"
    words = f"{point.panel}-{point.label}-{point.x:g}".lower()
    fields: dict[str, Any] = {verb: point.label, "at": point.x, "panel": point.panel}
    fields |= {
        name: value
        for name in ("tolerance", "tolerance_percent", "better")
        if (value := getattr(point, name))
    }
    return Claim(
        id=("point-" + re.sub(r"[^a-z0-9]+", "-", words)).strip("-")[:80],
        text=f"{table.title}: {point.label} is at {point.value:g}{unit} at {point.x:g}",
        source=point.source,
        published=point.value,
        **fields,
    )
