"""What a page gives away: its numbers, the file and the command that make them again, sources."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from mimolearn.foundation.errors import MimolearnError
from mimolearn.foundation.tomlfile import write_toml
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.plans.beam_contender import BeamContender
from mimolearn.plans.contender import Contender
from mimolearn.plans.plan import AnyScenario
from mimolearn.report.facts.bibliography import bibtex, sources_of
from mimolearn.report.links import without_folders


class Download(NamedTuple):
    """A file that a page carries.

    Attributes:
        title: on the button.
        name: of the file.
        text: its content.
    """

    title: str
    name: str
    text: str

    @property
    def uri(self) -> str:
        """The file itself, as an address."""
        return f"data:text/plain;charset=utf-8,{quote(self.text)}"


class Downloads(NamedTuple):
    """What a page gives away.

    Attributes:
        files: in the order of the buttons.
        command: runs the TOML file among them.
    """

    files: tuple[Download, ...]
    command: str


def downloads(
    link: AnyScenario | BeamScenario,
    run: Mapping[str, Any],
    contenders: Sequence[Contender | BeamContender],
    csv: str | None = None,
) -> Downloads:
    """The files and the command of a page.

    Args:
        link: the scenario.
        run: the plan's fields, as plain values without contenders.
        contenders: what was compared.
        csv: rates as CSV text; None where there are none.
    """
    name = f"{_stem(link.name)}.toml"
    verb = "beamform" if isinstance(link, BeamScenario) else "compare"
    files = [] if csv is None else [Download("CSV", "rates.csv", csv)]
    files.append(Download("TOML", name, scenario_text(link, run, contenders)))
    files.append(Download("BibTeX", "sources.bib", _sources(contenders)))
    return Downloads(tuple(files), f"mimolearn {verb} {shlex.quote(name)}")


def scenario_text(
    link: AnyScenario | BeamScenario,
    run: Mapping[str, Any],
    contenders: Sequence[Contender | BeamContender],
) -> str:
    """A scenario with its ``[run]`` table as TOML, which ``mimolearn compare`` takes.

    A recorded channel is named without its folder, and objects of a Python session are left out:
    a comment says so.

    Args:
        link: the scenario.
        run: the plan's fields, as plain values without contenders.
        contenders: what was compared.
    """
    fields = link.model_dump(mode="json", exclude_none=True)
    fields["channel"] = without_folders(fields["channel"])
    named = [contender for contender in contenders if not contender.is_object]
    missing = [contender.label for contender in contenders if contender.is_object]
    lines = [f"# Left out, an object of a Python session: {label!r}\n" for label in missing]
    table = {**run, "contenders": [_table(contender) for contender in named]}
    return "".join(lines) + write_toml({**fields, "run": table})


def _table(contender: Contender | BeamContender) -> dict[str, Any]:
    """A contender as a scenario's file names it."""
    name = contender.name
    # The folder of a file of weights is of one machine, as that of recorded channels is.
    name = Path(name).name if name.endswith(".safetensors") else name
    table: dict[str, Any] = {"name": name, **contender.options}
    if isinstance(contender, Contender):
        table |= contender.receiver.stated()
        if contender.quantizer:
            table["quantizer"] = contender.quantizer
    return {**table, "label": contender.label}


def _stem(name: str) -> str:
    """A scenario's name as that of a file."""
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    return kept.strip(".") or "scenario"


def _sources(contenders: Sequence[Contender | BeamContender]) -> str:
    names: list[str] = []
    for contender in contenders:
        nested = [value for value in contender.options.values() if isinstance(value, str)]
        quantizer = contender.quantizer if isinstance(contender, Contender) else ""
        names += [contender.name, *(value.partition(":")[0] for value in nested), quantizer]
    return bibtex(*(name for name in names if _is_known(name))) + "\n"


def _is_known(name: str) -> bool:
    """False for weights that are no longer there: stored results are shown without them."""
    try:
        sources_of(name)
    except MimolearnError:
        return False
    return True
