"""Table IV: time of training and of a design."""

import time

import torch

from mimolearn.beamformers import HybridArray, make_beamformer
from mimolearn.foundation.tensors.state import clean_torch
from mimolearn.link.channels import Clustered
from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.mser.setting import PAPER
from mimolearn.papers.panels import Table, TablePanel
from mimolearn.weights import read_card, shipped_beams

# (Nt, K, Rr): streams a user, and the paper's seconds for a design.
_SIZES = {(64, 2, 4): (3, 0.01), (64, 3, 2): (2, 0.01), (128, 4, 8): (3, 0.07)}
_SIZES |= {(128, 8, 4): (3, 0.24)}
_CHANNELS = 8


def _seconds(antennas: int, users: int, chains: int, streams: int) -> float:
    array = HybridArray(
        num_users=users,
        num_tx_ant=antennas,
        num_tx_chains=8 if antennas == 64 else 32,
        num_rx_ant=8 if antennas == 64 else 16,
        num_rx_chains=chains,
        num_streams=streams,
    )
    network = make_beamformer("unfolded-mser", array, most_samples=512).requires_grad_(False)
    sizes = array.num_rx_ant, antennas
    generator = torch.Generator().manual_seed(1)
    h = Clustered(num_clusters=2).draw(_CHANNELS * users, *sizes, generator)
    h = h.unflatten(0, (_CHANNELS, users))
    with clean_torch():
        network(h, 0.1)
        start = time.process_time()
        network(h, 0.1)
        return (time.process_time() - start) / _CHANNELS


def _table() -> Table:
    values, rows = {}, []
    for (antennas, users, chains), (streams, paper) in _SIZES.items():
        name = f"({antennas}, {users}, {chains})"
        values[name] = _seconds(antennas, users, chains, streams)
        rows.append((name, str(streams), f"{values[name] * 1e3:.1f}", f"{paper * 1e3:g}"))
    trained = [read_card(n) for n in shipped_beams() if n.startswith("unfolded")]
    values["training"] = max((card.seconds for card in trained), default=0.0) / 60
    rows.append(("longest training [min]", "", f"{values['training']:.1f}", "5.35 to 162.86"))
    columns = ("(Nt, K, Rr)", "streams a user", "ms a design here", "ms a design in the paper")
    return Table(
        columns, tuple(rows), values, "Untrained newton-cg layers: parameters cost no time."
    )


EXPERIMENT = Experiment(
    name="mser/table4",
    paper=PAPER,
    title="Time of training and of a design (Table IV)",
    shows="15 layers take 10 to 240 ms, training 5 to 163 minutes.",
    panels=(TablePanel("times", "Processor time, one thread", _table),),
    statements=(
        *(
            Statement(
                f"A design takes {paper * 1e3:g} ms at (Nt, K, Rr) = {size}",
                "Table IV",
                within(
                    lambda f, name=f"({size[0]}, {size[1]}, {size[2]})": f.value(
                        "times", name, "s"
                    ),
                    at_most=paper,
                ),
            )
            for size, (_, paper) in _SIZES.items()
        ),
        Statement(
            "Training takes 5 minutes at the main configuration",
            "Table IV",
            within(lambda f: f.value("times", "training", "min"), at_most=5.35),
        ),
    ),
    notes=(
        "Batches of 8 channels. Two streams a user where Rr is 2. (128, 8, 4) has 24 streams, "
        "whose error rates are averaged over 512 drawn symbol vectors.",
    ),
)
