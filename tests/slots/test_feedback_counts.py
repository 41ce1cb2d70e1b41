"""Decoder feedback over a grid at its full strength: 4 x 4, 16-QAM, MCS 14, a given channel."""

from __future__ import annotations

import numpy as np
import pytest

from mimolearn.link.channels import TDLProcess
from mimolearn.link.estimators import Perfect
from mimolearn.link.frames import NrPusch
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.plans.contender import unique_contenders
from mimolearn.studies.kinds.base import Task
from mimolearn.studies.kinds.slots import SlotCounts

LINK = GridScenario(
    num_tx_ant=4,
    num_rx_ant=4,
    channel=TDLProcess(profile="B"),
    frame=NrPusch(num_prb=8, num_ues=4, mcs=14),
    estimator=Perfect(),
)


def rates(contenders: list[object], snr: str, slots: int) -> tuple[np.ndarray, np.ndarray]:
    """Block error rates, and their standard errors over slots, whose blocks fail together."""
    kind = SlotCounts(LINK, unique_contenders(contenders))
    numbers = tuple(range(len(kind.contenders)))
    wrong: list[list[np.ndarray]] = [[] for _ in numbers]
    for chunk in range(slots // kind.chunk_channels):
        for i, result in enumerate(kind.measure(Task(snr, chunk, numbers))):
            assert result.blocks is not None
            wrong[i].append(result.blocks.per_channel("bler", result.counts.channels, 4))
    shares = np.array([np.concatenate(parts) / 4 for parts in wrong])
    return shares.mean(1), shares.std(1) / np.sqrt(shares.shape[1])


@pytest.mark.soak
@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [("mmse-pic", {}, (146, 17, 2, 2)), ("ep", {"num_iter": 5}, (107, 6, 2, 2))],
)
def test_passes_win_what_a_second_program_found(
    name: str, options: dict[str, int], expected: tuple[int, ...]
) -> None:
    """Its counts are of 384 blocks of other slots, so that both errors count."""
    receiver = {"name": name, "passes": 3, "llr_clip": 20, **options}
    found, error = rates([receiver], "7.000000", 192)
    # Its slots were 96, twice as few.
    theirs = np.array(expected) / 384
    assert (np.abs(found - theirs) < 2.6 * np.sqrt(error**2 + 2 * error**2)).all()
    assert found[1] < 0.3 * found[0]
    assert found[2] < 0.6 * found[1]


def test_the_clip_of_ep_removes_its_floor() -> None:
    bare, usual, clipped = rates(["ep:llr_clip=1e6", "ep", "ep:llr_clip=20"], "18.000000", 32)[0]
    assert bare > 0.02
    assert usual == clipped == 0
