"""Wrong blocks of ``oamp`` on coded links with as many antennas as streams, against ``lmmse``.

    python benchmarks/oamp_coded.py [--blocks 2048] [--store FILE]

802.11n code of rate 1/2, a fresh channel every use, over the waterfall of each link, all receivers
on the same draws; the paired difference says who has fewer. About eight minutes of one thread.
"""

from __future__ import annotations

import argparse

import torch

from mimolearn import Scenario, simulate

RECEIVERS = ("lmmse", "oamp", "oamp:variances=shared", "ep")
LINKS = (
    ("eqnet-2x2-64qam-coded", (12.5, 13.0, 13.5, 14.0)),
    ("eqnet-4x4-16qam-coded", (6.0, 6.5, 7.0, 7.5, 8.0)),
    ("eqnet-8x8-16qam-coded", (4.0, 4.5, 5.0, 5.5, 6.0)),
    ("eqnet-16x16-16qam-coded", (1.0, 1.5, 2.0, 2.5)),
)


def main(blocks: int, store: str | None) -> None:
    """Print wrong blocks at every SNR."""
    torch.set_num_threads(1)
    for name, snr_db in LINKS:
        link = Scenario.shipped(name)
        found = simulate(
            link,
            list(RECEIVERS),
            list(snr_db),
            metric="bler",
            min_errors=10**9,
            floor=0,
            max_vectors=blocks * link.uses_per_block,
            store=store,
        )
        print(f"\n{name}, wrong blocks of {blocks}", flush=True)
        for i, snr in enumerate(snr_db):
            wrong = [curve.points[i].counts.block_errors for curve in found.curves]
            gmi = [f"{curve.points[i].gmi():.3f}" for curve in found.curves]
            d = found.paired("lmmse", "oamp", snr)
            print(
                f"  {snr:4g} dB",
                *(f"{curve.label} {n}" for curve, n in zip(found.curves, wrong, strict=True)),
                f"GMI {' '.join(gmi)}; lmmse less oamp {d.difference:.4f} "
                f"[{d.low:.4f}, {d.high:.4f}]",
                sep=", ",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=2048)
    parser.add_argument("--store", help="results file, which is taken up where it was left")
    options = parser.parse_args()
    main(options.blocks, options.store)
