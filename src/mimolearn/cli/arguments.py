"""Arguments that several commands share, and what they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mimolearn.cli.words import complete_contenders, complete_scenarios
from mimolearn.foundation.errors import InvalidInputError, user_path
from mimolearn.foundation.tomlfile import is_toml_file

if TYPE_CHECKING:
    from mimolearn.link.scenario import Scenario

RESULTS_NAME = "results.sqlite"

ScenarioFile = Annotated[
    Path | None,
    typer.Argument(metavar="[SCENARIO]", help="A TOML file, or a name as for --scenario."),
]
ScenarioName = Annotated[
    str | None,
    typer.Option(
        "--scenario",
        "-s",
        help="A scenario that ships, see `list scenarios`, or a TOML file.",
        autocompletion=complete_scenarios,
    ),
]
Contenders = Annotated[
    list[str] | None,
    typer.Option(
        "--contender",
        "-c",
        help="A receiver, as lmmse or k-best:k=32. Repeat it.",
        autocompletion=complete_contenders,
    ),
]
SnrDb = Annotated[
    str | None, typer.Option("--snr-db", help="SNRs in dB: 0,5,10 or first:last:step.")
]
Mcs = Annotated[
    str | None,
    typer.Option("--mcs", help="Rows of the MCS table of a 5G NR frame, as 4,10,14; goodput."),
]
BudgetUs = Annotated[
    float | None,
    typer.Option("--budget-us", help="Microseconds a slot: who serves within it? With a frame."),
]
Cores = Annotated[int, typer.Option("--cores", help="Cores that share a slot in --budget-us.")]
SnrDbOrAuto = Annotated[
    str | None,
    typer.Option(
        "--snr-db", help="SNRs in dB: 0,5,10 or first:last:step; auto: around the target."
    ),
]
Metric = Annotated[
    str | None, typer.Option("--metric", help="ber, ser, ver; coded: bler, info-ber.")
]
Target = Annotated[float | None, typer.Option("--target", help="Error rate to answer for.")]
MinErrors = Annotated[int | None, typer.Option("--min-errors", help="Errors to count at a point.")]
MaxVectors = Annotated[
    int | None, typer.Option("--max-vectors", help="Vectors at which to give a point up.")
]
Workers = Annotated[
    int, typer.Option("--workers", "-w", help="Processes; counts do not depend on it.")
]
Draws = Annotated[
    str | None,
    typer.Option("--draws", help="full, or reduced: triangles of H, as exact and faster."),
]
Replicate = Annotated[
    int | None, typer.Option("--replicate", help="2, 3, ...: an independent repetition.")
]
Executor = Annotated[
    str | None,
    typer.Option("--executor", help="serial, processes or ray; counts do not depend on it."),
]
RayAddress = Annotated[
    str | None,
    typer.Option("--ray-address", help="A running Ray cluster: auto or host:port."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Folder for results and report (mimolearn-results/NAME)."),
]
CsvFile = Annotated[
    Path | None,
    typer.Option("--csv", help="A CSV file to write: a row for each receiver and SNR."),
]
Overlay = Annotated[
    Path | None,
    typer.Option(
        "--overlay", help="Published curves to draw: CSV with the columns label, snr_db, rate."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]


def one_scenario(file: Path | None, scenario: str | None) -> str:
    """The file or the name of a scenario that a command line gives.

    Args:
        file: given as an argument.
        scenario: given by ``--scenario``.

    Raises:
        InvalidInputError: both are given, or none.
    """
    if file is not None and scenario is not None:
        raise InvalidInputError(f"scenario: got both {str(file)!r} and {scenario!r}, expected one")
    if file is None and scenario is None:
        raise InvalidInputError(
            "scenario: give a SCENARIO.toml or --scenario NAME, see `mimolearn list scenarios`"
        )
    return str(file) if file is not None else str(scenario)


def link_of(source: str) -> Scenario:
    """The scenario of a TOML file, or one that ships, by its name; one without a grid."""
    from mimolearn.link.scenario import Scenario

    return Scenario.from_toml(source) if is_toml_file(source) else Scenario.shipped(source)


def chosen_executor(executor: str | None, ray_address: str | None) -> str:
    """The executor that a command line names, by its name or by the address of a cluster."""
    if executor is None:
        return "auto" if ray_address is None else "ray"
    return executor


def results_file(path: Path) -> Path:
    """The results file that a path means: itself, or the one of its folder."""
    path = user_path(path)
    return path / RESULTS_NAME if path.is_dir() else path


def results_folder(out: Path | None, source: str) -> Path:
    """The folder of a run; the store makes it, once all arguments have been checked.

    Args:
        out: as given; None for a folder of the scenario's name.
        source: the scenario, as ``one_scenario`` returns it.
    """
    name = Path(source).stem if is_toml_file(source) else source
    return out or Path("mimolearn-results") / name
