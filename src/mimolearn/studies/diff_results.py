"""The results of two files against each other."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from mimolearn.foundation.errors import ResultsFileError
from mimolearn.results.beam_difference import diff_beams
from mimolearn.results.difference import Difference, diff
from mimolearn.studies.beam_run import load_beam_results
from mimolearn.studies.engine import COUNTING, load_results
from mimolearn.studies.kinds.rates import BeamRates
from mimolearn.studies.storage.store import Store, StoredScenario

_COMPARED = (*COUNTING, BeamRates.name)


def diff_results(
    a: str | Path,
    b: str | Path,
    pairs: Mapping[str, str] | None = None,
    *,
    scenario: str | None = None,
    metric: str | None = None,
    target: float | None = None,
) -> list[Difference]:
    """Compare the results of receivers, or of beamformers, in two files.

    See ``diff`` and ``diff_beams``.

    Args:
        a: the first results file.
        b: the second results file.
        pairs: labels of b by labels of a; default None, those that both have.
        scenario: name, label or key of a scenario that each file holds; default None, all that
            both hold, or the only one of each.
        metric: as for ``RunPlan``; default that of a's run. Beamformers have "ser" alone.
        target: the error rate of gaps in dB; default that of a's run, for beamformers 1e-3.

    Returns:
        one difference for each scenario.

    Raises:
        ResultsFileError: for a file that is damaged, and where nothing is common.
        InvalidInputError: for contenders or a metric that do not exist.
    """
    matched = _matched(_links(a, scenario), _links(b, scenario), (a, b))
    differences = []
    for first, second in matched:
        if BeamRates.name in (first.kind, second.kind):
            beams = load_beam_results(a, first.scenario), load_beam_results(b, second.scenario)
            fields = {"metric": metric, "target": target}
            given = {name: value for name, value in fields.items() if value is not None}
            differences.append(diff_beams(*beams, pairs, **given))
            continue
        counts = load_results(a, first.scenario), load_results(b, second.scenario)
        differences.append(diff(*counts, pairs, metric=metric, target=target))
    return differences


def _links(path: str | Path, wanted: str | None) -> list[StoredScenario]:
    with closing(Store(path, read_only=True)) as store:
        held = [item for item in store.scenarios() if item.kind in _COMPARED]
    if wanted is None:
        return held
    chosen = [i for i in held if wanted in (i.label, i.scenario.name, i.scenario.key())]
    if not chosen:
        raise ResultsFileError(f"{path}: scenario {wanted!r} is none of {_words(held)}")
    return chosen


def _matched(
    a: list[StoredScenario], b: list[StoredScenario], paths: tuple[str | Path, str | Path]
) -> list[tuple[StoredScenario, StoredScenario]]:
    by_key = {item.scenario.key(): item for item in b}
    common = [(item, by_key[item.scenario.key()]) for item in a if item.scenario.key() in by_key]
    if common:
        return common
    for path, held in zip(paths, (a, b), strict=True):
        if len(held) != 1:
            raise ResultsFileError(
                f"{path}: holds no scenario that the other file holds too, name one: {_words(held)}"
            )
    first, second = a[0], b[0]
    if (first.kind == BeamRates.name) != (second.kind == BeamRates.name):
        what = f"{paths[0]} and {paths[1]}"
        raise ResultsFileError(f"{what}: one holds beamformers, the other receivers")
    return [(first, second)]


def _words(held: list[StoredScenario]) -> str:
    return ", ".join(item.label for item in held) or "no receivers or beamformers"
