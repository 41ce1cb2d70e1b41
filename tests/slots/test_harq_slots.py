"""Retransmissions of blocks over a resource grid."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.coding import Coding
from mimolearn.link.frames import NrPusch, PlainGrid
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.harq import Harq
from mimolearn.plans.contender import unique_contenders
from mimolearn.studies.kinds.base import Task
from mimolearn.studies.kinds.slots import SlotCounts

NR = GridScenario(num_tx_ant=2, num_rx_ant=2, frame=NrPusch(num_prb=1, num_ues=2, mcs=10))
GRID = GridScenario(
    num_tx_ant=2,
    num_rx_ant=2,
    constellation="qpsk",
    frame=PlainGrid(num_subcarriers=24, num_symbols=8, num_ues=2),
    coding=Coding(code="5g-ldpc", num_info_bits=40, num_coded_bits=80),
)


def counts(scenario: GridScenario, *contenders: Any, snr: str = "2.000000") -> list[Any]:
    kind = SlotCounts(scenario, unique_contenders(list(contenders)))
    return [r.counts for r in kind.measure(Task(snr, 0, tuple(range(len(contenders)))))]


@pytest.mark.parametrize("scenario", [NR, GRID], ids=["transport", "blocks"])
def test_incremental_redundancy_beats_chase_combining_beats_none(scenario: GridScenario) -> None:
    once = counts(scenario, "lmmse")[0]
    assert once.resent == ()
    chase = counts(scenario.with_(harq=Harq(transmissions=2, combining="chase")), "lmmse")[0]
    more = counts(scenario.with_(harq=Harq(transmissions=2)), "lmmse")[0]
    most = counts(scenario.with_(harq=Harq()), "lmmse")[0]
    # The same slots, whatever follows them.
    for other in (chase, more, most):
        assert (other.bit_errors, other.gmi_loss) == (once.bit_errors, once.gmi_loss)
        assert other.resent[0] == once.block_errors > 8
    assert most.block_errors <= more.block_errors <= chase.block_errors < once.block_errors
    assert most.resent[1] == more.block_errors
    assert len(most.resent) == 3


def test_kept_soft_bits_may_be_quantised() -> None:
    kept = [f"lmmse:quantizer=uniform:bits={bits};clip=6,label={bits}" for bits in (1, 5)]
    for combining in ("chase", "incremental"):
        link = NR.with_(harq=Harq(transmissions=3, combining=combining))
        raw, coarse, fine = counts(link, "lmmse", *kept, snr="0.000000")
        assert raw.resent[0] == coarse.resent[0] == fine.resent[0]
        assert raw.stored_bits == 0
        assert coarse.block_errors + sum(coarse.resent) > fine.block_errors + sum(fine.resent)
        assert 0 < coarse.stored_bits < fine.stored_bits < 5 * fine.bits
        assert coarse.gmi_loss > fine.gmi_loss > raw.gmi_loss


def test_a_limited_buffer_repeats_bits() -> None:
    whole, small = (
        counts(NR.with_(harq=Harq(buffer_bits=size)), "lmmse", snr="-2.000000")[0]
        for size in (None, NR.slot_code.block_bits + 60)
    )
    assert small.resent[0] != 0
    assert sum(whole.resent) < sum(small.resent)


@pytest.mark.parametrize(
    ("scenario", "contender", "message"),
    [
        (NR, "lmmse:quantizer=uniform", "quantizer: got 'uniform', expected none over a resource"),
        (
            NR.with_(harq=Harq(combining="chase")),
            "lmmse:quantizer=statistics",
            "quantizer: got 'statistics', expected one of soft bits over a resource grid",
        ),
        (NR.with_(harq=Harq()), "ep:passes=1", "passes: got 1, expected 0 with [harq]"),
    ],
)
def test_what_does_not_go_together_is_refused(
    scenario: GridScenario, contender: str, message: str
) -> None:
    with pytest.raises(InvalidInputError) as error:
        assert SlotCounts(scenario, unique_contenders([contender])).built
    assert message in str(error.value)


def test_keys_without_retransmissions_are_the_old_ones() -> None:
    assert NR.key() == "2b9b86a76382d04e"
    assert GRID.key() == "cc06952d46d47e36"
    assert NR.with_(harq=Harq()).key() != NR.key()
    assert NR.with_(harq=Harq()).draw_key() == NR.draw_key()


def test_soft_bits_of_the_first_transmission_are_counted() -> None:
    told = torch.tensor(counts(NR, "lmmse")[0].reliability).reshape(-1, 3)
    assert int(told[:, 0].sum()) == counts(NR, "lmmse")[0].bits
    assert counts(GRID.with_(coding=None), "lmmse")[0].reliability == ()


@pytest.mark.parametrize("scenario", [NR, GRID], ids=["transport", "blocks"])
def test_receivers_differ_in_their_decoder_alone(scenario: GridScenario) -> None:
    plain, coarse, rescued = counts(
        scenario, "lmmse", "lmmse:decoder_bits=4", "lmmse:decoder=two-stage,decoder_bits=4"
    )
    assert plain.block_errors <= rescued.block_errors + 2 <= coarse.block_errors + 2
    assert plain.block_errors != coarse.block_errors
    assert len({one.gmi_loss for one in (plain, coarse, rescued)}) == 1
