"""All experiments, by name."""

from __future__ import annotations

import functools

from mimolearn.foundation.errors import check_one_of
from mimolearn.papers.experiment import Experiment
from mimolearn.papers.files.loading import read_paper, shipped_paper, shipped_papers


@functools.cache
def _experiments() -> dict[str, Experiment]:
    """All by name, paper by paper."""
    return {e.name: e for key in shipped_papers() for e in shipped_paper(key)}


def experiment_names() -> tuple[str, ...]:
    """Names of the experiments, paper by paper."""
    return tuple(_experiments())


def experiment(name: str) -> Experiment:
    """An experiment by name; InvalidInputError names the nearest known one.

    >>> experiment("lcgnet/fig10").paper.year
    2020
    """
    return _experiments()[check_one_of("experiment", name, _experiments())]


def select_experiments(names: list[str]) -> tuple[Experiment, ...]:
    """Experiments by name, or all of a paper by its key or its file, each once and in order.

    >>> len(select_experiments(["deep-cg", "deep-cg/fig3"]))
    6

    Args:
        names: as "lcgnet/fig10" or "lcgnet"; or the path of a paper's file, "my-paper.toml", also
            with a figure behind it, "my-paper.toml/fig1".
    """
    chosen: list[Experiment] = []
    files: dict[str, tuple[Experiment, ...]] = {}
    for name in names:
        path, _, figure = name.rpartition(".toml")
        if path:
            source = f"{path}.toml"
            files.setdefault(source, read_paper(source))
            chosen += _of_file(files[source], figure.removeprefix("/"))
            continue
        of_paper = [e for e in _experiments().values() if e.paper.key == name]
        chosen += of_paper or [experiment(name)]
    every = (*_experiments().values(), *(e for of_file in files.values() for e in of_file))
    return tuple(e for e in every if any(e is one for one in chosen))


def _of_file(experiments: tuple[Experiment, ...], figure: str) -> tuple[Experiment, ...]:
    if not figure:
        return experiments
    by_name = {e.name.partition("/")[2]: e for e in experiments}
    return (by_name[check_one_of("figure", figure, by_name)],)
