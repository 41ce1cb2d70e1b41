"""Our detectors against sionna-no-rt's on identical inputs: vectors per second, soft bits out.

    python benchmarks/bench_detectors.py [--quick] [--threads 1 2] [--rounds 9] [--seconds 0.2]
        [--detectors lmmse ep] [--publish]

A detector that Sionna has not is compared with its own general path. Targets stand beside what was
reached, on one thread. The last table is a whole
simulation, which draws, detects and counts.

Every vector has a fresh channel unless "per channel" says otherwise. The two contenders of a row
run in turns, and medians are printed, so that a busy machine disturbs both alike.
--publish writes the table of one thread to docs/measured and to the pages that show it.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from sionna.phy.mimo import (
    EPDetector,
    KBestDetector,
    LinearDetector,
    MaximumLikelihoodDetector,
    MMSEPICDetector,
)

import measured
from mimolearn import Detector, Scenario, detector_names, make_detector
from mimolearn.studies.kinds.chunk import chunk_channels
from mimolearn.studies.kinds.run_chunk import run_chunk


class Case(NamedTuple):
    """One row: ``channels`` channels with ``vectors`` received vectors each.

    target: the ratio to the peer that is aimed at on one thread; rate: the same as vectors per
    second; 0 for none.
    """

    detector: str
    constellation: str
    num_rx_ant: int
    num_tx_ant: int
    channels: int
    vectors: int
    demapping: str = "max-log"
    k: int = 0
    target: float = 0
    rate: float = 0


CASES = (
    Case("lmmse", "qpsk", 64, 32, 512, 1, target=20),
    Case("lmmse", "qpsk", 64, 32, 256, 14, target=100),
    Case("lmmse", "qpsk", 64, 32, 1, 1, target=10),
    Case("lmmse", "16-qam", 4, 4, 8192, 1, target=50),
    Case("lmmse", "16-qam", 4, 4, 8192, 1, "exact"),
    Case("lmmse", "16-qam", 4, 4, 1024, 14),
    Case("lmmse", "16-qam", 4, 4, 1, 1, target=10),
    Case("lmmse", "qpsk", 8, 8, 4096, 1),
    Case("ep", "qpsk", 64, 32, 128, 1, "exact", target=30),
    Case("ep", "16-qam", 4, 4, 2048, 1, "exact", target=30),
    # With priors of the bits: one pass of decoder feedback.
    Case("mmse-pic", "16-qam", 4, 4, 2048, 1, "exact", target=3),
    Case("mmse-pic", "16-qam", 8, 8, 1024, 1, "exact", target=3),
    Case("mmse-pic", "qpsk", 64, 32, 128, 1, "exact", target=3),
)
# What searches the tree of hypotheses or enumerates it; Sionna has no sphere decoder.
SEARCH_CASES = (
    Case("k-best", "qpsk", 64, 32, 256, 1, k=16, target=10),
    Case("k-best", "qpsk", 64, 32, 128, 1, k=64, target=20),
    Case("k-best", "16-qam", 4, 4, 2048, 1, k=16, target=10),
    Case("k-best", "16-qam", 4, 4, 1024, 1, k=64, target=20),
    Case("k-best", "16-qam", 8, 8, 1024, 1, k=8),
    Case("k-best", "64-qam", 4, 4, 1024, 1, k=16),
    Case("k-best", "16-qam", 32, 32, 128, 1, k=64),
    Case("ml", "16-qam", 4, 4, 64, 1, target=500),
    Case("ml", "16-qam", 4, 4, 64, 1, "exact"),
    Case("ml", "64-qam", 2, 2, 1024, 1, "exact", rate=200_000),
    Case("sphere", "bpsk", 64, 32, 1024, 1, rate=200_000),
    Case("sphere", "bpsk", 64, 32, 128, 14, rate=200_000),
)
# What only our own path without the kernel can be compared with.
OWN_CASES = (
    Case("mrc", "qpsk", 64, 32, 512, 1),
    Case("mmse-sic", "qpsk", 64, 32, 256, 1),
    Case("mmse-sic", "16-qam", 4, 4, 2048, 1),
    Case("cg", "qpsk", 64, 32, 512, 1),
    Case("cg", "qpsk", 64, 32, 64, 14),
    Case("wl-cg", "bpsk", 64, 32, 512, 1),
    Case("ep", "qpsk", 64, 32, 8, 14, "exact"),
    Case("oamp", "qpsk", 64, 32, 256, 1, rate=58_900),
    Case("oamp", "16-qam", 4, 4, 2048, 1, rate=3_800_000),
    Case("lama", "16-qam", 64, 64, 128, 1, "exact"),
    Case("gauss-seidel", "qpsk", 64, 32, 512, 1),
    Case("soft-sphere", "16-qam", 4, 4, 1024, 1),
    Case("soft-sphere", "qpsk", 8, 8, 256, 1),
)
SIMULATIONS = (("bpsk", 64, 32), ("qpsk", 64, 32), ("16-qam", 4, 4))
_BITS = {"qpsk": 2, "16-qam": 4, "64-qam": 6}
_NO_DEMAPPING = ("k-best", "soft-sphere")


def draw(case: Case) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """h, y, noise_var at 10 dB receive SNR."""
    generator = torch.Generator().manual_seed(1)
    detector = make_detector("lmmse", case.constellation)
    nt, noise_var = case.num_tx_ant, case.num_tx_ant / 10
    shape = (case.channels, case.num_rx_ant, nt)
    h = torch.randn(shape, dtype=torch.complex64, generator=generator)
    count = (case.channels, case.vectors, nt)
    sent = torch.randint(detector.constellation.num_points, count, generator=generator)
    noise = torch.randn(*count[:2], case.num_rx_ant, dtype=torch.complex64, generator=generator)
    y = detector.constellation.map(sent) @ h.mT + noise * noise_var**0.5
    return h, y, torch.full((case.channels,), noise_var)


def draw_prior(case: Case) -> torch.Tensor:
    """LLRs that agree with what was sent about as far as a decoder's might."""
    h, y, noise_var = draw(case)
    return make_detector("lmmse", case.constellation)(y, h, noise_var).llr().clamp(-20, 20) / 2


def build(case: Case) -> Detector:
    if case.detector == "sphere":
        return make_detector("sphere", case.constellation)
    if case.detector in _NO_DEMAPPING:
        options: dict[str, Any] = {"k": case.k} if case.k else {}
        return make_detector(case.detector, case.constellation, **options)
    return make_detector(case.detector, case.constellation, demapping=case.demapping)


def ours(case: Case) -> Callable[[], torch.Tensor]:
    h, y, noise_var = draw(case)
    detector = build(case)
    if case.detector == "sphere":
        return lambda: detector(y, h, noise_var).indices()
    if case.detector == "mmse-pic":
        prior = draw_prior(case)
        return lambda: detector(y, h, noise_var, prior).extrinsic_llr(prior)
    return lambda: detector(y, h, noise_var).llr()


def theirs(case: Case) -> Callable[[], torch.Tensor] | None:
    """The same of Sionna's, or None where it has no such detector."""
    if case.detector == "sphere":
        return None
    h, y, noise_var = draw(case)
    # Sionna has no block axis: a channel is repeated for each of its vectors.
    h = h.repeat_interleave(case.vectors, 0)
    y = y.flatten(0, 1)
    eye = torch.eye(case.num_rx_ant, dtype=torch.complex64)
    s = (noise_var[0] * eye).expand(len(y), -1, -1).contiguous()
    bits, nt = _BITS[case.constellation], case.num_tx_ant
    if case.detector == "k-best":
        block: Any = KBestDetector("bit", nt, case.k, "qam", bits, device="cpu")
    elif case.detector == "ml":
        method = "maxlog" if case.demapping == "max-log" else "app"
        block = MaximumLikelihoodDetector("bit", method, nt, "qam", bits, device="cpu")
    elif case.detector == "mmse-pic":
        method = "maxlog" if case.demapping == "max-log" else "app"
        pic = MMSEPICDetector("bit", method, 1, "qam", bits, device="cpu")
        prior = draw_prior(case).flatten(0, 1)
        return lambda: pic(y, h, s, prior)
    elif case.detector == "ep":
        block = EPDetector("bit", bits, l=10, device="cpu")
    else:
        method = "maxlog" if case.demapping == "max-log" else "app"
        block = LinearDetector(
            "lmmse", "bit", method, "qam", num_bits_per_symbol=bits, device="cpu"
        )
    return lambda: block(y, h, s)


def without_kernel(case: Case) -> Callable[[], torch.Tensor]:
    """Our own general path: the halves that serve where the kernel of both cannot."""
    h, y, noise_var = draw(case)
    detector = build(case)
    return lambda: detector._detect(detector._prepare(h, noise_var), y).llr()


def seconds_per_call(call: Callable[[], torch.Tensor], at_least: float) -> float:
    """CPU time on one thread, which what else runs disturbs little; on several that of the wall."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    calls, start = 0, clock()
    while True:
        call()
        calls += 1
        elapsed = clock() - start
        if elapsed >= at_least:
            return elapsed / calls


class Measured(NamedTuple):
    """Vectors per second of ours and of the peer, and their ratio; 0 without a peer."""

    rate: float
    peer: float
    ratio: float


def measure(case: Case, rounds: int, at_least: float) -> Measured:
    """Medians over rounds in which the contenders take turns."""
    mine, peer = ours(case), without_kernel(case) if case in OWN_CASES else theirs(case)
    vectors = case.channels * case.vectors
    if peer is None:
        mine()
        times = [seconds_per_call(mine, at_least) for _ in range(rounds)]
        return Measured(vectors / statistics.median(times), 0.0, 0.0)
    agreement = (mine() > 0).flatten() == (peer() > 0).flatten()
    # Our tree is another one: at 32 x 32 the peer's loses what was sent in many vectors.
    if agreement.float().mean() < (0.6 if case.detector == "k-best" else 0.95):
        raise RuntimeError(f"{case}: the contenders do not decide alike")
    times = [[seconds_per_call(call, at_least) for call in (mine, peer)] for _ in range(rounds)]
    medians = [vectors / statistics.median(column) for column in zip(*times, strict=True)]
    return Measured(*medians, statistics.median(b / a for a, b in times))


def aim(case: Case, found: Measured) -> tuple[str, str]:
    """What is aimed at and whether it was reached."""
    if case.target:
        return f"{case.target:g}", "yes" if found.ratio >= case.target else "no"
    if case.rate:
        return f"{case.rate:,.0f}/s", "yes" if found.rate >= case.rate else "no"
    return "", ""


def peer_name(case: Case) -> str:
    if case in OWN_CASES:
        return "float64" if case.detector == "soft-sphere" else "torch"
    return "none" if case.detector == "sphere" else "sionna"


Row = tuple[Case, Measured]


def results(
    cases: Sequence[Case], threads: int, rounds: int, at_least: float
) -> tuple[Table, list[Row]]:
    """The table that is printed, and the numbers in it."""
    torch.set_num_threads(threads)
    rows: list[Row] = []
    clock = "CPU time of 1 thread" if threads == 1 else f"wall time, {threads} threads"
    table = Table(title=clock)
    for title in ("detector", "size", "channels", "vectors", "demapping"):
        table.add_column(title)
    for title in ("ours, 1/s", "peer, 1/s", "us", "ratio", "peer", "target", "met"):
        table.add_column(title, justify="right")
    for case in cases:
        found = measure(case, rounds, at_least)
        rows.append((case, found))
        size = f"{case.num_rx_ant}x{case.num_tx_ant} {case.constellation}"
        name = f"{case.detector}({case.k})" if case.k else case.detector
        against = (f"{found.peer:,.0f}", f"{found.ratio:.1f}") if found.peer else ("-", "-")
        # Targets are for one thread.
        aimed = aim(case, found) if threads == 1 else ("", "")
        table.add_row(
            name,
            size,
            str(case.channels),
            str(case.vectors),
            case.demapping,
            f"{found.rate:,.0f}",
            against[0],
            f"{1e6 / found.rate:.3g}",
            against[1],
            peer_name(case),
            *aimed,
        )
    return table, rows


# The rows that the README shows: detector, constellation, streams, vectors, k.
_SHORT = {
    ("lmmse", "qpsk", 32, 1, 0),
    ("lmmse", "qpsk", 32, 14, 0),
    ("lmmse", "16-qam", 4, 1, 0),
    ("ep", "16-qam", 4, 1, 0),
    ("k-best", "qpsk", 32, 1, 16),
    ("k-best", "16-qam", 4, 1, 16),
    ("ml", "16-qam", 4, 1, 0),
    ("sphere", "bpsk", 32, 1, 0),
}


def publish(rows: Sequence[Row]) -> None:
    """Write the numbers of one thread for the pages."""
    command = "python benchmarks/bench_detectors.py --publish"
    record = measured.about(command, "sionna-no-rt", "torch", "numba")
    short = [
        (case, found)
        for case, found in rows
        if (case.detector, case.constellation, case.num_tx_ant, case.vectors, case.k) in _SHORT
        and case.channels > 1
        and case.demapping == ("exact" if case.detector == "ep" else "max-log")
    ]
    tables = {
        "speed": _markdown(short, record),
        "speed-all": _markdown(rows, record),
    }
    numbers = [{**case._asdict(), **found._asdict()} for case, found in rows]
    measured.publish("speed", {**record, "rows": numbers}, tables)


def _markdown(rows: Sequence[Row], record: Mapping[str, str]) -> str:
    """Vectors a second, ours and the peer's, with the ratio."""
    lines = [
        measured.caption(record),
        "",
        "| detector | streams, antennas | channels × vectors | ours [1/s] | peer [1/s] | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for case, found in rows:
        name = f"`{case.detector}(k={case.k})`" if case.k else f"`{case.detector}`"
        if case.demapping == "exact":
            name += ", exact"
        link = f"{case.num_tx_ant}, {case.num_rx_ant}, {case.constellation.upper()}"
        peer = f"{_short(found.peer)} ({peer_name(case)})" if found.peer else "–"
        ratio = f"{found.ratio:.3g}" if found.peer else "–"
        size = f"{case.channels} × {case.vectors}"
        lines.append(f"| {name} | {link} | {size} | {_short(found.rate)} | {peer} | {ratio} |")
    return "\n".join(lines)


def _short(rate: float) -> str:
    """Three digits, with k or M."""
    for factor, unit in ((1e6, " M"), (1e3, " k")):
        if rate >= factor:
            return f"{rate / factor:.3g}{unit}"
    return f"{rate:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description="our detectors against sionna-no-rt's")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.08, help="of one measurement, at least")
    parser.add_argument("--quick", action="store_true", help="one thread, three short rounds")
    parser.add_argument("--detectors", nargs="+", help="these alone")
    parser.add_argument("--publish", action="store_true", help="write the numbers for the pages")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.threads, arguments.rounds, arguments.seconds = [1], 3, 0.01
    console = Console(width=150)
    packages = ("mimolearn", "sionna-no-rt", "torch", "numba", "numpy")
    console.print(platform.processor() or platform.machine(), *map(_version, packages), sep=", ")
    # Some of Sionna's blocks would compile themselves for minutes before the first answer.
    torch.compiler.set_stance("force_eager")
    console.print("Sionna's blocks run eagerly.")
    every = (*CASES, *SEARCH_CASES, *OWN_CASES)
    chosen = arguments.detectors or detector_names()
    cases = [case for case in every if case.detector in chosen]
    for threads in arguments.threads:
        table, rows = results(cases, threads, arguments.rounds, arguments.seconds)
        console.print(table)
        if threads == 1 and arguments.publish:
            publish(rows)
    console.print(simulation_table(arguments.rounds))


def simulation_table(rounds: int) -> Table:
    """Whole simulations of LMMSE on fresh channels. A chunk runs on one thread, whatever is set."""
    table = Table("simulation of lmmse", "channels", "vectors/s", title="1 thread")
    for constellation, num_rx, num_tx in SIMULATIONS:
        scenario = Scenario(num_tx_ant=num_tx, num_rx_ant=num_rx, constellation=constellation)
        contenders = [("lmmse", make_detector("lmmse", constellation))]
        run_chunk(scenario, "10.000000", 0, contenders)
        times = []
        for chunk in range(10 * rounds):
            start = time.perf_counter()
            run_chunk(scenario, "10.000000", chunk, contenders)
            times.append(time.perf_counter() - start)
        channels = chunk_channels(scenario)
        rate = channels / statistics.median(times)
        table.add_row(f"{num_rx}x{num_tx} {constellation}", str(channels), f"{rate:,.0f}")
    return table


def _version(package: str) -> str:
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{package} (not installed, from source)"


if __name__ == "__main__":
    main()
