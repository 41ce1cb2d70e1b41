"""`mimolearn list` and `mimolearn show`: what there is, and what is known of a name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from mimolearn.cli.app import AsJson, app, emit, stdout
from mimolearn.cli.arguments import results_file
from mimolearn.cli.words import complete_names, complete_scenarios, complete_topics
from mimolearn.foundation.errors import invalid


@app.command("list")
def list_things(
    what: Annotated[
        str,
        typer.Argument(
            help="detectors, beamformers, quantizers, weights, scenarios, channels, snr or "
            "constellations.",
            autocompletion=complete_topics,
        ),
    ] = "all",
    pattern: Annotated[
        str, typer.Argument(metavar="[PATTERN]", help="Names alone that fit, as 'tap*' or tap.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List what there is: detectors, trained weights, scenarios, channels, SNR definitions.

    Example: mimolearn list weights
    """
    from mimolearn.report import inventory, inventory_tables
    from mimolearn.report.facts.description import matching_names

    content = inventory(what)
    if pattern:
        content = matching_names(content, pattern)
    if as_json:
        emit(json.dumps(content, indent=2))
        return
    console = stdout()
    for table in inventory_tables(content):
        console.print(table)


@app.command()
def show(
    name: Annotated[
        str,
        typer.Argument(
            help="A detector, beamformer, quantizer, scenario or weights (a name or a file).",
            autocompletion=complete_names,
        ),
    ],
    scenario: Annotated[
        str | None,
        typer.Option(
            "--scenario",
            "-s",
            help="What a detector costs there: one that ships, or a TOML file.",
            autocompletion=complete_scenarios,
        ),
    ] = None,
    results: Annotated[
        Path | None, typer.Option("--results", help="A results file: what it measured.")
    ] = None,
    cite: Annotated[
        bool, typer.Option("--cite", help="BibTeX alone: of what it rests on, and of this library.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is known of a name: options, cost, trained weights, its card or its TOML file.

    Example: mimolearn show tap-net-any --scenario lcgnet-32x64-bpsk
    """
    from mimolearn.plans.plan import load_scenario
    from mimolearn.report.facts.bibliography import bibtex, sources_of
    from mimolearn.report.facts.description import cost_facts, describe, measured_facts

    said = describe(name)
    if cite:
        emit(bibtex(said.name))
        return
    facts = dict(said.facts)
    sources = [_source_words(source) for source in sources_of(said.name)]
    if sources:
        facts["sources"] = sources
    if said.kind in ("detector", "weights"):
        facts |= cost_facts(said.name, None if scenario is None else load_scenario(scenario))
    elif scenario is not None:
        raise invalid("scenario", scenario, f"a detector: a {said.kind} has no cost in a scenario")
    if results is not None:
        facts |= measured_facts(said.name, results_file(results))
    said = said._replace(facts=facts)
    if as_json:
        emit(json.dumps(said._asdict(), indent=2, default=str))
        return
    console = stdout()
    console.print(f"{said.name} ({said.kind})", style="bold")
    for fact, value in said.facts.items():
        console.print(f"{fact}: {_words(value)}", soft_wrap=True)
    console.print(f"\n{said.text.rstrip()}", soft_wrap=True)


def _source_words(source: Any) -> str:
    """A publication in a few words: first author, year, title."""
    first = source.fields["author"].split(" and ")[0].split(",")[0].strip("{}")
    others = " et al." if " and " in source.fields["author"] else ""
    return f"{first}{others} {source.fields.get('year', '')}, {source.fields['title']}"


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
