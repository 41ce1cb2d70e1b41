"""The network of ``list-net`` as a graph behind a tree search that the user has.

The search itself is no graph: k vectors, sorted on every level of a tree whose order depends on the
channel. What follows it is: the masses of the list, and the network.
"""

from __future__ import annotations

from pathlib import Path
from typing import final

import torch
from torch import Tensor, nn

from mimolearn.detection import LLRDetection
from mimolearn.detectors import Cost, Detector, ListNet
from mimolearn.detectors.networks.soft_bits.list_net import Prepared
from mimolearn.detectors.search.k_best import Survivors
from mimolearn.exporting.programs import BATCH, VECTORS, Program, real_form
from mimolearn.exporting.runtime import session

_CLASSICAL = ("llr_lmmse", "llr_ep")


class _Head(nn.Module):
    def __init__(self, net: ListNet) -> None:
        super().__init__()
        self.net = net

    def forward(
        self,
        metrics: Tensor,
        levels: Tensor,
        log_evidence: Tensor,
        llr_lmmse: Tensor,
        llr_ep: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        classical = [llr_lmmse] if llr_ep is None else [llr_lmmse, llr_ep]
        return self.net.of_list(Survivors(metrics, levels, log_evidence), classical)


def head_inputs(net: ListNet) -> tuple[str, ...]:
    """Names of the inputs, in their order."""
    return ("metrics", "levels", "log_evidence", *_CLASSICAL[: net.num_classical])


def head_program(net: ListNet, num_tx_ant: int) -> Program:
    """What follows the search, as a program from a list to llr and indices.

    Args:
        net: what is exported.
        num_tx_ant: Nt of levels (batch, vectors, k, Nt, A).

    Raises:
        ExportError: PyTorch cannot trace it.
    """
    c = net.constellation
    lead = BATCH, VECTORS
    size = min(net.k, c.num_points**num_tx_ant)
    generator = torch.Generator().manual_seed(1)
    metrics = 10 * torch.rand((*lead, size), generator=generator, dtype=torch.float32)
    axes = 1 if c.is_real else 2
    levels = torch.randint(c.num_levels, (*lead, size, num_tx_ant, axes), generator=generator)
    shape = (*lead, num_tx_ant, c.bits_per_symbol)
    classical = (
        torch.randn(shape, generator=generator, dtype=torch.float32)
        for _ in range(net.num_classical)
    )
    example = (metrics, levels, -metrics[..., 0], *classical)
    module = _Head(net).eval()
    with torch.no_grad():
        # Tables are made when they are first needed, which must not be while tracing.
        module(*example)
    names = head_inputs(net)
    free = (("batch", "vectors"),) * len(names)
    real = real_form(module, example, free, net.name)
    return Program(real, example, names, ("llr", "indices"), free)


@final
class OnnxListNet(Detector):
    """``list-net`` with its search and classical detectors here, and its network in a file."""

    name = "onnx-list-net"

    def __init__(self, net: ListNet, path: Path) -> None:
        super().__init__(net.constellation)
        self.net = net
        self._session = session(path)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        return self.net._prepare(h, noise_var)

    def _detect(self, prepared: Prepared, y: Tensor) -> LLRDetection:
        survivors, classical = self.net.searched(prepared, y)
        parts = (survivors.metrics, survivors.levels.long(), survivors.log_evidence, *classical)
        lead = y.shape[:-1]
        inputs = {
            name: part.reshape(-1, lead[-1], *part.shape[len(lead) :]).contiguous().numpy()
            for name, part in zip(head_inputs(self.net), parts, strict=True)
        }
        llr, indices = (
            torch.from_numpy(out) for out in self._session.run(["llr", "indices"], inputs)
        )
        decided = indices.reshape(*lead, *indices.shape[2:])
        llr = llr.reshape(*lead, *llr.shape[2:])
        return LLRDetection(self.constellation, llr, decided=decided)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return self.net.cost(num_rx_ant, num_tx_ant)
