"""The coded link: what is counted, and that it does not depend on how it was run."""

import math

import numpy as np
import pytest
import torch

from mimolearn import InvalidInputError, make_detector
from mimolearn.link.codes import CodedLink
from mimolearn.link.coding import Coding
from mimolearn.link.harq import Harq
from mimolearn.link.scenario import Scenario
from mimolearn.plans.quantized import QuantizedDetector
from mimolearn.quantizers import make_quantizer
from mimolearn.studies import Contender, list_results, load_results, simulate
from mimolearn.studies.kinds.chunk import chunk_blocks, chunk_channels
from mimolearn.studies.kinds.run_chunk import run_chunk
from mimolearn.studies.kinds.seeds import chunk_generator

SMALL = Coding(code="5g-ldpc", num_info_bits=20, num_coded_bits=50)
LINK = Scenario(num_tx_ant=2, num_rx_ant=2, constellation="qpsk", channel_reuse=3, coding=SMALL)
TWICE = LINK.with_(harq=Harq(transmissions=2, combining="chase"), channel_reuse=2)
RUN = {"snr_db": [2.0, 6.0], "metric": "bler", "target": 0.1, "min_errors": 40}


def everything(comparison):
    return {
        (curve.label, p.snr_db): (p.counts, p.positions.to_bytes(), p.blocks.to_bytes())
        for curve in comparison.curves
        for p in curve.points
    }


def test_counts_equal_an_independent_loop():
    counts = run_chunk(LINK, "0.000000", 4, [("lmmse", make_detector("lmmse", "qpsk"))])[0].counts
    link = CodedLink(LINK)
    generator = chunk_generator(LINK.key(), "0.000000", 4)
    num = chunk_blocks(LINK)
    symbols = link.draw(num, generator)
    block = link.transmit(symbols, 0.0, generator)
    detection = make_detector("lmmse", "qpsk")(block.y, block.h_hat, block.noise_var)
    # The detector sees half a chunk at a time, which may move the last bit of an LLR.
    llr = detection.llr().reshape(num, 48)
    assert (link.num_sent, link.num_punctured, counts.blocks) == (48, 2, num)
    full = torch.zeros(num, 50)
    full[:, link.order] = llr
    decoded = link.code.decode(full).info
    wrong = (decoded != symbols.info).sum(1)
    assert counts.block_errors == int((wrong > 0).sum()) > 5
    assert counts.info_bit_errors == int(wrong.sum())
    assert counts.info_bits == 20 * num
    assert counts.bits == 48 * num
    assert counts.bit_errors == int(((llr > 0) != symbols.sent).sum())
    right = llr.double() * (2.0 * symbols.sent - 1)
    gmi = 1 - float(torch.log1p(torch.exp(-right)).mean()) / math.log(2)
    assert abs(counts.gmi_of() - gmi) < 1e-6


def test_a_point_knows_blocks_and_bits():
    comparison = simulate(LINK, ["lmmse"], **RUN)
    point = comparison.curve("lmmse").points[0]
    counts = point.counts
    assert counts.block_errors >= 40
    assert point.rate("bler") == counts.block_errors / counts.blocks
    assert point.rate("info-ber") < point.rate("bler")
    low, high = point.interval("bler")
    assert low < point.rate("bler") < high
    assert point.channel_errors("bler").sum() == counts.block_errors
    assert point.channel_errors("info-ber").sum() == counts.info_bit_errors
    assert len(point.channel_errors("bler")) == counts.blocks
    assert len(point.channel_errors("ber")) == counts.channels == 4 * counts.blocks
    low, high = point.gmi_interval()
    assert 0 < low < point.gmi() < high < 1
    content = comparison.to_dict()["curves"][0]["points"][0]
    assert content["gmi"] == point.gmi()
    assert set(content["rates"]) == {"ber", "ser", "ver", "bler", "info-ber"}


def test_counts_do_not_depend_on_workers_order_or_company(tmp_path):
    pair = ["lmmse", "zf"]
    here = everything(simulate(LINK, pair, **RUN))
    assert everything(simulate(LINK, pair, **RUN, workers=2)) == here
    alone = everything(simulate(LINK, ["zf"], **RUN))
    assert alone.items() <= here.items()

    class StopError(Exception):
        pass

    def stop(event):
        raise StopError

    file = tmp_path / "results.sqlite"
    for _ in range(2):
        with pytest.raises(StopError):
            simulate(LINK, pair, **RUN, store=file, progress=stop)
    assert everything(simulate(LINK, pair, **RUN, store=file)) == here
    assert everything(load_results(file)) == here


def test_paired_and_gap_use_blocks():
    comparison = simulate(LINK, ["lmmse", "zf"], **{**RUN, "snr_db": [0, 3, 6, 9]})
    paired = comparison.paired("zf", "lmmse", 3.0)
    assert paired.channels == comparison.curve("zf").at(3.0).counts.blocks
    assert paired.difference > 0
    assert comparison.gap("lmmse", "zf").value_db > 0
    assert comparison.required_snr("lmmse").value_db is not None


def test_an_uncoded_link_has_no_blocks(scenario):
    with pytest.raises(InvalidInputError, match="metric: got 'bler', expected ber, ser or ver"):
        simulate(scenario, ["lmmse"], [3], metric="bler")
    point = simulate(scenario, ["lmmse"], [3], min_errors=1).curves[0].points[0]
    for ask in (point.rate, point.interval, point.channel_errors):
        with pytest.raises(InvalidInputError, match="the scenario has no coding"):
            ask("bler")
    with pytest.raises(InvalidInputError, match="gmi"):
        point.gmi()
    assert point.metrics() == ("ber", "ser", "ver")


def test_a_hard_detector_is_refused_in_one_line():
    with pytest.raises(
        InvalidInputError, match="contender 'sphere': llr: this detector makes hard"
    ):
        simulate(LINK, ["sphere"], [3], metric="bler")


def test_a_block_without_finite_output_is_wrong(nan_detector):
    contender = Contender.from_detector("nan", nan_detector)
    point = simulate(LINK, [contender], [30.0], metric="bler", min_errors=1).curves[0].points[0]
    assert point.counts.nonfinite > 0
    assert point.rate("bler") > 0.9  # of twelve vectors hardly ever none is NaN
    lost = point.blocks.bit_errors == 20
    assert lost.mean() > 0.9


def test_a_file_holds_coded_and_uncoded_links(tmp_path, scenario):
    file = tmp_path / "both.sqlite"
    before = simulate(scenario, ["lmmse"], [3], min_errors=50, store=file).curves[0].points[0]
    simulate(LINK, ["lmmse"], **RUN, store=file)
    assert len(list_results(file)) == 2
    assert load_results(file, scenario).curves[0].points[0].counts == before.counts
    point = load_results(file, LINK).curves[0].points[0]
    assert point.counts.block_errors >= 40


def test_a_second_transmission_is_combined():
    once = run_chunk(LINK, "0.000000", 0, [("lmmse", make_detector("lmmse", "qpsk"))])[0].counts
    twice = run_chunk(TWICE, "0.000000", 0, [("lmmse", make_detector("lmmse", "qpsk"))])[0].counts
    assert twice.channels == chunk_channels(TWICE) == 6 * chunk_blocks(TWICE)
    assert twice.vectors == once.vectors
    assert twice.block_errors < once.block_errors / 3


def test_chase_combining_equals_an_independent_loop():
    detector = make_detector("lmmse", "qpsk")
    kept = QuantizedDetector(detector, make_quantizer("uniform", "qpsk", bits=1, clip=4.0))
    pairs = [("raw", detector), ("kept", kept)]
    results = [result.counts for result in run_chunk(TWICE, "-3.000000", 1, pairs)]
    link, generator = CodedLink(TWICE), chunk_generator(TWICE.key(), "-3.000000", 1)
    symbols = link.draw(chunk_blocks(TWICE), generator)
    blocks = [link.transmit(symbols, -3.0, generator) for _ in range(2)]
    first, second = (
        detector(b.y, b.h_hat, b.noise_var).llr().reshape(-1, link.num_sent) for b in blocks
    )
    failed = (link.decode(first).info != symbols.info).any(1)
    stored = torch.where(first >= 0, 2.0, -2.0)
    for kind, counts in zip((first, stored), results, strict=True):
        wrong = (link.decode(kind + second).info != symbols.info).any(1) & failed
        assert counts.block_errors == int(wrong.sum())
    assert results[0].block_errors < results[1].block_errors
    # Decisions and draws are the same; only what was kept differs.
    assert results[0].bit_errors == results[1].bit_errors
    assert results[0].gmi_loss < results[1].gmi_loss


def test_stored_bits_are_worth_their_number():
    """One, two, and four bits a stored soft bit, on the same draws."""
    detector = make_detector("lmmse", "qpsk")
    kept = [
        QuantizedDetector(detector, make_quantizer("uniform", "qpsk", bits=b, clip=c))
        for b, c in ((1, 4.0), (2, 6.0), (4, 10.0))
    ]
    contenders = [Contender.from_detector(f"{i}", d) for i, d in enumerate(kept)]
    comparison = simulate(
        TWICE, [*contenders, "lmmse"], [-3.0], metric="bler", min_errors=10**6, max_vectors=24_000
    )
    rates = [curve.points[0].rate("bler") for curve in comparison.curves]
    assert rates[0] > rates[1] > rates[2] * 0.95
    paired = comparison.paired("2", "lmmse", -3.0)
    assert paired.low < 0.01


def test_a_quantised_contender_decides_by_what_it_kept():
    detector = QuantizedDetector(
        make_detector("lmmse", "qpsk"), make_quantizer("uniform", "qpsk", bits=1, clip=4.0)
    )
    block = LINK.draw(5.0, 8, torch.Generator().manual_seed(1))
    detection = detector(block.y, block.h, block.noise_var)
    assert set(detection.llr().unique().tolist()) == {-2.0, 2.0}
    raw = make_detector("lmmse", "qpsk")(block.y, block.h, block.noise_var)
    assert torch.equal(detection.indices(), raw.indices())
    with pytest.raises(InvalidInputError, match="constellation of the quantizer"):
        QuantizedDetector(make_detector("lmmse", "qpsk"), make_quantizer("uniform", "16-qam"))


def test_wifi_code_meets_the_waterfall_of_lmmse():
    """2x2 64-QAM, a channel a use, 13 dB: block errors of 0.10 to 0.17 (EQ-Net's setting)."""
    scenario = Scenario(
        num_tx_ant=2,
        num_rx_ant=2,
        constellation="64-qam",
        snr_definition="per_stream",
        coding=Coding(),
    )
    point = simulate(scenario, ["lmmse"], [13.0], metric="bler", min_errors=60).curves[0].points[0]
    low, high = point.interval("bler", 0.999)
    assert low < 0.17
    assert high > 0.10
    assert abs(point.gmi() - 0.590) < 0.01


def test_positions_survive_the_way_to_a_worker():
    result = run_chunk(LINK, "0.000000", 0, [("zf", make_detector("zf", "qpsk"))])[0]
    back = type(result.blocks).from_bytes(result.blocks.to_bytes())
    assert np.array_equal(back.vector, result.blocks.vector)
    assert np.array_equal(back.bit_errors, result.blocks.bit_errors)
