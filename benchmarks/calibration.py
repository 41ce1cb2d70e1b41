"""What a fitted factor of the soft bits wins where the receiver's channel is an estimate.

    python benchmarks/calibration.py [--blocks 1024]

Wrong blocks of receivers as they are and with ``llr_scale = "fitted"``, on common draws: with a
channel known exactly, with an error that the receiver does not know of, with one whose variance it
adds to the noise, and with channels estimated over a grid.
"""

from __future__ import annotations

import argparse
from typing import Any

from mimolearn import Scenario, simulate
from mimolearn.link.coding import Coding
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.scenario import ChannelKnowledge

RECEIVERS = ("lmmse", "ep", "k-best", "ml", "oamp")
SMALL: dict[str, Any] = {
    "num_tx_ant": 2,
    "num_rx_ant": 2,
    "constellation": "64-qam",
    "snr_definition": "per_stream",
    "coding": Coding(),
}
LARGE: dict[str, Any] = {
    **SMALL,
    "num_tx_ant": 4,
    "num_rx_ant": 4,
    "constellation": "16-qam",
    "coding": Coding(code="5g-ldpc", num_info_bits=1024, num_coded_bits=2048, num_iter=20),
}
LINKS = (
    ("2x2 64-QAM, exact", SMALL, 0.0, "thermal", 13.5),
    ("2x2 64-QAM, error .01", SMALL, 0.01, "thermal", 15.0),
    ("2x2 64-QAM, error .01 known", SMALL, 0.01, "with-error", 15.0),
    ("4x4 16-QAM, exact", LARGE, 0.0, "thermal", 6.5),
    ("4x4 16-QAM, error .02", LARGE, 0.02, "thermal", 7.5),
    ("4x4 16-QAM, error .02 known", LARGE, 0.02, "with-error", 7.5),
)


def compared(name: str, scenario: Scenario | GridScenario, snr_db: float, units: int) -> None:
    """Print wrong blocks of each receiver without and with a fitted factor."""
    contenders = [
        {"name": one, **options, "label": f"{one}{mark}"}
        for one in RECEIVERS
        if one != "ml" or scenario.num_tx_ant == 2
        for options, mark in (({}, ""), ({"llr_scale": "fitted"}, " fitted"))
    ]
    result = simulate(
        scenario, contenders, [snr_db], metric="bler", min_errors=10**9, max_vectors=units, floor=0
    )
    print(f"\n{name}, {snr_db:g} dB")
    for plain, fitted in zip(result.curves[::2], result.curves[1::2], strict=True):
        errors = [curve.points[0].counts.block_errors for curve in (plain, fitted)]
        off = [curve.points[0].calibration_error() or 0.0 for curve in (plain, fitted)]
        d = result.paired(plain.label, fitted.label, snr_db)
        print(
            f"  {plain.label:8}{errors[0]:6}{errors[1]:6} of {plain.points[0].counts.blocks}, "
            f"paired {d.difference:.4f} [{d.low:.4f}, {d.high:.4f}], "
            f"calibration error {off[0]:.4f} {off[1]:.4f}",
            flush=True,
        )


def main(blocks: int) -> None:
    """Print every link."""
    for name, fields, error_var, noise, snr_db in LINKS:
        csi = ChannelKnowledge.model_validate({"error_var": error_var, "noise": noise})
        link = Scenario(**fields, csi=csi)
        compared(name, link, snr_db, blocks * link.uses_per_block)
    grid = GridScenario.shipped("uplink-4x4-16qam-low")
    for estimator in ("wiener", "ls-linear"):
        link = grid.with_(estimator={"name": estimator})
        compared(f"uplink, {estimator}", link, 8.0, blocks // 4 * link.vectors_per_cluster)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=1024)
    main(parser.parse_args().blocks)
