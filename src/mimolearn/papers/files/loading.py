"""Papers by name or from a file of one's own, as experiments that can be run."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mimolearn.foundation.errors import InvalidInputError, check_one_of, invalid, user_path
from mimolearn.foundation.shipped import read_shipped_toml, shipped_names
from mimolearn.foundation.tomlfile import read_toml
from mimolearn.link.any_scenario import scenario_class
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.link.scenario import Scenario, shipped_scenarios
from mimolearn.papers.experiment import Experiment, Paper
from mimolearn.papers.files.figures import figure_experiment, with_context
from mimolearn.papers.files.networks import AnyLink, file_networks
from mimolearn.papers.files.tables import PaperFile
from mimolearn.papers.files.templates import merge, repeat, share

PAPERS = "data/papers"


def shipped_papers() -> tuple[str, ...]:
    """Keys of the papers that come with the library as files."""
    return shipped_names(PAPERS)


@functools.cache
def shipped_paper(key: str) -> tuple[Experiment, ...]:
    """The experiments of a paper that comes with the library.

    Args:
        key: one of ``shipped_papers()``.
    """
    return experiments_of(read_shipped_toml("paper", PAPERS, key), f"{key}.toml", Path())


def read_paper(path: str | Path) -> tuple[Experiment, ...]:
    """The experiments of a paper's file.

    Args:
        path: of a TOML file; ``mimolearn schema paper`` says what stands in it.

    Raises:
        InvalidInputError: one line that names the file, and the figure and claim.
    """
    return experiments_of(read_toml(path), str(path), user_path(path).parent)


def experiments_of(content: dict[str, Any], source: str, folder: Path) -> tuple[Experiment, ...]:
    """The experiments of a paper's parsed file; every name in it is checked.

    Args:
        content: parsed TOML.
        source: what an error calls the file.
        folder: that paths in the file start from.

    Raises:
        InvalidInputError: one line that names the source.
    """
    try:
        shared = content.get("shared", {})
        if not isinstance(shared, Mapping):
            raise invalid("shared", shared, "a table")
        rest = {key: value for key, value in content.items() if key != "shared"}
        plain = repeat(share(rest, shared))
        figures = plain.get("figure")
        if not isinstance(figures, list) or not all(isinstance(f, dict) for f in figures):
            raise invalid("figure", figures, "tables: [[figure]]")
        plain["figure"] = [with_context(figure) for figure in figures]
        file = PaperFile(**plain)
        return _experiments(file, folder)
    except InvalidInputError as error:
        raise InvalidInputError(f"{source}: {error}") from None


def _experiments(file: PaperFile, folder: Path) -> tuple[Experiment, ...]:
    paper = Paper(file.key, file.title, file.authors, file.year, file.link)
    links = _Links(file.scenario, folder)
    for name in file.scenario:
        links(name)
    networks = file_networks(file.network, links)
    for network in networks.values():
        network.check()
    names = [figure.name for figure in file.figure]
    for name in names:
        if names.count(name) > 1:
            raise invalid("figure", name, "a different name for each figure")
    return tuple(figure_experiment(figure, paper, links, networks) for figure in file.figure)


class _Links:
    """Scenarios by name: those of the file first, then those that ship."""

    def __init__(self, tables: Mapping[str, dict[str, Any]], folder: Path) -> None:
        self._tables, self._folder = tables, folder
        self._read: dict[str, AnyLink] = {}

    def __call__(self, name: str) -> AnyLink:
        if name not in self._read:
            self._read[name] = self._link(name)
        return self._read[name]

    def _link(self, name: str) -> AnyLink:
        content = self._content(name, ())
        source = f"scenario.{name}" if name in self._tables else name
        of_beams = "array" in content or content.get("kind") == "beamforming"
        kind: type[Any] = BeamScenario if of_beams else scenario_class(content)
        return kind.from_content(content, source, self._folder)

    def _content(self, name: str, above: tuple[str, ...]) -> dict[str, Any]:
        if name in above:
            raise invalid(f"scenario.{above[0]}.base", name, "no scenario that begins with itself")
        table = self._tables.get(name)
        if table is None:
            beams = shipped_names(BeamScenario.shipped_in)
            check_one_of("scenario", name, (*self._tables, *shipped_scenarios(), *beams))
            shelf = BeamScenario.shipped_in if name in beams else Scenario.shipped_in
            return read_shipped_toml("scenario", shelf, name)
        if "base" not in table:
            return table
        base = table["base"]
        changes = {key: value for key, value in table.items() if key != "base"}
        kept = self._content(str(base), (*above, name))
        return merge({k: v for k, v in kept.items() if k != "run"}, {"name": name, **changes})
