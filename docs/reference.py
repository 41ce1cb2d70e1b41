"""Pages that are made from the library: the command line, the fields of files, the API."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import get_args

import mimolearn
import pictures
from fields import table as _table
from fields import tables as _tables
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.link.channels import AnyChannel
from mimolearn.link.estimators import AnyEstimator
from mimolearn.link.frames import CombPilots, DmrsPilots, Interference, NrPusch, PlainGrid
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.scenario import Scenario
from mimolearn.papers import Paper, experiment, experiment_names
from mimolearn.papers.files.quantities import Claim, Quantity, Test
from mimolearn.papers.files.tables import (
    AccuracyTable,
    BeamsTable,
    FigureTable,
    NetworkTable,
    PaperFile,
    PythonTable,
    RatesTable,
    ReferenceTable,
)
from mimolearn.plans.receiver import Receiver
from mimolearn.report import scoreboard
from mimolearn.studies import BeamPlan, RunPlan
from mimolearn.training import BeamRecipe, Recipe, SoftBitRecipe

# Modules with a page, in the order of the reference.
ROOMS = (
    *("foundation.errors", "constellation", "snr", "foundation.tensors.linalg"),
    *("link.randomness", "link.channels", "link.coding", "link.harq", "link.scenario"),
    *("link.codes", "link.frames", "link.estimators", "link.slots", "link.grid_scenario"),
    *("detection", "detectors", "quantizers", "beamformers", "link.beam_scenario", "training"),
    *("studies", "results.llrs", "zoo", "papers", "report", "exporting", "interop"),
    *("interop.channels", "testing"),
)
_FRAMES, _PILOTS = (NrPusch, PlainGrid), (DmrsPilots, CombPilots)
_PAPER_TABLES = (
    ("", PaperFile),
    ("[network.NAME]", NetworkTable),
    ("[[figure]]", FigureTable),
    ("[[figure.panel]] of kind rates", RatesTable),
    ("[[figure.panel]] of kind accuracy", AccuracyTable),
    ("[[figure.panel]] of kind beams", BeamsTable),
    ("[[figure.panel]] of kind python", PythonTable),
    ("[[figure.reference]]", ReferenceTable),
    ("a quantity", Quantity),
    ("a test: a quantity and its bounds", Test),
    ("[[figure.claim]]: a test and what is claimed", Claim),
)
_ESTIMATORS = get_args(get_args(AnyEstimator)[0])


def write(folder: Path) -> None:
    """Write all pages; one that has not changed is left alone, so that a build can be partial."""
    folder.mkdir(exist_ok=True)
    pictures.draw(folder)
    pages = {"command-line": command_line()}
    pages |= {"files": files(), "papers-table": papers(), "api": front_door()}
    pages["scoreboard-table"] = scores(folder.parent)
    pages |= {_page(room): room_page(room) for room in ROOMS}
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def command_line() -> str:
    """Every command with its options, as the program itself says."""
    command = [sys.executable, "-m", "typer", "mimolearn.cli", "utils", "docs"]
    done = subprocess.run(
        [*command, "--name", "mimolearn"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "NO_COLOR": "1", "TERM": "dumb"},
    )
    text = done.stdout.replace("# `mimolearn`", "# Command line", 1)
    # The list of commands with half a sentence each: the headings on the right say the same.
    text = re.sub(r"\*\*Commands\*\*:\n\n(\* .*\n)+\n", "", text)
    return re.sub(r"^Example: (.*)$", r"```console\n$ \1\n```", text, flags=re.MULTILINE)


def files() -> str:
    """The fields of everything that a TOML file can hold."""
    return "\n".join(part for part in _file_parts() if part)


def _file_parts() -> list[str]:
    channels = get_args(get_args(AnyChannel)[0])
    return [
        "# Fields of scenario and recipe files\n",
        "All files are TOML. A field that is unknown, misspelt or of a wrong kind is refused in "
        "one line that names it. A field without a default has to be given.\n",
        "## A link\n",
        *_tables(Scenario, skip=("channel",)),
        "### `[channel]`\n",
        "`model` chooses one of these.\n",
        *(_table(channel, f"#### {channel.model_fields['model'].default}") for channel in channels),
        "### `[run]`\n",
        "How `mimolearn compare` and `simulate` run the link. Options of the same name on the "
        "command line replace its fields.\n",
        _table(RunPlan, ""),
        "## A link over a resource grid\n",
        "A file with a table `[frame]`. `[channel]` and `[run]` are those of every link; "
        "[Links over a frame](../uplink.md) tells how they go together.\n",
        _table(GridScenario, ""),
        "### `[frame]`\n",
        "`standard` chooses one of these.\n",
        *(_table(frame, f"#### {frame.model_fields['standard'].default}") for frame in _FRAMES),
        "### `[pilots]`\n",
        "`pattern` chooses one of these.\n",
        *(_table(pilots, f"#### {pilots.model_fields['pattern'].default}") for pilots in _PILOTS),
        _table(Interference, "### `[interference]`"),
        "### `[estimator]`\n",
        "`name` chooses one of these. A contender may name another one: "
        '`{ name = "ep", estimator = "ls-linear" }`.\n',
        *(_table(one, f"#### {one.model_fields['name'].default}") for one in _ESTIMATORS),
        _table(Receiver, "### Options of a contender's receiver"),
        "## A hybrid beamformer\n",
        *_tables(BeamScenario, skip=("channel",)),
        "### `[run]` of a beamforming scenario\n",
        _table(BeamPlan, ""),
        "## A paper\n",
        "A file with figures and claims; [A paper of your own](../your-paper.md) goes through one. "
        "`mimolearn schema paper` prints what an editor needs to complete and check it.\n",
        *(_table(table, f"### `{name}`" if name else "") for name, table in _PAPER_TABLES),
        "## A training recipe\n",
        "`kind` says what is trained: `detection`, `soft-bits` or `beams`. A file without it is of "
        "detection. `scenario` may be the name of a shipped scenario, a path, or a table.\n",
        "### Of a detector\n",
        *_tables(Recipe, skip=("scenario",)),
        "### Of soft bits\n",
        *_tables(SoftBitRecipe, skip=("scenario",)),
        "### Of a beamformer\n",
        *_tables(BeamRecipe, skip=("scenario",)),
    ]


def papers() -> str:
    """The papers whose claims are judged, a table for the page papers."""
    rows = []
    for paper, names in _papers().items():
        figures = [name.split("/")[1] for name in names]
        told = f"*{paper.title}* ({paper.authors}, {paper.year})"
        rows.append(f"| `{paper.key}` | {told} | {', '.join(figures)} |")
    return "\n".join(["| key | paper | what runs |", "|---|---|---|", *rows, ""])


def scores(docs: Path) -> str:
    """How many claims of each paper came to each end, by the pages beside."""
    return scoreboard(docs, [(paper.key, f"{paper.key} ({paper.year})") for paper in _papers()])


def _papers() -> dict[Paper, list[str]]:
    """Papers with the names of their experiments."""
    listed: dict[Paper, list[str]] = {}
    for name in experiment_names():
        listed.setdefault(experiment(name).paper, []).append(name)
    return listed


def front_door() -> str:
    """The public names of ``import mimolearn as ml``, each with a link to its description."""
    rows = []
    for name in mimolearn.__all__:
        room = next(room for room in ROOMS if _module_name(room) == name or _defines(room, name))
        target = f"mimolearn.{room}" + ("" if _module_name(room) == name else f".{name}")
        summary = (inspect.getdoc(getattr(mimolearn, name)) or "").split("\n\n")[0]
        summary = " ".join(summary.split()).replace("|", r"\|").replace("*", r"\*")
        rows.append(f"| {{py:obj}}`{name} <{target}>` | {summary.replace('``', '`')} |")
    table = "\n".join(["| `ml.` | |", "|---|---|", *rows])
    contents = "\n".join(_page(room) for room in ROOMS)
    return (
        "# Python API\n\n`import mimolearn as ml` gives the names that most programs need. "
        f"The modules below hold the rest.\n\n{table}\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n:caption: Modules\n:hidden:\n\n{contents}\n```\n"
    )


def room_page(room: str) -> str:
    """A room by autodoc: what its ``__all__`` names, or everything public in its file."""
    title = f"mimolearn.{room}"
    return f"# `{title}`\n\n```{{eval-rst}}\n.. automodule:: {title}\n```\n"


def _page(room: str) -> str:
    return f"api-{room.replace('.', '-')}"


def _module_name(room: str) -> str:
    return room.rpartition(".")[2]


def _defines(room: str, name: str) -> bool:
    module = import_module(f"mimolearn.{room}")
    names = getattr(module, "__all__", None)
    if names is not None:
        return name in names
    return getattr(vars(module).get(name), "__module__", None) == module.__name__
