"""Mutual information of soft bits on many links: list-net against what it is made of.

Every link has its channels, symbols and noise in common for all detectors, one vector a channel.
GMI is 1 - E log2(1 + exp(-llr of the sent bit)) a bit, LLRs as they are. "ahead" is the GMI of
list-net less the best of lmmse, ep and k-best with as long a list; the interval of 95 % is that of
the mean over channels of the difference to that detector. Links marked * are of kinds that no
training link has. Writes one line a link and detector.

    python benchmarks/list_net_gmi.py --bits 60000 --out benchmarks/list_net_gmi.csv
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from mimolearn import Scenario, load, make_detector
from mimolearn.detectors import ListNet
from mimolearn.link.channels import AnyChannel, Kronecker, Rayleigh
from mimolearn.link.scenario import ChannelKnowledge
from mimolearn.training.data import step_generator


class Link(NamedTuple):
    """SNRs are those of "per_stream", in dB; rho at both ends, csi the channel error's variance."""

    num_tx: int
    num_rx: int
    constellation: Literal["qpsk", "16-qam", "64-qam", "256-qam"]
    snr_db: tuple[float, ...]
    rho: float = 0.0
    csi: float = 0.0
    unseen: bool = False

    def scenario(self) -> Scenario:
        """The link as a scenario."""
        channel: AnyChannel = Rayleigh()
        if self.rho:
            channel = Kronecker(rx_correlation=self.rho, tx_correlation=self.rho)
        return Scenario(
            num_tx_ant=self.num_tx,
            num_rx_ant=self.num_rx,
            constellation=self.constellation,
            channel=channel,
            snr_definition="per_stream",
            csi=ChannelKnowledge(error_var=self.csi, noise="thermal"),
        )

    def __str__(self) -> str:
        words = f"{self.num_tx} on {self.num_rx} {self.constellation}"
        words += f", rho {self.rho:g}" if self.rho else ""
        words += f", channel error {self.csi:g}" if self.csi else ""
        return words + (" *" if self.unseen else "")


LINKS = (
    Link(4, 16, "16-qam", (-8, -5, -3, 0)),
    Link(4, 64, "16-qam", (-14, -12, -9)),
    Link(4, 4, "16-qam", (3, 7, 11, 16)),
    Link(4, 4, "64-qam", (8, 12, 18)),
    Link(2, 2, "64-qam", (10, 18)),
    Link(8, 8, "qpsk", (-3, 1, 5)),
    Link(8, 8, "16-qam", (2, 5, 9, 14)),
    Link(16, 16, "16-qam", (4, 8, 12)),
    Link(16, 32, "16-qam", (-5, -1)),
    Link(8, 16, "16-qam", (0, 4, 9), rho=0.6),
    Link(4, 4, "256-qam", (14, 20, 26), unseen=True),
    Link(8, 8, "64-qam", (8, 12, 18), unseen=True),
    Link(8, 16, "16-qam", (0, 4, 8, 14), rho=0.7, unseen=True),
    Link(8, 16, "64-qam", (6, 10, 16), rho=0.7, unseen=True),
    Link(8, 8, "16-qam", (6, 12, 18), rho=0.7, unseen=True),
    Link(4, 4, "16-qam", (10, 20), rho=0.9, unseen=True),
    Link(6, 4, "qpsk", (2, 6, 12), unseen=True),
    Link(6, 4, "16-qam", (6, 12, 18), unseen=True),
    Link(12, 8, "qpsk", (0, 6), unseen=True),
    Link(4, 4, "16-qam", (7, 11, 16), csi=0.01, unseen=True),
    Link(8, 8, "16-qam", (5, 9, 14), csi=0.01),
    Link(32, 64, "16-qam", (-4, -1), rho=0.6, unseen=True),
    Link(32, 32, "qpsk", (-2, 2), unseen=True),
)


def shares(llr: Tensor, bits: Tensor) -> Tensor:
    """GMI of every channel (N): its mean over channels is that of the link."""
    signs = 2.0 * bits.double() - 1
    lost = functional.softplus(-signs * llr.double()) / math.log(2)
    return 1 - lost.flatten(1).mean(1)


def measure(link: Link, snr_db: float, bits: int, names: dict[str, str]) -> list[dict[str, object]]:
    """One line a detector; names: of detectors with options in the form of contenders."""
    scenario = link.scenario()
    points = scenario.points()
    num = max(200, bits // (link.num_tx * points.bits_per_symbol))
    block = scenario.draw(snr_db, num, step_generator(7, f"list-net {link}", round(10 * snr_db)))
    sent = points.indices_to_bits(block.indices)
    gained: dict[str, Tensor] = {}
    lines = []
    for label, name in names.items():
        detector, _, k = name.partition(":k=")
        if detector in ("lmmse", "ep", "k-best"):
            made = make_detector(detector, link.constellation, **({"k": int(k)} if k else {}))
        else:
            made = load(detector, link.constellation)
            assert isinstance(made, ListNet)
            made = made.at(k=int(k))
        made.eval().requires_grad_(False)
        start = time.perf_counter()
        detection = made(block.y, block.h_hat, block.noise_var)
        gained[label] = shares(detection.llr(), sent)
        seconds = time.perf_counter() - start
        errors = int((detection.bits() != sent).sum())
        line = {"link": str(link), "snr_db": snr_db, "vectors": num, "detector": label}
        gmi = round(float(gained[label].mean()), 5)
        us = round(1e6 * seconds / num, 1)
        lines.append(line | {"gmi": gmi, "bit_errors": errors, "bits": sent.numel(), "us": us})
    for line in lines:
        label = str(line["detector"])
        if not label.startswith("list-net"):
            continue
        k = label.rsplit(" ", 1)[1]
        rivals = ("lmmse", "ep", f"k-best {k}")
        best = max(rivals, key=lambda name: float(gained[name].mean()))
        gap = gained[label] - gained[best]
        line["best_rival"] = best
        line["ahead"] = round(float(gap.mean()), 5)
        line["interval"] = round(1.96 * float(gap.std()) / math.sqrt(num), 5)
    return lines


def main() -> None:
    """Measure all links and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bits", type=int, default=60_000, help="of a link, about")
    parser.add_argument("--out", type=Path, default=None, help="CSV file")
    parser.add_argument("--only", default="", help="links whose name contains this")
    parser.add_argument("--lengths", type=int, nargs="+", default=[16, 64], help="of the lists")
    parser.add_argument("--weights", default="list-net-any", help="name or file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    names = {"lmmse": "lmmse", "ep": "ep"}
    names |= {f"k-best {k}": f"k-best:k={k}" for k in arguments.lengths}
    for k in arguments.lengths:
        names[f"list-net {k}"] = f"{arguments.weights}:k={k}"
    lines = []
    for link in LINKS:
        for snr_db in link.snr_db if arguments.only in str(link) else ():
            found = measure(link, snr_db, arguments.bits, names)
            lines += found
            numbers = "  ".join(f"{line['detector']} {line['gmi']:.4f}" for line in found)
            ahead = "  ".join(
                f"{line['ahead']:+.4f} ({line['interval']:.4f}) {line['best_rival']}"
                for line in found
                if "ahead" in line
            )
            print(f"{link} {snr_db:g} dB: {numbers}  ahead {ahead}", flush=True)
    if arguments.out is not None:
        with arguments.out.open("w", newline="", encoding="utf-8") as stream:
            fields = list(dict.fromkeys(name for line in lines for name in line))
            writer = csv.DictWriter(stream, fields)
            writer.writeheader()
            writer.writerows(lines)


if __name__ == "__main__":
    main()
