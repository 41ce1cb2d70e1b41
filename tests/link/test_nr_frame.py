"""Frames of NR PUSCH against Sionna's, and what cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.link.sionna_pusch import pilots_and_mask, pusch_transmitter

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.frames import CombPilots, DmrsPilots, NrPusch, PlainGrid, build_grid
from mimolearn.link.gold import gold_sequence

CASES = [
    # num_ues, layers, prb, symbols, cell, slot, type, length, additional, first, groups
    (4, 4, 3, 14, 1, 0, 1, 1, 1, 2, 2),
    (2, 4, 4, 14, 7, 3, 1, 1, 2, 3, 2),
    (2, 2, 3, 14, 1007, 19, 1, 1, 3, 2, 1),
    (8, 8, 3, 14, 12, 1, 1, 2, 1, 2, 2),
    (4, 4, 3, 13, 1, 2, 1, 2, 0, 3, 1),
    (6, 6, 4, 12, 5, 0, 2, 1, 3, 2, 3),
    (3, 12, 2, 14, 5, 0, 2, 2, 1, 2, 3),
    (2, 4, 3, 10, 1, 0, 2, 1, 2, 2, 2),
    (1, 2, 3, 8, 1, 0, 2, 1, 1, 2, 1),
    (1, 4, 2, 11, 1, 0, 1, 1, 1, 2, 2),
    (1, 1, 2, 5, 1, 0, 1, 1, 3, 2, 2),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_pilots_and_data_are_those_of_sionna(case: tuple[int, ...]) -> None:
    ues, layers, prb, symbols, cell, slot, kind, length, additional, first, groups = case
    frame = NrPusch(
        num_ues=ues, num_prb=prb, num_symbols=symbols, cell_id=cell, slot_number=slot, mcs=4
    )
    fields: dict[str, Any] = {
        "dmrs_type": kind,
        "dmrs_length": length,
        "additional_positions": additional,
        "type_a_position": first,
        "cdm_groups_without_data": groups,
    }
    pilots = DmrsPilots(**fields)
    theirs, reserved = pilots_and_mask(frame, pilots, layers)
    grid = build_grid(frame, pilots, layers)
    assert abs(grid.pilots - theirs).max() < 1e-6
    taken = np.ones(grid.pilots.shape[1:], bool)
    taken.ravel()[grid.data] = False
    assert (taken == reserved).all()


def test_data_is_mapped_as_sionna_maps_it() -> None:
    frame, pilots = NrPusch(num_ues=2, num_prb=2, mcs=4), DmrsPilots()
    transmitter = pusch_transmitter(frame, pilots, 4)
    grid = build_grid(frame, pilots, 4)
    generator = torch.Generator().manual_seed(1)
    shape = (3, 2, 2 * grid.num_data)
    symbols = torch.randn(shape, generator=generator, dtype=torch.complex64)
    theirs = transmitter._resource_grid_mapper(transmitter._layer_mapper(symbols))
    ours = grid.fill(grid.to_layers(symbols))
    expected = theirs.permute(0, 3, 4, 1, 2).flatten(-2)
    assert (ours - expected).abs().max() < 1e-6
    assert (grid.to_codewords(grid.at_data(ours)) == symbols).all()


def test_gold_sequences_follow_their_recursion() -> None:
    """c(n) = x1(n + 1600) + x2(n + 1600), bit by bit."""
    c_init, length = 0x5A5A1234, 200
    x1, x2 = [1] + [0] * 30, [c_init >> i & 1 for i in range(31)]
    for n in range(length + 1600):
        x1.append(x1[n + 3] ^ x1[n])
        x2.append(x2[n + 3] ^ x2[n + 2] ^ x2[n + 1] ^ x2[n])
    expected = [x1[n + 1600] ^ x2[n + 1600] for n in range(length)]
    assert gold_sequence(c_init, length).tolist() == expected


def test_combs_of_layers_do_not_meet() -> None:
    frame = PlainGrid(num_symbols=10, num_subcarriers=50, num_ues=3)
    grid = build_grid(frame, CombPilots(symbols=(1, 8), spacing=6, energy_db=3), 3)
    used = abs(grid.pilots) > 0
    assert used.sum(0).max() == 1
    assert used.sum((1, 2)).tolist() == [2 * 8] * 3
    assert grid.num_data == 8 * 50
    assert np.allclose(abs(grid.pilots[used]) ** 2, 10**0.3)
    assert len(grid.pilot_elements) == 2 * 50


NR: dict[str, Any] = {"num_prb": 4}
DMRS: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("frame", "pilots", "layers", "message"),
    [
        (NR, DMRS, 5, "num_tx_ant: got 5, expected at most 4, the ports of DMRS type 1"),
        (NR, {"dmrs_length": 2}, 5, "num_tx_ant: got 5, expected at most 4 for frame.num_ues = 1"),
        (NR | {"num_ues": 3}, DMRS, 4, "num_tx_ant: got 4, expected a multiple of frame.num_ues"),
        (NR, {"dmrs_length": 2, "additional_positions": 2}, 4, "additional_positions: got 2"),
        (NR, {"cdm_groups_without_data": 3}, 4, "cdm_groups_without_data: got 3"),
        (NR, {"type_a_position": 3, "additional_positions": 3}, 4, "type_a_position: got 3"),
        (NR | {"mcs": 28, "mcs_table": 2}, DMRS, 4, "mcs: got 28, expected 0 to 27"),
        (NR | {"slot_number": 20}, DMRS, 4, "slot_number: got 20, expected 0 to 19"),
        (
            NR | {"num_symbols": 4},
            {"type_a_position": 3, "dmrs_length": 2},
            4,
            "frame.num_symbols: got 4, expected at least 5",
        ),
    ],
)
def test_a_frame_that_cannot_be_says_so(
    frame: dict[str, Any], pilots: dict[str, Any], layers: int, message: str
) -> None:
    with pytest.raises(InvalidInputError) as error:
        build_grid(NrPusch(**frame), DmrsPilots(**pilots), layers)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("pilots", "layers", "message"),
    [
        ({"symbols": ()}, 2, "symbols: got (), expected at least 1 of them"),
        ({"symbols": (0, 10)}, 2, "pilots.symbols: got [0, 10], expected symbols from 0 to 9"),
        ({"spacing": 3}, 4, "pilots.spacing: got 3, expected at least num_tx_ant = 4"),
        ({"first_subcarrier": 19}, 2, "frame.num_subcarriers: got 20, expected at least 21"),
        ({"symbols": tuple(range(10))}, 2, "frame: got <10 symbols, 20 subcarriers>"),
    ],
)
def test_a_plain_grid_that_cannot_be_says_so(
    pilots: dict[str, Any], layers: int, message: str
) -> None:
    frame = PlainGrid(num_symbols=10, num_subcarriers=20)
    with pytest.raises(InvalidInputError) as error:
        build_grid(frame, CombPilots(**pilots), layers)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_power_for_each_user() -> None:
    frame = NrPusch(num_prb=2, num_ues=2, ue_power_db=(0.0, -10.0))
    assert build_grid(frame, DmrsPilots(), 4).powers == pytest.approx([1, 1, 0.1, 0.1])
    with pytest.raises(InvalidInputError, match="ue_power_db: got"):
        NrPusch(num_prb=2, num_ues=2, ue_power_db=(0.0,))
