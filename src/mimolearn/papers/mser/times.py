"""Times of a design and of the trainings whose weights ship."""

from __future__ import annotations

import time
from typing import NamedTuple

import torch

from mimolearn.beamformers import Beamformer, HybridArray, make_beamformer
from mimolearn.foundation.tensors.state import clean_torch
from mimolearn.link.channels import Clustered
from mimolearn.papers.panels import Table, TableRun
from mimolearn.papers.python_panel import python_panel
from mimolearn.weights import read_card


class _Size(NamedTuple):
    antennas: int
    users: int
    chains: int
    streams: int
    paper_s: float

    @property
    def name(self) -> str:
        return f"({self.antennas}, {self.users}, {self.chains})"

    def array(self) -> HybridArray:
        small = self.antennas == 64
        return HybridArray(
            num_users=self.users,
            num_tx_ant=self.antennas,
            num_tx_chains=8 if small else 32,
            num_rx_ant=8 if small else 16,
            num_rx_chains=self.chains,
            num_streams=self.streams,
        )


# Table IV. Three streams a user, as in the paper; two where a user has two chains.
_SIZES = (
    _Size(64, 2, 4, 3, 0.01),
    _Size(64, 3, 2, 2, 0.01),
    _Size(128, 4, 8, 3, 0.07),
    _Size(128, 5, 6, 3, 0.10),
    _Size(128, 6, 5, 3, 0.14),
    _Size(128, 7, 4, 3, 0.17),
    _Size(128, 8, 4, 3, 0.24),
)
_CHANNELS = 8
_NETWORKS = {"scalar": "scalar", "gn": "gauss-newton"}
_CARDS = {
    "training scalar": "unfolded-mser-qpsk",
    "training matrix": "unfolded-mser-qpsk-matrix",
    "training gn": "unfolded-mser-qpsk-gn",
}


def _seconds(beamformer: Beamformer, size: _Size) -> float:
    """Processor time of a design, the second of two calls, a channel."""
    generator = torch.Generator().manual_seed(1)
    antennas = size.array().num_rx_ant, size.antennas
    h = Clustered(num_clusters=2).draw(_CHANNELS * size.users, *antennas, generator)
    h = h.unflatten(0, (_CHANNELS, size.users))
    with clean_torch():
        beamformer(h, 0.1)
        start = time.process_time()
        beamformer(h, 0.1)
        return (time.process_time() - start) / _CHANNELS


@python_panel(
    *(f"{size.name} {network}" for size in _SIZES for network in _NETWORKS),
    "(64, 2, 4) GD",
    *_CARDS,
)
def times(_: TableRun) -> Table:
    """Processor time of a design on one thread, and of trainings by their cards."""
    values, rows = {}, []
    for size in _SIZES:
        cells = []
        for label, steps in _NETWORKS.items():
            network = make_beamformer("unfolded-mser", size.array(), steps=steps, most_samples=512)
            seconds = _seconds(network.requires_grad_(False), size)
            values[f"{size.name} {label}"] = seconds
            cells.append(f"{seconds * 1e3:.1f}")
        rows.append((size.name, str(size.streams), *cells, f"{size.paper_s * 1e3:g}"))
    first = _SIZES[0]
    descent = make_beamformer("mser-gd", first.array(), num_iter=500, most_samples=512)
    values[f"{first.name} GD"] = _seconds(descent, first)
    rows.append(("(64, 2, 4), 500 iterations", "3", f"{values['(64, 2, 4) GD'] * 1e3:.0f}", "", ""))
    for label, weights in _CARDS.items():
        values[label] = float(read_card(weights).seconds) / 60
        rows.append((f"{label} [min]", "", f"{values[label]:.1f}", "", "5.35"))
    columns = ("(Nt, K, Rr)", "streams a user", "ms, scalar", "ms, gauss-newton", "ms, the paper")
    note = "Untrained layers: parameters cost no time. Error rates over 512 symbol vectors."
    return Table(columns, tuple(rows), values, note)
