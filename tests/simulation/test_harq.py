"""Retransmissions of coded blocks, and what receivers keep until then."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import pytest
import torch

from mimolearn import InvalidInputError, load_results, make_detector, simulate
from mimolearn.link.codes import BlockTransmissions, CodedLink
from mimolearn.link.coding import Coding
from mimolearn.link.harq import Harq
from mimolearn.link.scenario import Scenario
from mimolearn.plans.contender import unique_contenders
from mimolearn.quantizers import Statistics
from mimolearn.studies.kinds.chunk import chunk_blocks
from mimolearn.studies.kinds.run_chunk import run_chunk
from mimolearn.studies.kinds.seeds import chunk_generator

CODE = Coding(code="5g-ldpc", num_info_bits=60, num_coded_bits=96)
ONCE = Scenario(num_tx_ant=2, num_rx_ant=2, constellation="qpsk", coding=CODE, channel_reuse=2)
MORE = ONCE.with_(harq=Harq())
CHASE = ONCE.with_(harq=Harq(transmissions=3, combining="chase"))
SNR = "-3.000000"


def counts(scenario: Scenario, *contenders: str, snr: str = SNR) -> list[Any]:
    parsed = unique_contenders(list(contenders))
    built = [(c.label, c.build(scenario.points())) for c in parsed]
    return [result.counts for result in run_chunk(scenario, snr, 0, built)]


def test_later_transmissions_carry_other_bits_of_one_word() -> None:
    order = torch.arange(96)
    link = BlockTransmissions(CODE, Harq(), order)
    info = torch.randint(2, (5, 60), generator=torch.Generator().manual_seed(1))
    sent = [link.encode(info, number) for number in range(4)]
    assert torch.equal(sent[0], link.code.encode(info))
    assert len({tuple(one.flatten().tolist()) for one in sent}) == 4
    # Rate 1/5 at the most: together they reveal what none of them reveals alone.
    hidden = [
        torch.where(torch.rand(96, generator=torch.Generator().manual_seed(n)) < 0.5, 0, 1)
        for n in range(4)
    ]
    llr = [12.0 * (2 * one.float() - 1) * seen for one, seen in zip(sent, hidden, strict=True)]
    assert not torch.equal(link.decode(llr[:1]).info, info.to(torch.uint8))
    assert torch.equal(link.decode(llr).info, info.to(torch.uint8))


def test_incremental_redundancy_equals_an_independent_loop() -> None:
    counted = counts(MORE, "lmmse")[0]
    link, generator = CodedLink(MORE), chunk_generator(MORE.key(), SNR, 0)
    symbols = link.draw(chunk_blocks(MORE), generator)
    detector, llr, wrong = make_detector("lmmse", "qpsk"), [], []
    for number in range(4):
        carried = link.retransmitted(symbols.info, number)
        block = link.transmit(carried, float(SNR), generator)
        heard = detector(block.y, block.h_hat, block.noise_var).llr()
        llr.append(heard.reshape(-1, link.num_sent))
        failed = (link.decode_together(llr).info != symbols.info).any(1)
        wrong.append(failed if not wrong else failed & wrong[-1])
    assert counted.resent == tuple(int(one.sum()) for one in wrong[:3])
    assert counted.block_errors == int(wrong[3].sum())
    assert counted.resent[0] > 30 > counted.block_errors


def test_new_parity_bits_are_worth_more_than_repeated_ones() -> None:
    more = counts(ONCE.with_(harq=Harq(transmissions=3)), "lmmse")[0]
    chase = counts(CHASE, "lmmse")[0]
    assert more.resent[1] < chase.resent[1]
    small = counts(ONCE.with_(harq=Harq(transmissions=3, buffer_bits=100)), "lmmse")[0]
    assert more.resent[1] + more.block_errors < small.resent[1] + small.block_errors


def test_statistics_beat_sums_of_llrs() -> None:
    fine = "lmmse:quantizer=statistics:step=0.01;factor_step=0.01"
    plain, kept, coarse = counts(CHASE, "lmmse", fine, "lmmse:quantizer=statistics")
    # What the first transmission says is the same, and the last one is never quantised.
    assert plain.resent[0] == kept.resent[0] == coarse.resent[0]
    assert kept.resent[1] < plain.resent[1]
    assert 0 < coarse.stored_bits < kept.stored_bits
    assert abs(kept.gmi_loss / plain.gmi_loss - 1) < 1e-3
    assert coarse.gmi_loss > kept.gmi_loss


def test_statistics_keep_the_likelihood() -> None:
    """Of two transmissions detected together: that of all antennas at once."""
    block = [ONCE.draw(3.0, 50, torch.Generator().manual_seed(n)) for n in range(2)]
    steps = Statistics(step=1e-3, factor_step=1e-3)
    kept = steps.decode(steps.encode(block[0].h, block[0].y, block[0].noise_var))
    detector, scale = make_detector("lmmse", "qpsk"), float(block[0].noise_var[0]) ** -0.5
    together = detector(
        torch.cat([kept.y, block[1].y * scale], 2),
        torch.cat([kept.h, block[1].h * scale], 1),
        1.0,
    )
    y = torch.cat([block[0].y, block[1].y], 2)
    whole = detector(y, torch.cat([block[0].h, block[1].h], 1), block[0].noise_var)
    assert torch.allclose(together.llr(), whole.llr(), atol=0.05)


def test_statistics_survive_packing() -> None:
    block = ONCE.draw(10.0, 2000, torch.Generator().manual_seed(1))
    steps = Statistics()
    for gain in (1, 40):
        codes = steps.encode(block.h, gain * block.y, block.noise_var)
        data = steps.to_bytes(codes)
        back = steps.from_bytes(data)
        assert torch.equal(back.factors, codes.factors)
        assert torch.equal(back.vectors, codes.vectors)
        # Of large codes with as many values the tables take their share.
        entropy = steps.entropy_bits(codes)
        assert 0.99 * entropy < 8 * len(data) < (1.05 if gain == 1 else 1.5) * entropy
    with pytest.raises(InvalidInputError, match="checksum"):
        steps.from_bytes(data[:40] + b"\0" + data[41:])
    with pytest.raises(InvalidInputError, match="steps"):
        Statistics(step=1.0).from_bytes(data)
    # A stream with a checksum of its own, whose numbers are not there.
    for short in (data[:40], data[:-60]):
        forged = short + struct.pack("<I", zlib.crc32(short))
        with pytest.raises(InvalidInputError, match=r"^codes: "):
            steps.from_bytes(forged)


def test_goodput_counts_retransmissions(tmp_path: Any) -> None:
    file = tmp_path / "results.sqlite"
    run = {"metric": "bler", "min_errors": 20, "max_vectors": 4000, "store": file}
    contenders = ["lmmse", "lmmse:quantizer=uniform:bits=2;clip=6"]
    point, kept = (c.points[0] for c in simulate(MORE, contenders, [-3.0], **run).curves)
    rates = point.rates_after()
    assert len(rates) == 4
    assert list(rates) == sorted(rates, reverse=True)
    assert point.mean_transmissions() == pytest.approx(1 + sum(rates[:3]))
    assert point.delivered_share() == pytest.approx((1 - rates[3]) / point.mean_transmissions())
    assert point.stored_bits() == 0 < kept.stored_bits() < 8
    again = load_results(file).curves[0].points[0]
    assert again.counts == point.counts
    assert point.calibration_error() is not None
    assert sum(b.bits for b in point.reliability()) == point.counts.bits


@pytest.mark.parametrize(
    ("coding", "harq", "message"),
    [
        (Coding(), Harq(), "harq.combining: got 'incremental', expected 'chase' with"),
        (
            None,
            Harq(),
            "harq: got 'up to 4 transmissions, incremental redundancy', expected nothing",
        ),
        (CODE, Harq(buffer_bits=95), "harq.buffer_bits: got 95, expected at least 96"),
    ],
)
def test_what_a_code_cannot_do_is_refused(coding: Coding | None, harq: Harq, message: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        Scenario(num_tx_ant=2, num_rx_ant=2, constellation="qpsk", coding=coding, harq=harq)
    assert message in str(error.value)


def test_a_buffer_without_use_and_statistics_of_other_symbols_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="buffer_bits: got 200, expected nothing with"):
        Harq(combining="chase", buffer_bits=200)
    with pytest.raises(InvalidInputError, match="repeats no symbols"):
        counts(MORE, "lmmse:quantizer=statistics")
    with pytest.raises(InvalidInputError, match="option of quantizer 'statistics': got 'bits'"):
        counts(CHASE, "lmmse:quantizer=statistics:bits=3")


def test_files_of_earlier_versions_state_one_transmission() -> None:
    """So do cards and results; two of them are a table of their own now."""
    assert Coding(**{**CODE.model_dump(), "transmissions": 1}) == CODE
    with pytest.raises(InvalidInputError, match=r"transmissions: got 2, expected a table \[harq\]"):
        Coding(**{**CODE.model_dump(), "transmissions": 2})


def test_a_receiver_may_have_a_decoder_of_its_own() -> None:
    """The same counts as of a scenario with that decoder, but for its key and so its draws."""
    link = ONCE.with_(coding=CODE.with_(decoder="min-sum", decoder_bits=4))
    named = ["lmmse", "lmmse:decoder=sum-product", "lmmse:decoder=two-stage,decoder_bits=6"]
    usual, exact, both = counts(link, *named, snr="4.000000")
    assert both.block_errors <= exact.block_errors + 2
    assert exact.block_errors < usual.block_errors
    assert usual.gmi_loss == exact.gmi_loss == both.gmi_loss
    coarsely = ("lmmse:decoder_bits=4", "lmmse:decoder=min-sum,decoder_bits=4,llr_clip=99")
    fine, coarse, other = counts(ONCE, "lmmse", *coarsely, snr="4.000000")
    assert fine.block_errors < coarse.block_errors == other.block_errors
    with pytest.raises(
        InvalidInputError, match="decoder_bits: got 5, expected a decoder 'min-sum'"
    ):
        counts(ONCE, "lmmse:decoder=sum-product,decoder_bits=5")
    with pytest.raises(InvalidInputError, match="decoder: got 'min-sum', expected nothing: no dec"):
        counts(ONCE.with_(coding=None), "lmmse:decoder=min-sum")
