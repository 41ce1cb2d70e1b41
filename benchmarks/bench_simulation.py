"""Whole simulations of LMMSE, drawing to counting: vectors per second, fresh channels each.

    python benchmarks/bench_simulation.py [--processes 1 2] [--rounds 7] [--seconds 0.5]

Ours on three paths: fused, plain (what a comparison with other detectors takes), and fused on
reduced draws. Peers that do the same work: PyTorch (randn, Cholesky by torch.linalg, nearest
point) and Sionna's blocks (FlatFadingChannel, LinearDetector with hard bits). Contenders take
turns within a round and the medians of the rounds are printed, so that a busy machine disturbs all
alike. Time is the CPU time of a process, which is one thread; the rates of several are added.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch
from rich.console import Console
from rich.table import Table
from sionna.phy.channel import FlatFadingChannel
from sionna.phy.mapping import BinarySource, Mapper
from sionna.phy.mimo import LinearDetector

from mimolearn import Scenario, make_detector
from mimolearn.link.randomness import CounterGenerator
from mimolearn.studies.kinds import chunk as chunks
from mimolearn.studies.kinds.seeds import chunk_seed

CASES = (("qpsk", 64, 32), ("bpsk", 64, 32), ("16-qam", 8, 8), ("16-qam", 4, 4))
PATHS = ("fused", "plain", "reduced", "torch", "sionna")
SNR_DB = 4.0
Case = tuple[str, int, int]
Run = Callable[[int], int]


def link(case: Case, draws: str = "full") -> Scenario:
    constellation, nr, nt = case
    fields = {"num_tx_ant": nt, "num_rx_ant": nr, "constellation": constellation}
    return Scenario.model_validate({**fields, "draws": draws})


def ours(case: Case, path: str) -> Run:
    """A chunk; returns its vectors."""
    scenario = link(case, "reduced" if path == "reduced" else "full")
    detectors = [("lmmse", make_detector("lmmse", scenario.constellation))]
    snr, num = f"{SNR_DB:.6f}", chunks.chunk_channels(scenario)

    def run(chunk: int) -> int:
        if path != "plain":
            return chunks.run_chunk(scenario, snr, chunk, detectors)[0].counts.vectors
        generator = CounterGenerator(chunk_seed(scenario.key(), snr, chunk))
        results = chunks.run_plainly(scenario, SNR_DB, num, generator, detectors)
        return results[0].counts.vectors

    return run


def in_torch(case: Case) -> Run:
    """The same in PyTorch, in a batch that suits its cache."""
    _, nr, nt = case
    scenario = link(case)
    points, noise_var = scenario.points(), float(scenario.noise_var(SNR_DB))
    num, eye = min(2**20 // (8 * nr * nt) * 2, 2048), torch.eye(nt)

    def run(chunk: int) -> int:
        generator = torch.Generator().manual_seed(chunk)
        h = torch.randn(num, nr, nt, dtype=torch.complex64, generator=generator)
        sent = torch.randint(points.num_points, (num, nt), generator=generator)
        noise = torch.randn(num, nr, dtype=torch.complex64, generator=generator)
        y = (h @ points.map(sent).unsqueeze(-1)).squeeze(-1) + noise * noise_var**0.5
        gram = h.mH @ h + noise_var * eye
        factor = torch.linalg.cholesky(gram)
        inverse = torch.cholesky_inverse(factor)
        gain = 1 - noise_var * inverse.diagonal(dim1=-2, dim2=-1).real
        x_hat = (inverse @ (h.mH @ y.unsqueeze(-1))).squeeze(-1) / gain
        errors = points.nearest(x_hat) ^ sent
        bits = sum(((errors >> b) & 1).sum() for b in range(points.bits_per_symbol))
        assert 0 <= int(bits) < sent.numel() * points.bits_per_symbol / 2
        return num

    return run


def in_sionna(case: Case) -> Run | None:
    """The same of Sionna's blocks, which have no BPSK among their QAM constellations."""
    constellation, nr, nt = case
    if constellation == "bpsk":
        return None
    scenario = link(case)
    bits, noise_var = scenario.points().bits_per_symbol, float(scenario.noise_var(SNR_DB))
    num = min(2**20 // (8 * nr * nt) * 2, 2048)
    source, mapper = BinarySource(device="cpu"), Mapper("qam", bits, device="cpu")
    channel = FlatFadingChannel(nt, nr, return_channel=True, device="cpu")
    detector = LinearDetector(
        "lmmse", "bit", "maxlog", "qam", num_bits_per_symbol=bits, hard_out=True, device="cpu"
    )
    covariance = (noise_var * torch.eye(nr, dtype=torch.complex64)).expand(num, -1, -1)
    covariance = covariance.contiguous()

    def run(_: int) -> int:
        sent = source([num, nt, bits])
        y, h = channel(mapper(sent)[..., 0], noise_var)
        decided = detector(y, h, covariance)
        assert 0 <= int((decided != sent).sum()) < sent.numel() / 2
        return num

    return run


def contender(case: Case, path: str) -> Run | None:
    if path == "torch":
        return in_torch(case)
    return in_sionna(case) if path == "sionna" else ours(case, path)


def rates(case: Case, rounds: int, seconds: float) -> list[float]:
    """Median vectors per second of each path, 0 where it does not exist."""
    torch.set_num_threads(1)
    # Some of Sionna's blocks would compile themselves for minutes before the first answer.
    torch.compiler.set_stance("force_eager")
    runs = [contender(case, path) for path in PATHS]
    for run in filter(None, runs):
        run(0)
    found: list[list[float]] = [[] for _ in runs]
    with torch.no_grad():
        for index in range(rounds):
            for run, column in zip(runs, found, strict=True):
                column.append(_rate(run, index, seconds) if run else 0.0)
    return [statistics.median(column) for column in found]


def _rate(run: Run, first: int, seconds: float) -> float:
    vectors, start, chunk = 0, time.process_time(), 1000 * first
    while (elapsed := time.process_time() - start) < seconds:
        vectors += run(chunk)
        chunk += 1
    return vectors / elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description="whole simulations of LMMSE")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="of one measurement, at least")
    arguments = parser.parse_args()
    console = Console(width=120)
    packages = ("mimolearn", "sionna-no-rt", "torch", "numba", "numpy")
    versions = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    console.print(platform.processor() or platform.machine(), *versions, sep=", ")
    for count in arguments.processes:
        table = Table("link", *PATHS, title=f"vectors/s of lmmse, {count} process(es)")
        with ProcessPoolExecutor(count, get_context("spawn")) as pool:
            for case in CASES:
                jobs = [
                    pool.submit(rates, case, arguments.rounds, arguments.seconds)
                    for _ in range(count)
                ]
                totals = [sum(part) for part in zip(*(job.result() for job in jobs), strict=True)]
                constellation, nr, nt = case
                cells = [f"{total:,.0f}" if total else "-" for total in totals]
                table.add_row(f"{nr}x{nt} {constellation}", *cells)
        console.print(table)


if __name__ == "__main__":
    main()
