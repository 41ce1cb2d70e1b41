"""How far tap-net and its rivals stay from exact maximum likelihood, on common draws.

Prints, for each case, bit error rates, the dB that each contender needs more than ``sphere`` at a
target rate (with a 95 % interval that uses the common draws), and for "gmi" the mutual information
per bit of soft outputs. Every case takes two or three minutes on one core with the default errors.

    python benchmarks/tap_net_gap.py bpsk-32x32 qpsk-32x64 --errors 1000
"""

from __future__ import annotations

import argparse
import math
from typing import Literal, NamedTuple

import torch

from mimolearn import Scenario, simulate
from mimolearn.detectors import Detector, Las, make_detector
from mimolearn.detectors.text import detector_from_text
from mimolearn.link.channels import Kronecker, Rayleigh
from mimolearn.studies import Comparison, Contender

NETWORKS = ("tap-net-5s", "tap-net-8v", "tap-net-any")


class Case(NamedTuple):
    """num_tx, num_rx; r: Kronecker correlation at both ends; target: a bit error rate."""

    constellation: Literal["bpsk", "qpsk"]
    num_tx: int
    num_rx: int
    snr_db: tuple[float, ...]
    target: float
    r: float = 0.0

    def scenario(self) -> Scenario:
        channel = Rayleigh(entry_variance="1/Nr")
        if self.r:
            channel = Kronecker(entry_variance="1/Nr", rx_correlation=self.r, tx_correlation=self.r)
        return Scenario(
            num_tx_ant=self.num_tx,
            num_rx_ant=self.num_rx,
            channel_reuse=4,
            constellation=self.constellation,
            channel=channel,
        )


CASES = {
    "bpsk-32x64": Case("bpsk", 32, 64, (3.5, 4.0, 4.5), 1e-3),
    "bpsk-32x64-low": Case("bpsk", 32, 64, (5.2, 5.6, 6.0), 1e-4),
    "bpsk-32x32": Case("bpsk", 32, 32, (6.8, 7.3, 7.8), 1e-3),
    "bpsk-32x32-low": Case("bpsk", 32, 32, (8.5, 8.9, 9.3), 1e-4),
    "qpsk-32x64": Case("qpsk", 32, 64, (6.6, 7.0, 7.4), 1e-3),
    "qpsk-32x64-low": Case("qpsk", 32, 64, (8.2, 8.6, 9.0), 1e-4),
    "qpsk-32x32": Case("qpsk", 32, 32, (10.2, 10.6, 11.0), 1e-3),
    "qpsk-32x32-low": Case("qpsk", 32, 32, (11.9, 12.3), 1e-4),
    "qpsk-32x64-correlated": Case("qpsk", 32, 64, (9.2, 9.6, 10.0, 10.4), 1e-4, r=0.5),
}
# What costs an inverse a layer and vector runs on the first SNR of a case only.
SLOW = ("ep",)


def contenders(constellation: str, networks: list[str]) -> list[Contender]:
    """Exact ML first."""
    found: list[Detector | str] = ["sphere", "lmmse", "oamp"]
    if constellation == "bpsk":
        found.insert(2, "wl-lmmse")
    named = [Contender.parse(name) for name in found]
    named.append(Contender.from_detector("wl-lmmse + las", Las(constellation, "wl-lmmse")))
    named.append(
        Contender.from_detector("tap-net untrained", make_detector("tap-net", constellation))
    )
    return named + [Contender.parse(name) for name in networks]


def report(
    name: str, case: Case, networks: list[str], errors: int, vectors: int, store: str | None
) -> None:
    scenario = case.scenario()
    rivals = contenders(case.constellation, networks)
    found = simulate(
        scenario,
        rivals,
        list(case.snr_db),
        target=case.target,
        min_errors=errors,
        max_vectors=vectors,
        floor=0.0,
        store=store,
    )
    print(f"\n{name}: BER at {', '.join(f'{snr:g}' for snr in case.snr_db)} dB; dB behind ML")
    for curve in found.curves:
        rates = "  ".join(f"{point.rate():.3e}" for point in curve.points)
        print(f"  {curve.label:24s} {rates}   {gap(found, curve.label)}")
    for slow in SLOW:
        snr = case.snr_db[-1]
        few = simulate(scenario, ["sphere", slow], [snr], max_vectors=vectors // 8)
        rates = [few.curve(label).points[0].rate() for label in ("sphere", slow)]
        print(f"  {slow:24s} {rates[1]:.3e} at {snr:g} dB, where ML has {rates[0]:.3e} on the same")


def gap(found: Comparison, label: str) -> str:
    if label == "sphere":
        estimate = found.required_snr(label)
        return (
            "" if estimate.value_db is None else f"reaches the target at {estimate.value_db:.2f} dB"
        )
    difference = found.gap("sphere", label)
    if difference.value_db is None or difference.low_db is None or difference.high_db is None:
        return difference.note
    return f"{difference.value_db:+.3f} [{difference.low_db:+.3f}, {difference.high_db:+.3f}]"


def report_gmi(networks: list[str], vectors: int) -> None:
    """Mutual information per bit at BPSK 32x32, LLRs as they are."""
    scenario = Case("bpsk", 32, 32, (), 1e-3).scenario()
    rivals = ["wl-lmmse", "oamp", "ep", "tap-net"]
    detectors = {name: make_detector(name, "bpsk") for name in rivals}
    detectors |= {name: detector_from_text(name, "bpsk") for name in networks}
    print("\ngmi: bits per bit at 2, 4, 6 dB, BPSK 32x32")
    for name, detector in detectors.items():
        count = vectors // 16 if name in SLOW else vectors
        rates = [mutual_information(detector, scenario, snr, count) for snr in (2.0, 4.0, 6.0)]
        print(f"  {name:24s} " + "  ".join(f"{rate:.4f}" for rate in rates))


@torch.no_grad()
def mutual_information(
    detector: Detector, scenario: Scenario, snr_db: float, vectors: int
) -> float:
    """1 - E log2(1 + exp(-llr)) of the sent bit."""
    generator = torch.Generator().manual_seed(11)
    total = count = 0.0
    while count < vectors * scenario.num_tx_ant:
        block = scenario.draw(snr_db, 256, generator)
        bits = scenario.points().indices_to_bits(block.indices)
        llr = detector(block.y, block.h_hat, block.noise_var).llr()
        sent = torch.where(bits == 1, llr, -llr)
        total += float(torch.nn.functional.softplus(-sent.double()).sum()) / math.log(2)
        count += bits.numel()
    return 1 - total / count


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("cases", nargs="*", default=[*CASES, "gmi"], metavar="case")
    parser.add_argument("--errors", type=int, default=1000, help="bit errors a point")
    parser.add_argument("--vectors", type=int, default=200_000, help="most vectors a point")
    parser.add_argument("--store", help="results file, which is taken up where it was left")
    parser.add_argument(
        "--networks", nargs="+", default=list(NETWORKS), help="names, files, or text"
    )
    parser.add_argument("--snr-db", type=float, nargs="+", help="in place of the case's own")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.cases:
        if name == "gmi":
            report_gmi(options.networks, min(options.vectors, 32_768))
        elif name in CASES:
            report(
                name,
                CASES[name]._replace(snr_db=tuple(options.snr_db or CASES[name].snr_db)),
                options.networks,
                options.errors,
                options.vectors,
                options.store,
            )
        else:
            parser.error(f"unknown case {name!r}, expected one of {', '.join([*CASES, 'gmi'])}")


if __name__ == "__main__":
    main()
