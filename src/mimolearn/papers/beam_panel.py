"""Error rates of beamformers as a panel, and what statements read of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.papers.effort import Effort
from mimolearn.papers.files.contenders import Competitor
from mimolearn.studies import (
    BeamComparison,
    BeamContender,
    BeamPlan,
    ProgressEvent,
    compare_beams,
)

_CHANNELS = Effort(64, 128, 2048)


@dataclass(frozen=True)
class BeamPanel:
    """Exact error rates of beamformers over SNR, on common channels.

    Attributes:
        name: of the panel within its figure.
        title: above the plot.
        link: arrays, channels and constellation.
        beams: contenders of a paper's file, or text as in ``mimolearn beamform``.
        snr_db: SNRs in dB.
        quick_snr_db: those of a quick run.
        channels: how many are drawn.
    """

    name: str
    title: str
    link: BeamScenario
    beams: tuple[str | Competitor, ...]
    snr_db: tuple[float, ...]
    quick_snr_db: tuple[float, ...]
    channels: Effort = _CHANNELS

    def snrs(self, budget: str) -> tuple[float, ...]:
        """SNRs of a budget."""
        return self.quick_snr_db if budget == "quick" else self.snr_db

    def labels(self) -> tuple[str, ...]:
        """Labels of the contenders, whether or not they can be built."""
        return tuple(beam_label(entry) for entry in self.beams)


def beam_label(entry: str | Competitor) -> str:
    """The label of an entry.

    >>> beam_label("mser-gd:num_iter=500,label=GD"), beam_label("fd-mmse")
    ('GD', 'fd-mmse')
    """
    if isinstance(entry, Competitor):
        return entry.label
    name, separator, label = entry.partition("label=")
    return label.partition(",")[0].strip() if separator else name.partition(":")[0].strip()


def run_beam_panel(
    panel: BeamPanel,
    budget: str,
    store: Path,
    progress: Callable[[ProgressEvent], None],
    workers: int = 1,
    times: int = 1,
) -> tuple[BeamComparison, dict[str, str]]:
    """Run the panel.

    Args:
        panel: what is drawn.
        budget: "quick", "default" or "full".
        store: path of the results file.
        progress: called after every chunk.
        workers: processes.
        times: how many times the channels of the budget.

    Returns:
        the comparison, and why contenders that could not be built are not in it.
    """
    contenders, missing = [], {}
    for entry in panel.beams:
        text: str | Mapping[str, Any] = entry if isinstance(entry, str) else {}
        try:
            if not isinstance(entry, str):
                text = entry.table(store.parent / "weights", may_train=budget != "quick")
            contender = BeamContender.parse(text)
            contender.build(panel.link)
        except InvalidInputError as error:
            missing[beam_label(entry)] = str(error)
        else:
            label = beam_label(entry)
            contenders.append(BeamContender(contender.name, contender.options, label))
    plan = BeamPlan(
        snr_db=panel.snrs(budget),
        contenders=tuple(contenders),
        channels=times * panel.channels.of(budget),
    )
    result = compare_beams(
        panel.link, plan, store=store, progress=progress, timing=False, workers=workers
    )
    return result, missing
