"""What a receiver keeps of a failed block, and what a second transmission makes of it.

    python benchmarks/harq.py [--blocks 512]

First chase combining at 2x2 64-QAM (the link of EQ-Net): wrong blocks after both transmissions, by
what is kept of the first, and the bits that it takes a channel use under an ideal entropy coder.
Then incremental redundancy against chase combining with a 5G code: wrong blocks after each of four
transmissions, and information bits a channel use.
"""

from __future__ import annotations

import argparse

from mimolearn import Scenario, simulate
from mimolearn.link.coding import Coding
from mimolearn.link.harq import Harq

CHASE = Scenario(
    num_tx_ant=2,
    num_rx_ant=2,
    constellation="64-qam",
    snr_definition="per_stream",
    coding=Coding(),
    harq=Harq(transmissions=2, combining="chase"),
)
KEPT = (
    "ml:label=LLRs not quantised",
    *(
        f"ml:quantizer={scheme}-2x2-64qam-{bits},label={scheme} {bits}"
        for bits in (36, 24)
        for scheme in ("eq-net", "max-mi")
    ),
    "ml:quantizer=uniform:bits=3;clip=8,label=uniform 3 bits an LLR",
    *(
        f"ml:quantizer=statistics:step={step};factor_step={factor},label=statistics {step}/{factor}"
        for step, factor in ((1.0, 0.5), (1.5, 0.75), (2.0, 1.5), (3.0, 1.5))
    ),
)


def five_g(combining: str) -> Scenario:
    """2x2 16-QAM with the 5G code of rate 2/3, up to four transmissions."""
    return Scenario(
        num_tx_ant=2,
        num_rx_ant=2,
        constellation="16-qam",
        snr_definition="per_stream",
        coding=Coding(code="5g-ldpc", num_info_bits=1024, num_coded_bits=1536, num_iter=20),
        harq=Harq.model_validate({"combining": combining}),
    )


def main(blocks: int) -> None:
    """Print both tables."""
    vectors = blocks * CHASE.uses_per_block
    run = {"metric": "bler", "min_errors": 10**9, "floor": 0, "timing": False}
    result = simulate(CHASE, list(KEPT), [7.5, 8.5], max_vectors=vectors, **run)
    for curve in result.curves:
        rates = [f"{point.rate('bler'):.3f}" for point in curve.points]
        bits = [f"{p.counts.stored_bits / p.counts.vectors:.1f}" for p in curve.points]
        print(f"{curve.label:26}{rates}  bits {bits}", flush=True)
    for combining in ("chase", "incremental"):
        link = five_g(combining)
        vectors = blocks * link.uses_per_block
        result = simulate(link, ["lmmse"], [0, 3, 6, 9], max_vectors=vectors, **run)
        for point in result.curves[0].points:
            rates = [f"{rate:.3f}" for rate in point.rates_after()]
            print(f"{combining:12}{point.snr_db:4g} dB {rates} {point.delivered_share():.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=512)
    main(parser.parse_args().blocks)
