"""Symbol errors of learned detectors where their papers or their authors' code publish numbers.

Each link has its channels, symbols and noise in common for all detectors, one vector a channel, or
``--vectors`` over each. SNRs are those of "received". "published" holds the stored results of the
authors at that SNR. With ``--baseline`` a line says how many symbols that detector gets right and
this one wrong, and the other way round.

    python benchmarks/learned_rivals.py --symbols 96000 oamp ep oamp-net2-any
    python benchmarks/learned_rivals.py --only "8 on 8" --symbols 48000 ep gepnet-16qam
"""

from __future__ import annotations

import argparse
import time
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from mimolearn import Scenario, load, make_detector, zoo_names
from mimolearn.detectors import Detector
from mimolearn.link.channels import AnyChannel, Kronecker, Rayleigh
from mimolearn.training.data import step_generator

_CHANNELS_A_CALL = 1000


class Link(NamedTuple):
    """A published point; tx, rx: correlations of neighbouring antennas at the two ends."""

    num_tx: int
    num_rx: int
    constellation: Literal["qpsk", "16-qam", "64-qam"]
    snr_db: float
    published: str
    tx: float = 0.0
    rx: float = 0.0

    def scenario(self) -> Scenario:
        """The link as a scenario."""
        channel: AnyChannel = Rayleigh()
        if self.tx or self.rx:
            channel = Kronecker(rx_correlation=self.rx, tx_correlation=self.tx)
        return Scenario(
            num_tx_ant=self.num_tx,
            num_rx_ant=self.num_rx,
            constellation=self.constellation,
            channel=channel,
            snr_definition="received",
        )

    def __str__(self) -> str:
        words = f"{self.num_tx} on {self.num_rx} {self.constellation}"
        if self.tx or self.rx:
            words += f", correlation {self.tx:g} and {self.rx:g}"
        return f"{words}, {self.snr_db:g} dB"


LINKS = (
    Link(16, 64, "16-qam", 13, "OAMP-Net 2.0e-4, RE-MIMO 2.3e-4, AMP 3.7e-4"),
    Link(32, 64, "16-qam", 15, "OAMP-Net 1.05e-3, RE-MIMO 1.28e-3, AMP 1.48e-3"),
    Link(32, 64, "64-qam", 21, "OAMP-Net 1.7e-3, RE-MIMO 5.9e-3, AMP 3.3e-3"),
    Link(16, 64, "16-qam", 15, "OAMP-Net 1.2e-3, RE-MIMO 3.4e-4", 0.6, 0.6),
    Link(32, 64, "16-qam", 19, "OAMP-Net 1.7e-3, RE-MIMO 5.2e-4", 0.6, 0.6),
    Link(32, 64, "16-qam", 20, "OAMP-Net 1.0e-2, RE-MIMO 3.9e-3", 0.7, 0.7),
    Link(32, 64, "16-qam", 18, "OAMP-Net 1.5e-3, RE-MIMO 7.3e-4", 0.0, 0.8),
    Link(8, 8, "16-qam", 20, "GEPNet 1.12e-2"),
    Link(8, 8, "16-qam", 25, "GEPNet 2.3e-4"),
    Link(8, 8, "16-qam", 30, "GEPNet 1.8e-5"),
    Link(4, 8, "16-qam", 17, "GEPNet 8.7e-4"),
)


def made(name: str, constellation: str) -> Detector:
    """A shipped network, or a detector with options: mmnet:num_steps=100."""
    if name in zoo_names():
        detector = load(name, constellation)
        assert isinstance(detector, Detector)
        return detector.eval().requires_grad_(False)
    base, _, options = name.partition(":")
    chosen = dict(option.split("=") for option in options.split(",") if option)
    numbers = {key: float(v) if "." in v else int(v) for key, v in chosen.items()}
    return make_detector(base, constellation, **numbers).eval().requires_grad_(False)


def measure(link: Link, names: list[str], symbols: int, vectors: int, baseline: str) -> None:
    """Print one line a detector."""
    scenario = link.scenario()
    channels = max(1, symbols // (link.num_tx * vectors))
    detectors = {
        name: made(name, link.constellation).eval().requires_grad_(False) for name in names
    }
    errors: dict[str, list[Tensor]] = {name: [] for name in names}
    seconds = dict.fromkeys(names, 0.0)
    for first in range(0, channels, _CHANNELS_A_CALL):
        count = min(_CHANNELS_A_CALL, channels - first)
        generator = step_generator(11, f"rivals {link}", first)
        h = scenario.channel.draw(count, link.num_rx, link.num_tx, generator)
        noise_var = scenario.noise_var(link.snr_db, h)
        block = scenario.transmit(h, noise_var, vectors, generator)
        for name, detector in detectors.items():
            start = time.perf_counter()
            decided = detector(block.y, block.h_hat, block.noise_var).indices()
            seconds[name] += time.perf_counter() - start
            errors[name].append(decided != block.indices)
    total = channels * vectors * link.num_tx
    print(f"{link}: {total} symbols, {channels} channels; published: {link.published}")
    wrong = {name: torch.cat(parts) for name, parts in errors.items()}
    for name in names:
        count = int(wrong[name].sum())
        line = f"  {name:20} {count:7} {count / total:.2e}"
        if baseline in wrong and name != baseline:
            better = int((wrong[baseline] & ~wrong[name]).sum())
            worse = int((wrong[name] & ~wrong[baseline]).sum())
            line += f"  mends {better}, spoils {worse} of {baseline}"
        print(f"{line}  {1e6 * seconds[name] / (channels * vectors):.1f} us", flush=True)


def main() -> None:
    """Measure all links."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", help="detectors and shipped networks")
    parser.add_argument("--symbols", type=int, default=96_000, help="of a link, about")
    parser.add_argument("--vectors", type=int, default=1, help="over each channel")
    parser.add_argument("--only", default="", help="links whose name contains this")
    parser.add_argument("--baseline", default="oamp", help="one of the names")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for link in LINKS:
        if arguments.only in str(link):
            rest = arguments.symbols, arguments.vectors, arguments.baseline
            measure(link, arguments.names, *rest)


if __name__ == "__main__":
    main()
