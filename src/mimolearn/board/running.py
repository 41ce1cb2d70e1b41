"""Contenders on the links of a board: all chunks counted, times taken beside the yardstick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import torch

from mimolearn.board.links import Board, BoardLink
from mimolearn.detectors import Detector
from mimolearn.foundation.errors import InvalidInputError, MimolearnError
from mimolearn.foundation.tensors.state import clean_torch, evaluating
from mimolearn.link.randomness import CounterGenerator, complex_normal
from mimolearn.link.scenario import Scenario
from mimolearn.plans.contender import Contender
from mimolearn.plans.plan import RunPlan
from mimolearn.results.comparison import Comparison
from mimolearn.studies import list_results, load_results, simulate
from mimolearn.studies.engine import ReceiverSession
from mimolearn.studies.kinds.receivers import parted
from mimolearn.studies.progress import Progress

ProgressOf = Callable[[BoardLink, RunPlan], AbstractContextManager[Progress | None]]
"""From a link and its plan to a context that gives the progress callback of its run."""


class LinkRun(NamedTuple):
    """What some contenders did on a link.

    Attributes:
        link: of the board.
        comparison: of the contenders that serve it, with yardstick and reference; None where none
            of them does.
        refused: why a contender does not serve it, by label.
    """

    link: BoardLink
    comparison: Comparison | None
    refused: dict[str, str]


def run_board(
    board: Board,
    contenders: Sequence[Contender],
    store: str | Path | None,
    *,
    links: Sequence[str] | None = None,
    workers: int = 1,
    progress: ProgressOf | None = None,
) -> list[LinkRun]:
    """Run contenders on the links of a board. What a results file has is taken up.

    Args:
        board: the set of links.
        contenders: with unique labels and keys.
        store: a results file; None keeps all in memory.
        links: names of links; None for all.
        workers: processes; counts do not depend on them.
        progress: for every link.

    Returns:
        one for each link, in the order of the board.

    Raises:
        InvalidInputError: for a contender that serves none of the links.
    """
    chosen = board.chosen(links)
    refused = [{c.label: refusal(link, c) for c in contenders} for link in chosen]
    for contender in contenders:
        reasons = [reasons[contender.label] for reasons in refused]
        if all(reasons):
            which = f"link {chosen[0].name!r}" if len(chosen) == 1 else "any link of the board"
            raise InvalidInputError(f"{contender.label}: does not serve {which}: {reasons[0]}")
    runs = []
    for link, reasons in zip(chosen, refused, strict=True):
        why = {label: reason for label, reason in reasons.items() if reason}
        serving = [c for c in contenders if c.label not in why]
        result = _run_link(board, link, serving, store, workers, progress) if serving else None
        runs.append(LinkRun(link, result, why))
    return runs


def run_alone(
    link: BoardLink,
    contender: Contender,
    store: str | Path | None,
    workers: int,
    progress: ProgressOf | None,
) -> Comparison:
    """Count one contender on a link, without times.

    Args:
        link: of a board.
        contender: that serves it.
        store: a results file; None keeps all in memory.
        workers: processes.
        progress: for the link.
    """
    plan = link.plan((contender,))
    with _shown(progress, link, plan) as callback:
        return simulate(link.scenario, plan=plan, store=store, workers=workers, progress=callback)


def _shown(
    progress: ProgressOf | None, link: BoardLink, plan: RunPlan
) -> AbstractContextManager[Progress | None]:
    return nullcontext() if progress is None else progress(link, plan)


def stored_runs(
    board: Board, contenders: Sequence[Contender], store: str | Path
) -> list[tuple[BoardLink, Comparison]]:
    """What a results file has of contenders on a board; nothing is simulated.

    Args:
        board: the set of links.
        contenders: whose results are read.
        store: the results file.

    Returns:
        each link that the file has anything of.

    Raises:
        ResultsFileError: for a file that is not there or damaged.
    """
    held = {item.scenario.key() for item in list_results(store)}
    there = [link for link in board.links if link.scenario.key() in held]
    return [
        (link, load_results(store, link.scenario, link.plan(everybody(board, link, contenders))))
        for link in there
    ]


def everybody(
    board: Board, link: BoardLink, contenders: Sequence[Contender]
) -> tuple[Contender, ...]:
    """Contenders, after the yardstick and the reference of a link where they are not among them."""
    keys = {contender.key() for contender in contenders}
    first = {c.key(): c for c in (board.yardstick, link.reference) if c.key() not in keys}
    return (*first.values(), *contenders)


def refusal(link: BoardLink, contender: Contender) -> str:
    """Why a contender does not serve a link, in one line; "" where it does.

    It is built, and detects two vectors.
    """
    try:
        session = ReceiverSession(link.scenario, link.plan((contender,)))
        # The last one: earlier passes of decoder feedback come before it.
        _, detector = session.built[-1]
        _try(link, parted(detector)[0])
    except MimolearnError as error:
        return str(error).removeprefix(f"contender {contender.label!r}: ")
    return ""


def _try(link: BoardLink, detector: Detector) -> None:
    """Detect a few vectors of a link's size."""
    generator, scenario = CounterGenerator(0), link.scenario
    with clean_torch(), evaluating(detector):
        if isinstance(scenario, Scenario):
            block = scenario.draw(scenario_middle(link), 2, generator)
            y, h, noise_var = block.y, block.h_hat, block.noise_var
        else:
            h = complex_normal((2, scenario.num_rx_ant, scenario.num_tx_ant), generator)
            y = complex_normal((2, 1, scenario.num_rx_ant), generator)
            noise_var = torch.full((2,), 0.1, dtype=torch.float32)
        detection = detector(y, h, noise_var)
        # Slots and decoders take soft bits.
        soft = link.scenario.has_blocks or not isinstance(scenario, Scenario)
        detection.llr() if soft else detection.indices()


def scenario_middle(link: BoardLink) -> float:
    """The middle one of a link's SNRs, dB: where times are taken."""
    return link.snr_db[len(link.snr_db) // 2]


def _run_link(
    board: Board,
    link: BoardLink,
    contenders: Sequence[Contender],
    store: str | Path | None,
    workers: int,
    progress: ProgressOf | None,
) -> Comparison:
    plan = link.plan(everybody(board, link, contenders))
    options: dict[str, Any] = {"store": store, "workers": workers}
    with _shown(progress, link, plan) as callback:
        result = simulate(link.scenario, plan=plan, progress=callback, **options)
    timed = {board.yardstick.key(): board.yardstick} | {c.key(): c for c in contenders}
    labels = {c.key(): c.label for c in plan.contenders}
    if all(labels.get(key) in result.timings for key in timed):
        return result
    measured = simulate(
        link.scenario, plan=link.plan(tuple(timed.values())), timing=True, **options
    )
    timings = {labels[c.key()]: measured.timings[c.label] for c in timed.values()}
    return Comparison(
        result.scenario,
        result.plan,
        result.curves,
        result.provenance,
        {**result.timings, **timings},
        result.costs,
    )
