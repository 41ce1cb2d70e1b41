"""Wrong blocks far above the waterfall, with the default clip of soft bits and without one.

    python benchmarks/clips.py [--blocks 1024]

4x4 16-QAM on two codes, a fresh channel every use, all receivers on the same draws. A receiver that
is very sure of the few vectors that it gets wrong has an error floor there. Two minutes of one
thread.
"""

from __future__ import annotations

import argparse

import torch

from mimolearn import Scenario, simulate
from mimolearn.link.coding import Coding

RECEIVERS = ("lmmse", "ep", "ep:llr_clip=1e6", "oamp", "oamp:llr_clip=1e6")
SNR_DB = (10.0, 14.0, 18.0)
LINK = Scenario.shipped("eqnet-4x4-16qam-coded")
LONG = Coding(code="5g-ldpc", num_info_bits=1024, num_coded_bits=2048, num_iter=20)
LINKS = {"802.11n": LINK, "5G 1024/2048": LINK.with_(coding=LONG)}


def main(blocks: int) -> None:
    """Print wrong blocks of each receiver at each SNR."""
    torch.set_num_threads(1)
    for name, link in LINKS.items():
        found = simulate(
            link,
            list(RECEIVERS),
            list(SNR_DB),
            metric="bler",
            min_errors=10**9,
            floor=0,
            max_vectors=blocks * link.uses_per_block,
        )
        for curve in found.curves:
            wrong = [point.counts.block_errors for point in curve.points]
            print(f"{name:14}{curve.label:24}", *wrong, f"of {blocks}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=1024)
    main(parser.parse_args().blocks)
