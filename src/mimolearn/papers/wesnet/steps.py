"""Cost of the paper's own training, from a few of its steps."""

from __future__ import annotations

import time

import torch

from mimolearn.link.scenario import Scenario
from mimolearn.papers.panels import Table, TableRun
from mimolearn.papers.python_panel import python_panel
from mimolearn.papers.wesnet.formulas import network
from mimolearn.training import Loss, SnrMix
from mimolearn.training.data import draw_block
from mimolearn.training.losses import loss_of

# Table III.
_NT, _LAYERS, _STEPS, _BATCH = 30, 90, 25_000, 5_000
_TIMED = 256
_WIDTHS = {"detnet": 1.0, "wesnet 50": 0.5, "wesnet 20": 0.2}


@python_panel(*_WIDTHS)
def training_hours(run: TableRun) -> Table:
    """CPU hours of Table III's training on this machine: 25 000 steps of 5000 vectors, 90 layers.

    Steps of 256 vectors are timed, in processor time of one thread, and the least is scaled.
    """
    link = Scenario.shipped("detnet-30x60-bpsk")
    mix, loss = SnrMix(low_db=8.0, high_db=14.0), Loss(name="mse-over-zf", layers="log")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        values = {}
        for name, width in _WIDTHS.items():
            kind = "detnet" if name == "detnet" else "wesnet"
            detector = network(_NT, _LAYERS, width, kind)
            optimizer = torch.optim.Adam(detector.parameters(), lr=1e-3, fused=True)
            spent = []
            for step in range(1 + run.draws):
                began = time.process_time()
                block = draw_block(link, mix, _TIMED, 1, torch.Generator().manual_seed(step))
                optimizer.zero_grad()
                loss_of(loss, detector, block, None).backward()
                optimizer.step()
                spent.append(time.process_time() - began)
            # The first step also makes what later ones find made.
            values[name] = min(spent[1:]) * _STEPS * _BATCH / _TIMED / 3600
    finally:
        torch.set_num_threads(threads)
    rows = tuple((name, f"{hours:.1f}") for name, hours in values.items())
    return Table(("network", "CPU hours, one thread"), rows, values)
