"""Building the grid of a scenario from its tables [frame] and [pilots]."""

from __future__ import annotations

import numpy as np

from mimolearn.foundation.errors import invalid
from mimolearn.link.channels.fading.raster import Raster
from mimolearn.link.frames.dmrs import (
    dmrs_sequence,
    dmrs_symbols,
    port_cover,
    port_subcarriers,
    used_ports,
)
from mimolearn.link.frames.grid import Grid
from mimolearn.link.frames.tables import (
    PRB_SUBCARRIERS,
    CombPilots,
    DmrsPilots,
    Frame,
    NrPusch,
    PlainGrid,
)
from mimolearn.link.gold import gold_sequence

# TS 38.211, section 5.3.1: 144 of 2048 samples; the first symbol of half a subframe has more.
_NR_PREFIX = 144 / 2048
_PLAIN_PREFIX = 0.07
_MOST_LAYERS = 4


def build_grid(
    frame: NrPusch | PlainGrid, pilots: DmrsPilots | CombPilots, num_layers: int
) -> Grid:
    """Build the resource grid of a link.

    Args:
        frame: the table [frame].
        pilots: the table [pilots].
        num_layers: S, num_tx_ant of the scenario.

    Raises:
        InvalidInputError: for layers that cannot be divided among users, layers without pilots,
            pilots outside of the grid, or a grid without data.
    """
    if num_layers % frame.num_ues:
        expected = f"a multiple of frame.num_ues = {frame.num_ues}"
        raise invalid("num_tx_ant", num_layers, expected)
    if isinstance(frame, NrPusch):
        if not isinstance(pilots, DmrsPilots):
            raise invalid("pilots.pattern", pilots.pattern, "'dmrs' with standard = 'nr-pusch'")
        grid = _nr_grid(frame, pilots, num_layers)
    else:
        if not isinstance(pilots, CombPilots):
            raise invalid("pilots.pattern", pilots.pattern, "'comb' with standard = 'grid'")
        grid = _plain_grid(frame, pilots, num_layers)
    if grid.num_data == 0:
        size = f"<{grid.raster.num_symbols} symbols, {grid.raster.num_subcarriers} subcarriers>"
        raise invalid("frame", size, "elements that are left for data beside the pilots")
    return grid


def _nr_grid(frame: NrPusch, pilots: DmrsPilots, num_layers: int) -> Grid:
    hertz = 1e3 * frame.subcarrier_spacing_khz
    size = frame.num_symbols, frame.num_prb * PRB_SUBCARRIERS
    # 14 symbols take a millisecond at 15 kHz.
    raster = Raster(*size, 15.0 / hertz / 14, hertz, _NR_PREFIX / hertz)
    ports = used_ports(num_layers, pilots)
    most = _MOST_LAYERS * frame.num_ues
    if num_layers > most:
        expected = (
            f"at most {most} for frame.num_ues = {frame.num_ues}, {_MOST_LAYERS} of each user"
        )
        raise invalid("num_tx_ant", num_layers, expected)
    symbols = dmrs_symbols(frame, pilots)
    subcarriers = np.stack([port_subcarriers(port, size[1], pilots) for port in ports])
    covers = np.stack([port_cover(port, pilots) for port in ports])
    energy = float(pilots.cdm_groups_without_data)
    values = np.zeros((num_layers, *size), np.complex64)
    for row in symbols:
        for i, symbol in enumerate(row):
            sequence = np.sqrt(energy) * dmrs_sequence(int(symbol), frame, pilots).reshape(-1, 2)
            for layer, cover in enumerate(covers):
                signs = cover[i] * cover[pilots.dmrs_length :]
                values[layer, symbol, subcarriers[layer]] = sequence * signs
    free = np.ones(size, bool)
    for group in range(pilots.cdm_groups_without_data):
        taken = port_subcarriers(2 * group, size[1], pilots).ravel()
        free[np.ix_(symbols.ravel(), taken)] = False
    powers = _powers(frame, num_layers)
    groups = symbols, subcarriers, covers, energy
    return Grid(raster, frame.num_ues, powers, values, np.flatnonzero(free), *groups)


def _plain_grid(frame: PlainGrid, pilots: CombPilots, num_layers: int) -> Grid:
    hertz = 1e3 * frame.subcarrier_spacing_khz
    prefix = frame.cyclic_prefix_s
    prefix = _PLAIN_PREFIX / hertz if prefix is None else prefix
    size = frame.num_symbols, frame.num_subcarriers
    raster = Raster(*size, 1 / hertz + prefix, hertz, prefix)
    spacing = pilots.spacing or num_layers
    if pilots.symbols[-1] >= size[0]:
        expected = f"symbols from 0 to {size[0] - 1}, those of the frame"
        raise invalid("pilots.symbols", list(pilots.symbols), expected)
    if spacing < num_layers:
        expected = f"at least num_tx_ant = {num_layers}: each layer has a comb of its own"
        raise invalid("pilots.spacing", spacing, expected)
    last = pilots.first_subcarrier + num_layers - 1
    if last >= size[1]:
        expected = f"at least {last + 1}: layer {num_layers - 1} has its first pilot there"
        raise invalid("frame.num_subcarriers", size[1], expected)
    symbols = np.array(pilots.symbols, np.int64)
    starts = np.arange(pilots.first_subcarrier, size[1] - num_layers + 1, spacing)
    subcarriers = starts[None, :] + np.arange(num_layers)[:, None]
    energy = 10 ** (pilots.energy_db / 10)
    values = np.zeros((num_layers, *size), np.complex64)
    signs = 1 - 2.0 * gold_sequence(1, 2 * len(symbols) * subcarriers.size).numpy()
    points = np.sqrt(energy / 2) * (signs[::2] + 1j * signs[1::2])
    for layer, row in enumerate(points.reshape(num_layers, len(symbols), -1)):
        values[layer, symbols[:, None], subcarriers[layer]] = row
    free = np.ones(size, bool)
    free[symbols] = False
    covers = np.ones((num_layers, 2), np.int8)
    groups = symbols[:, None], subcarriers[..., None], covers, float(energy)
    powers = _powers(frame, num_layers)
    return Grid(raster, frame.num_ues, powers, values, np.flatnonzero(free), *groups)


def _powers(frame: Frame, num_layers: int) -> np.ndarray:
    decibels = np.array(frame.ue_power_db or (0.0,) * frame.num_ues)
    return np.repeat(10 ** (decibels / 10), num_layers // frame.num_ues)
