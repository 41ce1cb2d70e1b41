"""Symbol errors of ``k-best`` by k on common draws, beside ``sphere`` where that is fast enough.

    python benchmarks/k_best_errors.py [--symbols 96000] [--k 4 8 16 64] [--links 8x8 ...]

One vector a channel; the SNR is that of a receive antenna. Prints errors and CPU time a vector.
"""

from __future__ import annotations

import argparse
import time
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table

from mimolearn import Scenario, make_detector
from mimolearn.link.channels import Kronecker

_BLOCK = 250


class Link(NamedTuple):
    """exact: whether the sphere decoder is fast enough to be asked."""

    constellation: str
    num_rx_ant: int
    num_tx_ant: int
    snr_db: float
    correlation: float = 0.0
    exact: bool = True


LINKS = {
    "8x8": Link("16-qam", 8, 8, 20),
    "4x4": Link("64-qam", 4, 4, 29),
    "6-on-4": Link("16-qam", 4, 6, 24),
    "16x16": Link("16-qam", 16, 16, 19, exact=False),
    "32x32": Link("16-qam", 32, 32, 19, exact=False),
    "correlated": Link("16-qam", 64, 32, 18, 0.7, exact=False),
}


def scenario_of(link: Link) -> Scenario:
    r = link.correlation
    options: dict[str, Any] = {"constellation": link.constellation}
    if r:
        options["channel"] = Kronecker(rx_correlation=r, tx_correlation=r)
    return Scenario(
        num_tx_ant=link.num_tx_ant,
        num_rx_ant=link.num_rx_ant,
        snr_definition="received",
        **options,
    )


def measure(link: Link, ks: list[int], symbols: int) -> dict[str, tuple[int, float]]:
    """Errors and microseconds a vector of each receiver."""
    scenario, generator = scenario_of(link), torch.Generator().manual_seed(1)
    detectors = {f"k-best({k})": make_detector("k-best", link.constellation, k=k) for k in ks}
    if link.exact:
        detectors["sphere"] = make_detector("sphere", link.constellation)
    errors, seconds = dict.fromkeys(detectors, 0), dict.fromkeys(detectors, 0.0)
    blocks = -(-symbols // (_BLOCK * link.num_tx_ant))
    for detector in detectors.values():
        warm = scenario.draw(link.snr_db, 2, generator)
        detector(warm.y, warm.h, warm.noise_var)
    for _ in range(blocks):
        block = scenario.draw(link.snr_db, _BLOCK, generator)
        for name, detector in detectors.items():
            start = time.process_time()
            decided = detector(block.y, block.h, block.noise_var).indices()
            seconds[name] += time.process_time() - start
            errors[name] += int((decided != block.indices).sum())
    vectors = blocks * _BLOCK
    return {name: (errors[name], 1e6 * seconds[name] / vectors) for name in detectors}


def main() -> None:
    parser = argparse.ArgumentParser(description="symbol errors of k-best by k")
    parser.add_argument("--symbols", type=int, default=96_000)
    parser.add_argument("--k", type=int, nargs="+", default=[4, 8, 16, 64])
    parser.add_argument("--links", nargs="+", choices=LINKS, default=list(LINKS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    columns = [f"k-best({k})" for k in arguments.k]
    table = Table("link", *columns, "sphere", title=f"errors of {arguments.symbols} symbols (us)")
    for name in arguments.links:
        found = measure(LINKS[name], arguments.k, arguments.symbols)
        cells = [f"{e} ({us:.1f})" for e, us in found.values()]
        table.add_row(name, *cells)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
