"""Block errors with soft bits of list-net, of what it is made of, and of k-best.

The (324, 648) code of 802.11n over Rayleigh channels, one vector a channel, common draws. The
targets are those that receivers of its kind have to reach: 4 on 4 16-QAM at 6 dB .013, 8 on 8 at
3 dB .12, 4 on 16 at -4.5 dB .083 (per_stream).

    python benchmarks/list_net_bler.py --blocks 2000
"""

from __future__ import annotations

import argparse

import torch

from mimolearn import Scenario, simulate
from mimolearn.link.channels import Rayleigh
from mimolearn.link.scenario import Coding

LINKS = ((4, 4, 6.0), (8, 8, 3.0), (4, 16, -4.5))
RECEIVERS = ("lmmse", "ep", "k-best", "k-best:k=64", "list-net-any")


def main() -> None:
    """Count and print, one link a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=2000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for num_tx, num_rx, snr_db in LINKS:
        scenario = Scenario(
            num_tx_ant=num_tx,
            num_rx_ant=num_rx,
            constellation="16-qam",
            channel=Rayleigh(),
            snr_definition="per_stream",
            coding=Coding(),
        )
        uses = -(-648 // (4 * num_tx))
        found = simulate(
            scenario,
            list(RECEIVERS),
            [snr_db],
            metric="bler",
            min_errors=10**9,
            max_vectors=uses * arguments.blocks,
        )
        counts = []
        for curve in found.curves:
            point = curve.points[0]
            label = curve.contender.label
            counts.append(f"{label} {point.counts.errors('bler')}/{point.counts.blocks}")
        print(f"{num_tx} on {num_rx} 16-qam {snr_db:g} dB: " + "  ".join(counts), flush=True)


if __name__ == "__main__":
    main()
