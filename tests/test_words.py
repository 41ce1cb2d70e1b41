"""Names and numbers are understood however people write them, and give the same keys."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import mimolearn as ml
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.plans.contender import Contender

LINK = {"num_tx_ant": 2, "num_rx_ant": 4}


@pytest.mark.parametrize("name", ["16QAM", "16-QAM", "16qam", "qam16", "QAM-16", "16_qam"])
def test_constellations(name):
    assert ml.Constellation(name) == ml.Constellation("16-qam")
    written = ml.Scenario(**LINK, constellation=name)
    assert written.constellation == "16-qam"
    assert written.key() == ml.Scenario(**LINK, constellation="16-qam").key()
    assert ml.make_detector("lmmse", name).constellation.name == "16-qam"


def test_a_grid_too():
    frame = {"standard": "grid", "num_subcarriers": 12, "num_symbols": 14}
    grid = GridScenario(**LINK, constellation="QPSK", channel="TDL-Process", frame=frame)
    assert grid.constellation == "qpsk"
    assert grid.channel == GridScenario(**LINK, constellation="qpsk", frame=frame).channel


@pytest.mark.parametrize("name", ["17qam", "8-qam", "", 16])
def test_what_is_no_constellation_is_refused_in_one_line(name):
    with pytest.raises(
        ml.InvalidInputError, match=r"^constellation: got .*expected (one of bpsk|a name such as)"
    ):
        ml.Scenario(**LINK, constellation=name)


def test_a_channel_by_its_model():
    named = ml.Scenario(**LINK, constellation="qpsk", channel="Rayleigh")
    assert named.key() == ml.Scenario(**LINK, constellation="qpsk").key()
    with pytest.raises(ml.InvalidInputError, match=r"^channel.model: got 'rayliegh'.*'rayleigh'"):
        ml.Scenario(**LINK, constellation="qpsk", channel="rayliegh")


def test_detectors_in_capitals_have_the_same_key():
    assert Contender.parse("LMMSE").key() == Contender.parse("lmmse").key()
    assert Contender.parse("las:inner=LMMSE").key() == Contender.parse("las:inner=lmmse").key()
    assert type(ml.make_detector("K_Best", "qpsk")) is type(ml.make_detector("k-best", "qpsk"))


def test_algorithms_and_weights_point_to_each_other():
    with pytest.raises(ml.InvalidInputError, match=r"mimolearn\.load\('tap-net-any'\)$"):
        ml.make_detector("tap-net-any", "qpsk")
    with pytest.raises(ml.InvalidInputError, match=r"mimolearn\.make_detector\('lmmse', "):
        ml.load("lmmse")


@pytest.mark.parametrize(
    "snr_db",
    [np.arange(0, 6, 2), np.array([4.0, 0, 2], np.float32), torch.arange(0, 6, 2),
     [np.int64(0), np.float32(2), 4]],
)  # fmt: skip
def test_snrs_in_arrays(snr_db):
    assert ml.RunPlan(snr_db=snr_db).snr_db == (0.0, 2.0, 4.0)


@pytest.mark.parametrize("snr_db", [np.zeros((2, 2)), np.array([np.nan]), np.array(["a"])])
def test_other_arrays_are_refused_in_one_line(snr_db):
    with pytest.raises(ml.InvalidInputError, match=r"^snr_db: got"):
        ml.RunPlan(snr_db=snr_db)


@pytest.mark.parametrize("name", ["lmmse", "ep", "k-best"])
def test_arrays_detect_as_tensors_do(name):
    """Bit for bit, and nothing of the arrays is kept or changed."""
    generator = np.random.default_rng(1)
    h = generator.normal(size=(20, 4, 2, 2)).astype(np.float32).view(np.complex64)[..., 0]
    y = generator.normal(size=(20, 3, 4, 2)).astype(np.float32).view(np.complex64)[..., 0]
    noise_var = np.full(20, 0.3, np.float32)
    detector = ml.make_detector(name, "qpsk")
    tensors = tuple(map(torch.from_numpy, (y, h, noise_var)))
    wanted = detector(*tensors).llr()
    assert torch.equal(detector(y, h, noise_var).llr(), wanted)
    read_only = h.copy()
    read_only.flags.writeable = False
    prepared = detector.prepare(read_only, noise_var)
    assert torch.equal(
        detector.detect(prepared, y).llr(),
        detector.detect(detector.prepare(*tensors[1:]), tensors[0]).llr(),
    )


def test_an_array_of_words_is_refused_in_one_line():
    with pytest.raises(ml.InvalidInputError, match=r"^h: got <array of <U1>, expected numbers"):
        ml.make_detector("lmmse", "qpsk").prepare(np.array([["a"]]), 0.1)


def test_a_scenario_with_other_fields_is_checked():
    plain = ml.Scenario(**LINK, constellation="qpsk")
    other = plain.with_(channel_reuse=7, constellation="QAM16")
    assert (other.channel_reuse, other.constellation, other.num_rx_ant) == (7, "16-qam", 4)
    assert plain.with_() == plain
    with pytest.raises(
        ml.InvalidInputError, match=r"^num_rx_ant: got 0, expected a value at least"
    ):
        plain.with_(num_rx_ant=0)
    with pytest.raises(ml.InvalidInputError, match=r"^num_rx: unknown key.*'num_rx_ant'"):
        plain.with_(num_rx=3)
    grid = GridScenario.shipped("uplink-4x4-16qam-low")
    assert grid.with_(snr_definition="received").key() != grid.key()
    assert grid.with_(name="mine").key() == grid.key()
