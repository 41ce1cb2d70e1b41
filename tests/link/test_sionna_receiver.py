"""Channel estimates and LLRs against those of Sionna's PUSCH receiver, on the same grids."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.link.sionna_pusch import pusch_configs, pusch_transmitter, sionna_nr

from mimolearn import make_detector
from mimolearn.link.channels import TDLProcess
from mimolearn.link.estimators import LsLinear, LsNearest
from mimolearn.link.frames import CombPilots, DmrsPilots, NrPusch, PlainGrid
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.randomness import CounterGenerator, complex_normal
from mimolearn.link.slots import Received, SlotLink
from mimolearn.plans.contender import unique_contenders
from mimolearn.studies.kinds.receivers import parted
from mimolearn.studies.kinds.slots import SlotCounts

CHANNEL = TDLProcess(profile="B", speed_m_s=30.0)
NOISE_VAR = 0.05


def received(link: SlotLink, num_slots: int = 2) -> Received:
    generator = CounterGenerator(1)
    h = link.draw_channels(num_slots, generator)
    symbols = complex_normal((num_slots, link.grid.num_data, link.grid.num_layers), generator)
    return link.receive(h, symbols, NOISE_VAR, generator)


def in_sionnas_order(grids: torch.Tensor) -> torch.Tensor:
    """(N, 1, Nr, T, F) of (N, T, F, Nr)."""
    return grids.permute(0, 3, 1, 2).unsqueeze(1).contiguous()


def in_our_order(h: torch.Tensor) -> torch.Tensor:
    """(N, T F, Nr, S) of (N, 1, Nr, U, L, T, F)."""
    return h[:, 0].permute(0, 4, 5, 1, 2, 3).flatten(-2).flatten(1, 2)


def all_elements(link: SlotLink) -> np.ndarray:
    raster = link.grid.raster
    return np.arange(raster.num_symbols * raster.num_subcarriers)


def resource_grid(frame: NrPusch, pilots: DmrsPilots, layers: int) -> Any:
    """Sionna's, without an encoder of transport blocks."""
    configs = pusch_configs(frame, pilots, layers)
    pattern = sionna_nr().PUSCHPilotPattern(configs, device="cpu")
    return sionna_grid(pattern, frame.num_symbols, 12 * frame.num_prb, frame.num_ues)


def sionna_grid(pattern: Any, symbols: int, subcarriers: int, users: int) -> Any:
    from sionna.phy.ofdm import ResourceGrid

    return ResourceGrid(
        symbols,
        subcarriers,
        30e3,
        num_tx=users,
        num_streams_per_tx=pattern.mask.shape[1],
        pilot_pattern=pattern,
        device="cpu",
    )


@pytest.mark.parametrize(
    ("layers", "ues", "fields"),
    [
        (4, 4, {}),
        (8, 4, {"dmrs_length": 2}),
        (6, 3, {"dmrs_type": 2, "cdm_groups_without_data": 3, "additional_positions": 2}),
        (2, 2, {"cdm_groups_without_data": 1, "additional_positions": 0}),
    ],
)
@pytest.mark.parametrize(("kind", "estimator"), [("lin", LsLinear()), ("nn", LsNearest())])
def test_least_squares_is_that_of_sionna(
    layers: int, ues: int, fields: dict[str, Any], kind: str, estimator: LsLinear
) -> None:
    frame, pilots = NrPusch(num_ues=ues, num_prb=4), DmrsPilots(**fields)
    link = SlotLink(frame, pilots, CHANNEL, 3, layers)
    slots = received(link)
    theirs = sionna_nr().PUSCHLSChannelEstimator(
        resource_grid(frame, pilots, layers),
        pilots.dmrs_length,
        pilots.additional_positions,
        pilots.cdm_groups_without_data,
        interpolation_type=kind,
        device="cpu",
    )
    expected, _ = theirs(in_sionnas_order(slots.y), torch.tensor(NOISE_VAR))
    prepared = estimator.prepare(link.setting(NOISE_VAR))
    ours = prepared.estimate(slots.y, None, all_elements(link)).h_hat
    assert (ours - in_our_order(expected)).abs().max() < 1e-5


def test_combs_are_interpolated_as_sionna_does() -> None:
    sionna_nr()
    from sionna.phy.ofdm import LSChannelEstimator, PilotPattern

    link = SlotLink(
        PlainGrid(num_symbols=9, num_subcarriers=31, num_ues=2),
        CombPilots(symbols=(1, 4, 7), spacing=5, first_subcarrier=1),
        CHANNEL,
        3,
        2,
    )
    slots, grid = received(link), link.grid
    # Sionna's streams share one mask, with zeros for the pilots of others.
    mask = np.zeros((9, 31), bool)
    mask[[1, 4, 7]] = True
    pilots = grid.pilots[:, None, mask]
    pattern = PilotPattern(
        np.broadcast_to(mask, (2, 1, 9, 31)), pilots, precision="single", device="cpu"
    )
    theirs = LSChannelEstimator(sionna_grid(pattern, 9, 31, 2), "lin", device="cpu")
    expected, _ = theirs(in_sionnas_order(slots.y), torch.tensor(NOISE_VAR))
    prepared = LsLinear().prepare(link.setting(NOISE_VAR))
    ours = prepared.estimate(slots.y, None, all_elements(link)).h_hat
    assert (ours - in_our_order(expected)).abs().max() < 1e-5


def test_llrs_of_ls_and_lmmse_are_those_of_sionna() -> None:
    frame, pilots = NrPusch(num_ues=2, num_prb=4, mcs=14), DmrsPilots()
    link = SlotLink(frame, pilots, CHANNEL, 4, 4)
    slots = received(link)
    transmitter = pusch_transmitter(frame, pilots, 4)
    from sionna.phy.mimo import StreamManagement
    from sionna.phy.ofdm import LinearDetector

    estimator = sionna_nr().PUSCHLSChannelEstimator(
        transmitter.resource_grid, 1, 1, 2, interpolation_type="lin", device="cpu"
    )
    y, noise_var = in_sionnas_order(slots.y), torch.tensor(NOISE_VAR)
    h_hat, error_var = estimator(y, noise_var)
    streams = StreamManagement(np.ones([1, 2], bool), 2)
    detector = LinearDetector(
        "lmmse", "bit", "maxlog", transmitter.resource_grid, streams, "qam", 4, device="cpu"
    )
    # (N, U, L, D b)
    theirs = detector(y, h_hat, error_var, noise_var)
    expected = theirs.flatten(1, 2).unflatten(-1, (link.grid.num_data, 4)).transpose(1, 2)
    prepared = LsLinear().prepare(link.setting(NOISE_VAR))
    ours = prepared.estimate(slots.y, None, link.grid.data).h_hat
    # What Sionna takes for the errors is not what they are: take the same here.
    taken = in_our_order(error_var.expand_as(h_hat))[:, torch.from_numpy(link.grid.data), 0]
    lmmse = make_detector("lmmse", "16-qam", demapping="max-log")
    state = lmmse.prepare(ours, NOISE_VAR + taken.sum(-1))
    llr = lmmse.detect(state, link.grid.at_data(slots.y).unsqueeze(-2)).llr()[:, :, 0]
    assert (llr - expected).abs().max() / expected.abs().max() < 1e-4


@pytest.mark.parametrize(
    ("mcs", "layers", "ues", "rx", "snr", "iterations"),
    [
        (14, 4, 4, 4, "12.000000", 20),
        (19, 2, 2, 2, "18.000000", 20),
        (14, 4, 2, 8, "2.000000", 40),
    ],
)
def test_wrong_blocks_of_the_whole_chain_are_those_of_sionna(
    mcs: int, layers: int, ues: int, rx: int, snr: str, iterations: int
) -> None:
    """LS, LMMSE and decoder of ours against PUSCHReceiver, and its decoder on LLRs of ours.

    Our decoder works through the parity checks one after another, Sionna's takes all at once and
    needs more iterations near the threshold. The last case gives both of them enough.
    """
    frame = NrPusch(num_prb=1, num_ues=ues, mcs=mcs)
    channel = TDLProcess(profile="B", speed_m_s=3.0)
    scenario = GridScenario(
        num_tx_ant=layers,
        num_rx_ant=rx,
        frame=frame,
        channel=channel,
        decoder_iterations=iterations,
    )
    kind = SlotCounts(scenario, unique_contenders(["lmmse:demapping=max-log,estimator=ls-linear"]))
    slots, _ = kind.draw(snr, 0)
    label, chain = kind.built[0]
    detector, receiver = parted(chain)[:2]
    estimator = receiver.estimator_for(scenario.estimator)
    sent = slots.bits.info[:, :, 0]
    ours = slots.outcome(label, detector, receiver, estimator).info[:, :, 0]
    llr = slots.soft_bits(label, detector, estimator).llr

    transmitter = pusch_transmitter(frame, DmrsPilots(), layers)
    decoder = sionna_nr().TBDecoder(transmitter._tb_encoder, num_bp_iter=iterations, device="cpu")
    theirs = sionna_nr().PUSCHReceiver(transmitter, tb_decoder=decoder, device="cpu")
    noise_var = torch.tensor(scenario.noise_var(float(snr)))
    with torch.random.fork_rng(devices=[]):
        received = theirs(in_sionnas_order(slots.received.y), noise_var)
        decoded, _ = decoder(scenario.link.grid.to_codewords(llr).contiguous())
    wrong, of_receiver, of_decoder = ((info != sent).any(-1) for info in (ours, received, decoded))
    assert 0 < int(wrong.sum()) < wrong.numel()
    assert torch.equal(wrong, of_receiver)
    assert torch.equal(wrong, of_decoder)
