"""Small arrays and channels that the beamformer tests share."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mimolearn.beamformers import Beamformer, HybridArray, beamformer_class, make_beamformer
from mimolearn.link.channels import Clustered

SMALL = HybridArray(
    num_users=2, num_tx_ant=16, num_tx_chains=5, num_rx_ant=4, num_rx_chains=3, num_streams=2
)
# Few iterations: a contract does not depend on them.
FEW = {
    "fd-mser": {"num_iter": 4},
    "mo": {"sweeps": 5},
    "mmse-gd": {"num_iter": 4},
    "mser-gd": {"num_iter": 4},
    "unfolded-mser": {"num_layers": 2},
    "cnn": {"depth": 3, "width": 4, "hidden": 16},
}


def small(name: str, constellation: str = "qpsk", **options: object) -> Beamformer:
    """A beamformer of few iterations for the small array."""
    known = beamformer_class(name).option_names()
    chosen = {k: v for k, v in FEW.get(name, {}).items() if k in known} | options
    return make_beamformer(name, SMALL, constellation, **chosen).requires_grad_(False).eval()


def clustered(num: int, array: HybridArray = SMALL, clusters: int = 5, seed: int = 1) -> Tensor:
    """(num, K, Nr, Nt) complex128 channels, users independent."""
    generator = torch.Generator().manual_seed(seed)
    model = Clustered(num_clusters=clusters, num_rays=10, angle_spread_deg=7.5)
    sizes = array.num_rx_ant, array.num_tx_ant
    h = model.draw(num * array.num_users, *sizes, generator, torch.complex128)
    return h.unflatten(0, (num, array.num_users))


@pytest.fixture(scope="session")
def channels() -> Tensor:
    return clustered(6)
