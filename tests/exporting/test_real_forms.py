"""The real form of every family computes what the family computes."""

from __future__ import annotations

import pytest
import torch

import mimolearn as ml
from mimolearn.exporting.programs import decoder_program, detector_program, encoder_program
from mimolearn.weights import read_card, shipped_weights

from .cases import STORED, TRACED, WRITTEN


@pytest.mark.parametrize("name", TRACED)
def test_the_real_form_is_the_detector(name: str) -> None:
    options, scenario = TRACED[name]
    detector = ml.make_detector(name, scenario.constellation, **options).eval()
    program = detector_program(detector, scenario.num_rx_ant, scenario.num_tx_ant)
    block = scenario.draw(10.0, 50, torch.Generator().manual_seed(1))
    expected = detector(block.y, block.h, block.noise_var)
    y, h = torch.view_as_real(block.y), torch.view_as_real(block.h)
    with torch.no_grad():
        llr, indices = program.real(y, h, block.noise_var)
    assert torch.equal(indices, expected.indices())
    torch.testing.assert_close(llr, expected.llr(), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", STORED)
def test_the_real_form_is_the_quantiser(name: str) -> None:
    quantizer = ml.load(name)
    rows = 6 * torch.randn((7, 2, 6), generator=torch.Generator().manual_seed(1))
    llr = rows.reshape(-1, quantizer.streams_per_group(), 6)
    with torch.no_grad():
        (codes,) = encoder_program(quantizer).real(llr)
        (back,) = decoder_program(quantizer).real(codes)
    assert torch.equal(codes.reshape(quantizer.indices(rows).shape), quantizer.indices(rows))
    torch.testing.assert_close(
        back.reshape(rows.shape), quantizer.through(rows), rtol=1e-4, atol=1e-4
    )


def test_every_family_with_weights_is_in_the_tables() -> None:
    cards = [read_card(name) for name in shipped_weights()]
    stored = {card.network for card in cards if card.kind == "quantizer"}
    assert stored == {read_card(name).network for name in STORED}
    others = {card.network for card in cards if card.kind != "quantizer"}
    # Its search is no graph, and its network has a test of its own.
    assert others - {"list-net"} <= {*WRITTEN, *TRACED}
