"""Bring your own channels: a file of recorded matrices in place of a channel model.

A file is .npy, .npz, HDF5 or MATLAB, with a complex array (N, Nr, Nt); `axes` takes other orders
(see docs/recorded-channels.md). Here the "measurement" is made up: a common direct path, which
independent fading has not. Run it with your own file:

    python examples/recorded_channels.py measured.npz
"""

import argparse
from pathlib import Path

import numpy as np

import mimolearn as ml


def record(path: Path, num_channels: int, num_rx_ant: int = 8, num_tx_ant: int = 4) -> None:
    """Write channels of a strong direct path and weak scattering, as a sounder might."""
    random = np.random.default_rng(1)
    rx, tx = np.arange(num_rx_ant)[:, None], np.arange(num_tx_ant)[None, :]
    angles = random.uniform(-0.5, 0.5, (num_channels, 2, 1, 1))
    direct = np.exp(1j * np.pi * (rx * np.sin(angles[:, 0]) + tx * np.sin(angles[:, 1])))
    shape = (num_channels, num_rx_ant, num_tx_ant)
    scattered = random.normal(size=shape) + 1j * random.normal(size=shape)
    np.savez(path, h=direct + 0.7 * scattered)


def compare_on(path: Path, min_errors: int = 1000) -> dict[str, ml.Comparison]:
    """The same receivers on the recorded channels, and on independent fading of the same power."""
    recorded = ml.channels.Recorded(path=str(path), variable="h")
    found = {}
    for name, channel in {"recorded": recorded, "rayleigh": ml.channels.Rayleigh()}.items():
        scenario = ml.Scenario(
            num_tx_ant=4,
            num_rx_ant=8,
            constellation="qpsk",
            channel=channel,
            channel_reuse=14,
            snr_definition="received",
        )
        found[name] = ml.simulate(
            scenario, ["lmmse", "ep"], snr_db=[4, 8, 12], target=1e-2, min_errors=min_errors
        )
    return found


def main(
    path: Path | None = None, num_channels: int = 2000, min_errors: int = 1000
) -> dict[str, ml.Comparison]:
    """Compare on a file, or on one that is made up and left in this folder."""
    if path is None:
        path = Path("recorded.npz")
        record(path, num_channels)
    found = compare_on(path, min_errors)
    for name, result in found.items():
        for curve in result.curves:
            rates = ", ".join(f"{p.rate('ber'):.2e} at {p.snr_db:g} dB" for p in curve.points)
            print(f"{name:9} {curve.label:6} BER {rates}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    main(parser.parse_args().file)
