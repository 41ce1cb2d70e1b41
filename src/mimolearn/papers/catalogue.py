"""All experiments, by name."""

from __future__ import annotations

import functools

from mimolearn.foundation.errors import check_one_of
from mimolearn.papers.experiment import Experiment
from mimolearn.papers.files.loading import read_paper, shipped_paper, shipped_papers
from mimolearn.papers.mser import fig5 as mser_fig5
from mimolearn.papers.mser import fig6 as mser_fig6
from mimolearn.papers.mser import fig7 as mser_fig7
from mimolearn.papers.mser import fig8 as mser_fig8
from mimolearn.papers.mser import fig9 as mser_fig9
from mimolearn.papers.mser import fig10 as mser_fig10
from mimolearn.papers.mser import fig11 as mser_fig11
from mimolearn.papers.mser import fig12 as mser_fig12
from mimolearn.papers.mser import table1 as mser_table1
from mimolearn.papers.mser import table2 as mser_table2
from mimolearn.papers.mser import table3 as mser_table3
from mimolearn.papers.mser import table4 as mser_table4
from mimolearn.papers.mser import table5 as mser_table5
from mimolearn.papers.mser import table6 as mser_table6

_MODULES = (
    *(mser_table1, mser_table2, mser_table3, mser_table4, mser_table5, mser_table6),
    *(mser_fig5, mser_fig6, mser_fig7, mser_fig8, mser_fig9, mser_fig10, mser_fig11, mser_fig12),
)


@functools.cache
def _experiments() -> dict[str, Experiment]:
    """All by name, paper by paper: those of files, then those still in Python."""
    listed = [e for key in shipped_papers() for e in shipped_paper(key)]
    listed += [module.EXPERIMENT for module in _MODULES]
    keys = list(dict.fromkeys(e.paper.key for e in listed))
    return {e.name: e for key in keys for e in listed if e.paper.key == key}


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
