"""The uplink of 5G NR: channel estimation against Sionna's, milliseconds of CPU time a slot.

    python benchmarks/bench_uplink.py [--rounds 5] [--slots 16] [--large]

Least squares with linear interpolation (PUSCHLSChannelEstimator) at full sizes, and Wiener filters
against PUSCHLMMSEChannelEstimator with the same statistics at a size that Sionna's can do in
seconds. Contenders take turns within a round, in one thread; medians of the rounds are printed,
with the mean square error of both on the same received grids. Ours takes --slots at once, Sionna's
two of them: more do not make it faster. Filters are made before, as Sionna's are in its
constructor; that time is printed too. --large adds 24 PRB for LMMSE, which takes minutes.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from mimolearn.link.channels import TDLProcess
from mimolearn.link.channels.fading.raster import at_lags
from mimolearn.link.estimators import Estimator, LsLinear, Wiener
from mimolearn.link.frames import DmrsPilots, NrPusch
from mimolearn.link.frames.dmrs import used_ports
from mimolearn.link.randomness import CounterGenerator, complex_normal
from mimolearn.link.slots import Received, SlotLink

SNR_DB = 10.0


class Case(NamedTuple):
    """One row of the table."""

    peer: str
    num_prb: int
    num_rx: int
    num_layers: int


CASES = (
    Case("LS", 8, 4, 4),
    Case("LS", 24, 16, 4),
    Case("LMMSE", 4, 2, 2),
    Case("LMMSE", 8, 4, 4),
)
LARGE = (Case("LMMSE", 24, 4, 4),)
SIONNA_SLOTS = 2


def sionna_estimator(case: Case, link: SlotLink) -> Any:
    """Sionna's estimator for the same pilots, and for LMMSE the same statistics."""
    from sionna.phy import nr
    from sionna.phy.ofdm import ResourceGrid

    frame, pilots = tables(case)
    carrier = nr.CarrierConfig(subcarrier_spacing=30, n_size_grid=case.num_prb)
    configs = [
        nr.PUSCHConfig(
            carrier, nr.PUSCHDMRSConfig(additional_position=1, dmrs_port_set=[port]), num_layers=1
        )
        for port in used_ports(case.num_layers, pilots)
    ]
    pattern = nr.PUSCHPilotPattern(configs, device="cpu")
    size = frame.num_symbols, 12 * frame.num_prb
    grid = ResourceGrid(
        *size,
        30e3,
        num_tx=case.num_layers,
        num_streams_per_tx=1,
        pilot_pattern=pattern,
        device="cpu",
    )
    if case.peer == "LS":
        return nr.PUSCHLSChannelEstimator(grid, 1, 1, 2, interpolation_type="lin", device="cpu")
    moments = link.setting(0.1).moments
    time_moments, frequency_moments = (
        torch.from_numpy(at_lags(lags[0], *[np.arange(len(lags[0]))] * 2).astype(np.complex64))
        for lags in moments
    )
    return nr.PUSCHLMMSEChannelEstimator(
        grid, 1, 1, 2, time_moments, frequency_moments, order="f-t", device="cpu"
    )


def tables(case: Case) -> tuple[NrPusch, DmrsPilots]:
    return NrPusch(num_prb=case.num_prb, num_ues=case.num_layers), DmrsPilots()


def error_db(h_hat: torch.Tensor, h: torch.Tensor) -> float:
    return 10 * math.log10(float((h_hat - h).abs().square().mean()))


def measure(case: Case, rounds: int, num_slots: int) -> list[str]:
    """A row: milliseconds of both, ratio, errors of both, seconds of preparation."""
    # The first thread alone, and no compilation of minutes.
    torch.set_num_threads(1)
    torch.compiler.set_stance("force_eager")
    link = SlotLink(*tables(case), TDLProcess(profile="B"), case.num_rx, case.num_layers)
    noise_var = 10 ** (-SNR_DB / 10)
    slots = draw(link, noise_var, num_slots)
    estimator: Estimator = LsLinear() if case.peer == "LS" else Wiener()
    start = time.process_time()
    prepared = estimator.prepare(link.setting(noise_var))
    preparation = time.process_time() - start
    everything = np.arange(slots.y.shape[1] * slots.y.shape[2])
    theirs = sionna_estimator(case, link)
    few = slots.y[:SIONNA_SLOTS]
    y, noise = few.permute(0, 3, 1, 2).unsqueeze(1).contiguous(), torch.tensor(noise_var)
    times: list[list[float]] = [[], []]
    runs: list[Callable[[], Any]] = [
        lambda: prepared.estimate(slots.y, None, everything).h_hat,
        lambda: theirs(y, noise)[0],
    ]
    results = [run() for run in runs]
    counts = len(slots.y), len(few)
    for _ in range(rounds):
        for run, column, count in zip(runs, times, counts, strict=True):
            start = time.process_time()
            run()
            column.append((time.process_time() - start) * 1e3 / count)
    h = slots.h[:SIONNA_SLOTS].flatten(1, 2)
    ours = error_db(results[0][:SIONNA_SLOTS], h)
    other = error_db(results[1][:, 0].permute(0, 4, 5, 1, 2, 3).flatten(-2).flatten(1, 2), h)
    medians = [statistics.median(column) for column in times]
    name = f"{case.num_layers} on {case.num_rx} antennas, {case.num_prb} PRB"
    numbers = [f"{medians[0]:.3f}", f"{medians[1]:.1f}", f"{medians[1] / medians[0]:.0f}"]
    return [case.peer, name, *numbers, f"{ours:.2f}", f"{other:.2f}", f"{preparation:.2f}"]


def draw(link: SlotLink, noise_var: float, num_slots: int) -> Received:
    generator = CounterGenerator(1)
    h = link.draw_channels(num_slots, generator)
    symbols = complex_normal((num_slots, link.grid.num_data, link.grid.num_layers), generator)
    return link.receive(h, symbols, noise_var, generator)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    table = Table(title="channel estimation, ms of CPU time a slot, one thread")
    heads = ("peer", "layers", "ours", "Sionna", "ratio", "ours [dB]", "Sionna [dB]", "prepare [s]")
    for head in heads:
        table.add_column(head, justify="right")
    for case in CASES + (LARGE if options.large else ()):
        table.add_row(*measure(case, options.rounds, options.slots))
    Console().print(table)


if __name__ == "__main__":
    main()
