"""Sionna's PUSCH transmitter for a frame of ours, its reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from mimolearn.link.frames import DmrsPilots, NrPusch
from mimolearn.link.frames.dmrs import used_ports


def sionna_nr() -> Any:
    """Import sionna.phy.nr, which would compile itself for minutes otherwise."""
    torch.compiler.set_stance("force_eager")
    with torch.random.fork_rng(devices=[]):
        import sionna.phy.nr as nr
    return nr


def pusch_configs(frame: NrPusch, pilots: DmrsPilots, num_layers: int) -> list[Any]:
    """Sionna's PUSCHConfig of each user."""
    nr = sionna_nr()
    carrier = nr.CarrierConfig(
        n_cell_id=frame.cell_id,
        subcarrier_spacing=frame.subcarrier_spacing_khz,
        n_size_grid=frame.num_prb,
        slot_number=frame.slot_number,
    )
    per_user = num_layers // frame.num_ues
    ports = used_ports(num_layers, pilots)
    configs = []
    for user in range(frame.num_ues):
        dmrs = nr.PUSCHDMRSConfig(
            config_type=pilots.dmrs_type,
            length=pilots.dmrs_length,
            additional_position=pilots.additional_positions,
            type_a_position=pilots.type_a_position,
            num_cdm_groups_without_data=pilots.cdm_groups_without_data,
            dmrs_port_set=ports[user * per_user : (user + 1) * per_user],
        )
        config = nr.PUSCHConfig(
            carrier,
            dmrs,
            nr.TBConfig(mcs_index=frame.mcs, mcs_table=frame.mcs_table),
            num_layers=per_user,
            num_antenna_ports=per_user,
            symbol_allocation=[0, frame.num_symbols],
            n_rnti=user + 1,
        )
        configs.append(config)
    return configs


def pusch_transmitter(frame: NrPusch, pilots: DmrsPilots, num_layers: int) -> Any:
    """Sionna's PUSCHTransmitter with the same users, layers, ports and pilots."""
    configs = pusch_configs(frame, pilots, num_layers)
    return sionna_nr().PUSCHTransmitter(configs, return_bits=False, device="cpu")


def pilots_and_mask(
    frame: NrPusch, pilots: DmrsPilots, num_layers: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pilots (S, T, F) complex64, zero elsewhere, and (T, F) bool: elements without data."""
    configs = pusch_configs(frame, pilots, num_layers)
    pattern = sionna_nr().PUSCHPilotPattern(configs, device="cpu")
    mask = pattern.mask.numpy().reshape(-1, *pattern.mask.shape[-2:]) > 0
    values = pattern.pilots.numpy().reshape(len(mask), -1)
    grid = np.zeros(mask.shape, np.complex64)
    for layer, taken in enumerate(mask):
        grid[layer][taken] = values[layer]
    return grid, mask[0]
