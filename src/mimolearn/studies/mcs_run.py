"""Receivers over several rows of an MCS table, on the same channels and noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mimolearn.foundation.errors import ResultsFileError, invalid
from mimolearn.foundation.signatures import takes_arguments_of
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.plans.plan import AnyScenario, RunPlan, check_mcs, load_comparison
from mimolearn.results.goodput import GoodputStudy, goodput_study
from mimolearn.studies.engine import ReceiverSession, list_results, load_results, simulate
from mimolearn.studies.kinds.slots import SlotCounts
from mimolearn.studies.progress import Progress, ProgressEvent
from mimolearn.studies.storage.store import StoredScenario


def simulate_mcs(
    scenario: GridScenario | str | Path,
    contenders: Any = None,
    snr_db: Any = None,
    *,
    mcs: Any = None,
    plan: RunPlan | None = None,
    metric: str | None = None,
    target: float | None = None,
    min_errors: int | None = None,
    min_channels: int | None = None,
    max_vectors: int | None = None,
    floor: float | None = None,
    store: str | Path | None = None,
    progress: Progress | None = None,
    timing: bool = False,
    **options: Any,
) -> GoodputStudy:
    """Count wrong blocks of every contender with every MCS, on the same channels and noise.

    Each MCS is a comparison of its own in the same results file. A run that was interrupted goes
    on with the same call.

    Args:
        scenario: a GridScenario of 5G NR, its TOML file, or the name of one that ships.
        contenders: as for ``simulate``.
        snr_db: as for ``simulate``.
        mcs: rows of the MCS table, a list or "4,10,14"; default those of the plan, and without any
            the one of the frame.
        plan: as for ``simulate``.
        metric: as for ``simulate``.
        target: as for ``simulate``.
        min_errors: as for ``simulate``.
        min_channels: as for ``simulate``.
        max_vectors: as for ``simulate``, of each MCS.
        floor: as for ``simulate``.
        store: as for ``simulate``.
        progress: as for ``simulate``; counts are of all MCS, and ``part`` names the one under way.
        timing: as for ``simulate``.
        **options: others of ``simulate``: workers, executor and ray_address.

    Returns:
        the comparisons, and goodput drawn from them.

    Raises:
        InvalidInputError: a bad argument, before anything is simulated.
        ResultsFileError: a results file that is damaged or of another version.

    >>> from mimolearn.link.frames import NrPusch
    >>> frame = NrPusch(num_prb=1, num_ues=1)
    >>> link = GridScenario(num_tx_ant=1, num_rx_ant=2, frame=frame)
    >>> study = simulate_mcs(link, ["lmmse"], [5], mcs=[2, 5], min_errors=5, min_channels=16)
    >>> [one.mcs for one in study.goodputs("lmmse", 5)]
    [2, 5]
    """
    link, plan = load_comparison(
        scenario,
        plan,
        contenders=contenders,
        snr_db=snr_db,
        mcs=mcs,
        metric=metric,
        target=target,
        min_errors=min_errors,
        min_channels=min_channels,
        max_vectors=max_vectors,
        floor=floor,
    )
    links = scenarios_of(link, plan)
    # All are built before the first is run: a contender may not serve every constellation.
    expected = [ReceiverSession(one, plan).schedule.num_chunks()[1] for one in links]
    watch = _Watch(progress, links, expected)
    comparisons = []
    for number, one in enumerate(links):
        callback = None if progress is None else watch.of(number)
        comparisons.append(
            simulate(one, plan=plan, store=store, progress=callback, timing=timing, **options)
        )
    return goodput_study(comparisons)


@takes_arguments_of(simulate_mcs)
def compare_mcs(*arguments: Any, **options: Any) -> GoodputStudy:
    """``simulate_mcs`` with ``timing=True``: goodput, and how long each receiver takes for a slot.

    Args:
        *arguments: those of ``simulate_mcs``.
        **options: those of ``simulate_mcs``.

    Returns:
        the comparisons with times, and goodput drawn from them.

    Raises:
        InvalidInputError: a bad argument, before anything is simulated.
        ResultsFileError: a results file that is damaged or of another version.
    """
    return simulate_mcs(*arguments, **{"timing": True, **options})


def load_mcs_results(
    path: str | Path, scenario: GridScenario | None = None, plan: RunPlan | None = None
) -> GoodputStudy:
    """Goodput from a results file alone; nothing is simulated, points may be unfinished.

    Args:
        path: of the results file.
        scenario: one of those that the file holds, with any MCS; needed where it holds several
            that differ in more than the MCS.
        plan: as for ``load_results``.

    Returns:
        comparisons of all MCS that the file holds.

    Raises:
        ResultsFileError: a file that is not there, damaged, or without such results.
    """
    held = [item for item in list_results(path) if item.kind == SlotCounts.name]
    families = mcs_families(held)
    if scenario is not None:
        families = {k: v for k, v in families.items() if k == scenario.draw_key()}
    if len(families) != 1:
        what = "several links" if families else "no link over a grid with coded bits"
        raise ResultsFileError(f"{path}: holds {what}, expected one")
    (family,) = families.values()
    return goodput_study([load_results(path, item.scenario, plan) for item in family])


def mcs_families(held: Sequence[StoredScenario]) -> dict[str, list[StoredScenario]]:
    """Scenarios of a results file that differ in the MCS alone, by what their channels are of.

    Args:
        held: what the file holds; those without coded bits over a grid are left out.
    """
    families: dict[str, list[StoredScenario]] = {}
    for item in held:
        link = item.scenario
        if isinstance(link, GridScenario) and link.has_blocks:
            families.setdefault(link.draw_key(), []).append(item)
    return families


def scenarios_of(scenario: AnyScenario, plan: RunPlan) -> list[GridScenario]:
    """The scenario with each MCS of the plan; with its own where the plan has none.

    Raises:
        InvalidInputError: for a scenario without an MCS, and for an MCS that its table lacks.
    """
    if plan.mcs:
        return [check_mcs(row, scenario) for row in plan.mcs]
    if isinstance(scenario, GridScenario) and scenario.mcs is not None:
        return [scenario]
    expected = "one that has a frame with standard = 'nr-pusch'"
    raise invalid("scenario", scenario.name or scenario.key(), expected)


class _Watch:
    """The progress of several runs as that of one."""

    def __init__(
        self, progress: Progress | None, links: Sequence[GridScenario], expected: Sequence[int]
    ) -> None:
        self._progress, self._links = progress, links
        # (done, expected) of each run.
        self._chunks = [(0, chunks) for chunks in expected]
        self._before_s = 0.0
        self._elapsed_s = 0.0

    def of(self, number: int) -> Progress:
        """A callback for one of the runs."""
        assert self._progress is not None
        tell, scheme = self._progress, self._links[number].mcs
        assert scheme is not None
        words = f"MCS {scheme.index}"
        if len(self._links) > 1:
            words += f" ({number + 1} of {len(self._links)})"
        self._before_s = self._elapsed_s

        def update(event: ProgressEvent) -> None:
            self._chunks[number] = event.done_chunks, event.total_chunks
            self._elapsed_s = self._before_s + event.elapsed_s
            # Those of earlier runs are over, whatever was expected of them.
            done = sum(chunks for chunks, _ in self._chunks[: number + 1])
            coming = sum(chunks for _, chunks in self._chunks[number + 1 :])
            total = done - event.done_chunks + event.total_chunks + coming
            left = event.total_chunks - event.done_chunks
            eta_s = event.eta_s
            if eta_s is not None:
                pace_s = eta_s / left if left else event.elapsed_s / max(event.done_chunks, 1)
                eta_s += coming * pace_s
            tell(
                replace(
                    event,
                    done_chunks=done,
                    total_chunks=total,
                    elapsed_s=self._elapsed_s,
                    eta_s=eta_s,
                    part=words,
                )
            )

        return update
