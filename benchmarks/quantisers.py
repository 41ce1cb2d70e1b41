"""Wrong blocks with quantised soft bits, all on the same draws, and who has fewer (paired).

    python benchmarks/quantisers.py [--blocks 4096] [--store FILE]

The contenders and links are those of ``mimolearn reproduce eqnet/fig9``; about ten minutes of one
thread with the default. With fewer than 100 wrong blocks a rate is rough: the count stands beside.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from mimolearn import simulate
from mimolearn.papers import experiment
from mimolearn.papers.contenders import resolve

# Of each panel: the SNR, and the bits of a channel use at which quantisers meet.
SETTINGS = ((13.5, (36, 30, 24)), (6.5, (48, 40, 32)))


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=4096, help="sent in every link")
    parser.add_argument("--store", help="results file, which is taken up where it was left")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for panel, (snr_db, bits) in zip(experiment("eqnet/fig9").panels, SETTINGS, strict=True):
        scenario = panel.scenario
        found = simulate(
            scenario,
            list(resolve(panel.contenders, Path(), may_train=False).contenders),
            [snr_db],
            metric="bler",
            min_errors=options.blocks,
            max_vectors=options.blocks * scenario.uses_per_block,
            store=options.store,
        )
        print(f"\n{panel.name} at {snr_db:g} dB")
        for curve in found.curves:
            point = curve.points[0]
            rate, blocks = point.rate("bler"), point.counts.blocks
            print(f"  {curve.label:24s} {rate:7.2%}  {round(rate * blocks)} of {blocks}")
        pairs = [(f"max-mi {b}", f"eq-net {b}") for b in bits]
        pairs.append((f"deep-llr {bits[0]}", f"eq-net {bits[0]}"))
        for more, fewer in pairs:
            d = found.paired(more, fewer, snr_db)
            print(f"  {more} less {fewer}: {d.difference:.2%} [{d.low:.2%}, {d.high:.2%}]")


if __name__ == "__main__":
    main()
