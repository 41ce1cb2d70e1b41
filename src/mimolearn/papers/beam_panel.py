"""Error rates of beamformers as a panel, and what statements read of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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
        beams: what competes.
        snr_db: SNRs in dB.
        quick_snr_db: those of a quick run.
        channels: how many are drawn.
    """

    name: str
    title: str
    link: BeamScenario
    beams: tuple[Competitor, ...]
    snr_db: tuple[float, ...]
    quick_snr_db: tuple[float, ...]
    channels: Effort = _CHANNELS

    def snrs(self, budget: str) -> tuple[float, ...]:
        """SNRs of a budget."""
        return self.quick_snr_db if budget == "quick" else self.snr_db


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
        try:
            table = entry.table(store.parent / "weights", may_train=budget != "quick")
            contender = BeamContender.parse(table)
            contender.build(panel.link)
        except InvalidInputError as error:
            missing[entry.label] = str(error)
        else:
            contenders.append(BeamContender(contender.name, contender.options, entry.label))
    plan = BeamPlan(
        snr_db=panel.snrs(budget),
        contenders=tuple(contenders),
        channels=times * panel.channels.of(budget),
    )
    result = compare_beams(
        panel.link, plan, store=store, progress=progress, timing=False, workers=workers
    )
    return result, missing
