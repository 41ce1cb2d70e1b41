"""Decoder feedback, scale and clip of soft bits in coded links without a grid."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mimolearn import make_detector
from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.codes import CodedLink
from mimolearn.link.harq import Harq
from mimolearn.link.scenario import Coding, Scenario
from mimolearn.plans.contender import Contender, unique_contenders
from mimolearn.studies import simulate
from mimolearn.studies.kinds.chunk import ChunkResult, chunk_blocks
from mimolearn.studies.kinds.run_chunk import run_chunk
from mimolearn.studies.kinds.seeds import chunk_generator

CODE = Coding(code="5g-ldpc", num_info_bits=100, num_coded_bits=200)
LINK = Scenario(
    num_tx_ant=4,
    num_rx_ant=4,
    constellation="16-qam",
    snr_definition="per_stream",
    channel_reuse=2,
    coding=CODE,
)
TWICE = LINK.with_(harq=Harq(transmissions=2))
UNCODED = LINK.model_copy(update={"coding": None})
SNR = "6.000000"


def measured(scenario: Scenario, *contenders: Any) -> list[ChunkResult]:
    parsed = unique_contenders(list(contenders))
    return run_chunk(scenario, SNR, 0, [(c.label, c.build(scenario.points())) for c in parsed])


def test_two_passes_are_those_done_by_hand() -> None:
    pic = {"name": "mmse-pic", "llr_clip": 6, "passes": 2}
    counts = [result.counts for result in measured(LINK, pic)]
    generator = chunk_generator(LINK.key(), SNR, 0)
    link, detector = CodedLink(LINK), make_detector("mmse-pic", "16-qam")
    symbols = link.draw(chunk_blocks(LINK), generator)
    block = link.transmit(symbols, float(SNR), generator)
    given = detector(block.y, block.h_hat, block.noise_var).llr().reshape(-1, link.num_sent)
    decoded = link.decode(given.clamp(-6, 6), feedback=True)
    info, found, extrinsic = decoded.info, decoded.found, decoded.extrinsic
    assert extrinsic is not None
    wrong = [int((info != symbols.info).any(1).sum())]
    for _ in range(2):
        prior = extrinsic.clamp(-20, 20).reshape(-1, 2, 4, 4)
        posterior = detector(block.y, block.h_hat, block.noise_var, prior)
        given = posterior.extrinsic_llr(prior).reshape(-1, link.num_sent).clamp(-6, 6)
        again = link.decode(given, feedback=True)
        assert again.extrinsic is not None
        # Blocks that are codewords stay as they are.
        info = torch.where(found[:, None], info, again.info)
        extrinsic = torch.where(found[:, None], extrinsic, again.extrinsic)
        found = found | again.found
        wrong.append(int((info != symbols.info).any(1).sum()))
    assert [one.block_errors for one in counts] == wrong
    assert wrong[2] <= wrong[1] < wrong[0]
    # Decisions and GMI are those of the first detection.
    assert len({(one.bit_errors, one.gmi_loss) for one in counts}) == 1


def test_passes_do_not_depend_on_company() -> None:
    pic, ep = {"name": "mmse-pic", "passes": 2}, {"name": "ep", "passes": 1, "llr_clip": 8}
    together = measured(LINK, ep, "lmmse", pic, "mmse-pic:llr_clip=3")
    assert [result.counts.chunks for result in together] == [1] * 7
    for i, contender in ((0, "ep:llr_clip=8"), (2, "lmmse"), (3, "mmse-pic")):
        assert together[i].same(measured(LINK, contender)[0])
    assert together[5].same(measured(LINK, pic)[2])
    assert together[1].same(measured(LINK, ep)[1])


def test_all_passes_are_counted_in_one_run_and_kept(tmp_path: Any) -> None:
    run = {"metric": "bler", "target": 0.1, "min_errors": 30, "store": tmp_path / "r.sqlite"}
    comparison = simulate(LINK, ["mmse-pic:passes=2"], [6.0], **run)
    rates = [curve.points[0].rate("bler") for curve in comparison.curves]
    labels = [curve.label for curve in comparison.curves]
    assert labels == ["mmse-pic", "mmse-pic(passes=1)", "mmse-pic(passes=2)"]
    assert rates[2] <= rates[1] < rates[0]
    again = simulate(LINK, ["mmse-pic:passes=2"], [6.0], **run)
    assert [curve.points[0].rate("bler") for curve in again.curves] == rates


def test_scale_and_clip_change_decoding_and_no_decision() -> None:
    results = measured(LINK, "lmmse", "lmmse:llr_clip=0.5", "lmmse:llr_scale=8.0")
    assert len({result.counts.bit_errors for result in results}) == 1
    assert len({result.counts.gmi_loss for result in results}) == 3


def test_scale_stands_before_a_second_transmission_too() -> None:
    plain, scaled = measured(TWICE, "lmmse", "lmmse:llr_scale=0.25")
    assert plain.counts.bit_errors == scaled.counts.bit_errors
    assert plain.counts.gmi_loss != scaled.counts.gmi_loss
    # A clip of next to nothing loses the amplitudes.
    flat = measured(TWICE, "lmmse:llr_clip=0.001")[0]
    assert flat.counts.block_errors > plain.counts.block_errors


@pytest.mark.parametrize(
    ("scenario", "contender", "message"),
    [
        (LINK, "lmmse:passes=1", "passes: got 1, expected 0: lmmse takes no priors"),
        (TWICE, "ep:passes=1", "passes: got 1, expected 0 with [harq]: feedback"),
        (LINK, "ep:estimator=wiener", "estimator: got {'name': 'wiener'}, expected nothing"),
        (UNCODED, "ep:covariance=white", "covariance: got 'white', expected nothing"),
        (UNCODED, "ep:llr_clip=20", "llr_clip: got 20, expected nothing: no decoder follows"),
        (UNCODED, "ep:llr_scale=2", "llr_scale: got 2, expected nothing: no decoder follows"),
        (UNCODED, "ep:passes=1", "passes: got 1, expected nothing: no decoder follows"),
    ],
)
def test_what_a_link_does_not_have_is_refused_in_one_line(
    scenario: Scenario, contender: str, message: str
) -> None:
    with pytest.raises(InvalidInputError) as error:
        simulate(scenario, [contender], [3.0])
    assert str(error.value).startswith("contender '")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_feedback_behind_a_quantizer_is_refused() -> None:
    contender = Contender.parse({"name": "ep", "passes": 1, "quantizer": "max-mi-2x2-64qam-36"})
    scenario = LINK.model_copy(update={"constellation": "64-qam"})
    with pytest.raises(InvalidInputError, match="passes: got 1, expected 0 behind a quantizer"):
        simulate(scenario, [contender], [3.0])
