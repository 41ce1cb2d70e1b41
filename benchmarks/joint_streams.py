"""A quantiser of eight streams together, aimed at the bits that were sent, against maximum MI.

    python benchmarks/joint_streams.py [--blocks 1500] [--folder joint-streams]

Soft bits of sorted MMSE-SIC at 8x8 16-QAM, 12 bits a stream. LLRs of cancellation are far too
confident, so both quantisers are fitted to the sent bits. Training takes a minute and five of
one processor. Wrong blocks at 6 and 7 dB, paired.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mimolearn import Scenario, simulate, train
from mimolearn.training import SoftBitRecipe

LINK = Scenario.shipped("eqnet-8x8-16qam-coded")
SHARED: dict[str, Any] = {
    "scenario": LINK,
    "teacher": "mmse-sic",
    # Smaller numbers at the input of the network, which else starts where it learns nothing.
    "teacher_options": {"order": "sorted", "llr_scale": 0.2},
    "target": "sent",
    "bits": 3.0,
    "uses": 200_000,
    "snr": {"low_db": 4.5, "high_db": 8.5},
    "measure": {"snr_db": [6.0, 7.0]},
}
NETWORK = {"levels": "24,24,7", "learned_levels": True, "learning_rate": 0.002}
SHORT = {"steps": 5_000, "tuning_steps": 2_000}
LONG = {"width": 256, "steps": 30_000, "tuning_steps": 10_000}
RECIPES = {
    "max-mi": SoftBitRecipe(name="max-mi-sent", network="max-mi", **SHARED),
    "joint eq-net": SoftBitRecipe(
        name="eq-net-sent", network="eq-net", options=NETWORK | SHORT, **SHARED
    ),
    "joint eq-net (long)": SoftBitRecipe(
        name="eq-net-sent-long", network="eq-net", options=NETWORK | LONG, **SHARED
    ),
}


def main(blocks: int, folder: Path) -> None:
    """Train what is not in the folder yet, and print wrong blocks."""
    plain, detector = "mmse-sic:order=sorted", "mmse-sic:order=sorted,llr_scale=0.2"
    contenders = ["lmmse", f"{plain},llr_scale=0.5,llr_clip=4.0,label=not quantised"]
    contenders.append(f"{plain},quantizer=max-mi-16qam-12,label=max-mi of lmmse")
    contenders.append(f"{plain},quantizer=eq-net-16qam-12,label=eq-net of lmmse")
    for label, recipe in RECIPES.items():
        weights = folder / f"{recipe.name}.safetensors"
        if not weights.exists():
            train(recipe, out=folder)
        contenders.append(f"{detector},quantizer={weights},label={label}")
    result = simulate(
        LINK,
        contenders,
        [6.0, 7.0],
        metric="bler",
        min_errors=10**9,
        floor=0,
        max_vectors=blocks * LINK.uses_per_block,
    )
    for curve in result.curves:
        wrong = (point.counts.block_errors for point in curve.points)
        print(f"{curve.label:22}", *wrong, f"of {curve.points[0].counts.blocks}")
    for snr_db in (6.0, 7.0):
        for label in ("joint eq-net", "joint eq-net (long)"):
            d = result.paired("max-mi", label, snr_db)
            told = f"{d.difference:.3f} [{d.low:.3f}, {d.high:.3f}]"
            print(f"max-mi less {label}, {snr_db:g} dB: {told}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=1500)
    parser.add_argument("--folder", type=Path, default=Path("joint-streams"))
    options = parser.parse_args()
    main(options.blocks, options.folder)
