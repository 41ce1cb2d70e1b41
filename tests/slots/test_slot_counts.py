"""Counts over a resource grid: what they depend on, and what they agree with."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mimolearn.detectors import make_detector
from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.channels import TDLProcess
from mimolearn.link.coding import Coding
from mimolearn.link.frames import CombPilots, Interference, NrPusch, PlainGrid
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.slots import SlotReceiver
from mimolearn.plans.contender import unique_contenders
from mimolearn.studies.kinds.base import Task
from mimolearn.studies.kinds.chunk import ChunkResult
from mimolearn.studies.kinds.registry import kind_from_text
from mimolearn.studies.kinds.seeds import chunk_generator
from mimolearn.studies.kinds.slots import SlotCounts


def nr_scenario(mcs: int = 10, **fields: Any) -> GridScenario:
    frame = NrPusch(num_prb=1, num_ues=2, mcs=mcs)
    return GridScenario(num_tx_ant=2, num_rx_ant=2, frame=frame, **fields)


def plain_scenario(**fields: Any) -> GridScenario:
    frame = PlainGrid(num_symbols=8, num_subcarriers=64, num_ues=2)
    given = {"constellation": "qpsk", "pilots": CombPilots(symbols=(0, 7))} | fields
    return GridScenario(num_tx_ant=2, num_rx_ant=4, frame=frame, **given)


def measured(scenario: GridScenario, *contenders: Any, snr: str = "8.000000") -> list[ChunkResult]:
    kind = SlotCounts(scenario, unique_contenders(list(contenders)))
    return kind.measure(Task(snr, 0, tuple(range(len(kind.contenders)))))


def test_counts_do_not_depend_on_company_or_on_earlier_chunks() -> None:
    scenario = nr_scenario()
    alone = measured(scenario, "lmmse")[0]
    kind = SlotCounts(scenario, unique_contenders(["ep", "lmmse:estimator=perfect", "lmmse"]))
    kind.measure(Task("2.000000", 3, (0, 1, 2)))
    together = kind.measure(Task("8.000000", 0, (0, 1, 2)))
    assert together[2].same(alone)
    assert not together[1].same(alone)


def test_workers_build_the_same_kind_from_text() -> None:
    scenario = nr_scenario(interference=Interference(inr_db=5.0))
    kind = SlotCounts(scenario, unique_contenders(["lmmse:estimator=wiener:statistics=flat"]))
    again = kind_from_text(*kind.to_text())
    assert again.keys == kind.keys
    assert again.study_key == kind.study_key
    task = Task("5.000000", 1, (0,))
    assert again.measure(task)[0].same(kind.measure(task)[0])


def test_wrong_blocks_are_those_of_the_steps_done_by_hand() -> None:
    scenario, snr = nr_scenario(mcs=10), "6.000000"
    result = measured(scenario, "lmmse", snr=snr)[0]
    generator = chunk_generator(scenario.draw_key(), snr, 0)
    link, code, points = scenario.link, scenario.slot_code, scenario.points()
    h = link.draw_channels(16, generator)
    bits = code.draw(16, chunk_generator(scenario.key(), snr, 0))
    symbols = points.map(points.bits_to_indices(bits.sent.unflatten(-1, (-1, 4))))
    noise_var = scenario.noise_var(6.0)
    received = link.receive(h, link.grid.to_layers(symbols), noise_var, generator)
    front = SlotReceiver(link, scenario.estimator, noise_var)
    observed = front.observe(received)
    detection = make_detector("lmmse", "16-qam")(observed.y, observed.h_hat, observed.noise_var)
    llr = link.grid.to_codewords(front.to_data(detection.llr()).flatten(3)).contiguous()
    decoded = code.decode(llr.flatten(0, 1), torch.arange(2).repeat(16))
    wrong = (decoded.info.unflatten(0, (16, 2)) != bits.info).any(-1)
    assert 0 < int(wrong.sum()) < wrong.numel()
    assert result.counts.block_errors == int(wrong.sum())
    assert result.blocks is not None
    assert result.blocks.vector.tolist() == wrong.flatten().nonzero()[:, 0].tolist()


def test_every_mcs_sees_the_same_channels_and_noise() -> None:
    errors = [measured(nr_scenario(mcs), "lmmse")[0].counts.estimate_error for mcs in (2, 10, 18)]
    assert errors[0] > 0
    assert len(set(errors)) == 1
    keys = {nr_scenario(mcs).key() for mcs in (2, 10, 18)}
    assert len(keys) == 3


def test_claimed_errors_of_estimates_are_true() -> None:
    for estimator in ("ls-linear", "wiener", "wiener:statistics=flat"):
        result = measured(nr_scenario(), f"lmmse:estimator={estimator}", snr="0.000000")[0]
        measured_error, claimed = result.counts.estimate_errors()
        assert measured_error == pytest.approx(claimed, rel=0.25)


def test_a_known_channel_has_no_error() -> None:
    result = measured(nr_scenario(), "lmmse:estimator=perfect")[0]
    assert result.counts.estimate_errors() == (0.0, 0.0)


def test_clip_and_scale_change_decoding_and_no_decision() -> None:
    plain, clipped, scaled = measured(
        nr_scenario(), "lmmse", "lmmse:llr_clip=0.5", "lmmse:llr_scale=8.0", snr="3.000000"
    )
    bit_errors = {result.counts.bit_errors for result in (plain, clipped, scaled)}
    assert len(bit_errors) == 1
    assert len({result.counts.gmi_loss for result in (plain, clipped, scaled)}) == 3


def test_a_plain_grid_carries_blocks_of_any_code_or_none() -> None:
    coded = plain_scenario(coding=Coding(code="5g-ldpc", num_info_bits=64, num_coded_bits=128))
    assert coded.slot_code.blocks_per_user == coded.slot_code.num_bits // 128
    easy, hard = (measured(coded, "lmmse", snr=snr)[0].counts for snr in ("12.000000", "-8.000000"))
    assert easy.block_errors < 0.1 * easy.blocks
    assert hard.block_errors > 0.5 * hard.blocks
    bare = measured(plain_scenario(), "lmmse")[0].counts
    assert (bare.blocks, bare.info_bits, bare.decoder_runs) == (0, 0, 0)
    assert bare.bit_errors > 0


def test_whitening_helps_beside_an_interferer() -> None:
    scenario = GridScenario(
        num_tx_ant=2,
        num_rx_ant=6,
        frame=NrPusch(num_prb=2, num_ues=2, mcs=4),
        interference=Interference(inr_db=15.0),
    )
    white, residual, known = measured(
        scenario, "lmmse", "lmmse:covariance=residual", "lmmse:covariance=known", snr="0.000000"
    )
    assert known.counts.bit_errors < residual.counts.bit_errors < 0.7 * white.counts.bit_errors


def test_a_filter_may_serve_several_elements() -> None:
    scenario = nr_scenario(channel=TDLProcess(delay_spread_s=30e-9))
    each, shared = measured(scenario, "lmmse", "lmmse:estimator=wiener:reuse_subcarriers=4")
    assert shared.counts.vectors == each.counts.vectors
    assert each.counts.bit_errors <= shared.counts.bit_errors < 3 * each.counts.bit_errors


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"constellation": "qpsk"}, "constellation: got 'qpsk', expected nothing: frame.mcs"),
        ({"channel": TDLProcess(delay_spread_s=1e-6)}, "channel.delay_spread_s"),
        ({"num_tx_ant": 3}, "num_tx_ant: got 3, expected a multiple of frame.num_ues = 2"),
        (
            {"frame": {"standard": "nr-pusch", "num_prb": 1, "mcs": 29}},
            "frame.mcs: got 29, expected a value at most 28",
        ),
        (
            {"frame": {"standard": "nr-pusch", "num_prb": 1, "num_symbols": 4, "mcs": 28}},
            "frame.mcs: got 28, expected a lower one, or more frame.num_prb, for a transport block",
        ),
        ({"num_tx_ant": 6}, "num_tx_ant: got 6, expected at most 4, the ports of DMRS type 1"),
    ],
)
def test_parts_that_do_not_fit_are_refused_in_one_line(fields: Any, message: str) -> None:
    content = nr_scenario().model_dump(exclude_none=True) | fields
    with pytest.raises(InvalidInputError) as error:
        GridScenario(**content)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("contender", "message"),
    [
        ("lmmse:estimator=winer", "did you mean 'wiener'?"),
        ("lmmse:estimator=wiener:statistcs=flat", "did you mean 'statistics'?"),
        ("lmmse:covariance=red", "covariance: got 'red', expected one of"),
        ("lmmse:llr_clip=-1", "llr_clip: got -1, expected a value above 0"),
        ("sphere:llr_clip=3", "llr_clip"),
    ],
)
def test_receivers_that_do_not_exist_are_refused_in_one_line(contender: str, message: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        SlotCounts(nr_scenario(), unique_contenders([contender])).measure(Task("8.0", 0, (0,)))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_toml_reads_back_to_an_equal_scenario(tmp_path: Any) -> None:
    for scenario in (nr_scenario(interference=Interference()), plain_scenario(coding=Coding())):
        path = tmp_path / "scenario.toml"
        path.write_text(scenario.to_toml())
        again = GridScenario.from_toml(path)
        assert again == scenario
        assert again.key() == scenario.key()
