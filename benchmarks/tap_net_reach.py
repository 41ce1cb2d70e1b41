"""How far one set of tap-net's weights goes: many links, each with the best classical receiver.

Bit error rates on common draws, four vectors a channel: independent fading, or Kronecker
correlation r at both ends. Each network also guarded by ``ep`` and by ``k-best:k=64``, which are
asked where its answer is implausible.
The last column is the lowest rate of the classical receivers' over that of each network: above 1
the network is ahead. Interval: 95 %, over channels.

    python benchmarks/tap_net_reach.py --channels 1024
"""

from __future__ import annotations

import argparse
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from mimolearn import Scenario, load, make_detector
from mimolearn.detectors import Detector, Guarded
from mimolearn.link.channels import Kronecker, Rayleigh

CLASSICAL = ("wl-lmmse", "ep")
FALLBACKS = ("ep", "k-best:k=64")
_CHANNELS_A_CALL = 128


class Link(NamedTuple):
    num_tx: int
    num_rx: int
    constellation: Literal["bpsk", "qpsk", "16-qam", "64-qam"]
    r: float
    snr_db: float


LINKS = (
    Link(8, 8, "bpsk", 0.0, 9.0),
    Link(8, 8, "16-qam", 0.0, 27.0),
    Link(32, 32, "bpsk", 0.0, 8.5),
    Link(32, 32, "qpsk", 0.0, 11.1),
    Link(32, 64, "64-qam", 0.0, 20.1),
    Link(32, 64, "qpsk", 0.5, 9.0),
    Link(32, 64, "16-qam", 0.5, 17.1),
    Link(64, 128, "16-qam", 0.5, 16.5),
    Link(32, 64, "64-qam", 0.5, 24.5),
    Link(32, 64, "qpsk", 0.7, 14.0),
    Link(8, 16, "16-qam", 0.7, 23.5),
    Link(16, 32, "64-qam", 0.7, 31.0),
    Link(32, 64, "64-qam", 0.7, 31.0),
    Link(64, 128, "64-qam", 0.7, 32.2),
)


def ratio(best: Tensor, errors: Tensor) -> str:
    """Of two mean counts over the same channels, with an interval by the delta method."""
    if not errors.sum():
        return "no error"
    found = float(best.mean() / errors.mean())
    spread = (best - found * errors).std() / errors.mean() / len(errors) ** 0.5
    return f"{found:.2f} +- {1.96 * float(spread):.2f}"


@torch.no_grad()
def compare(link: Link, networks: list[str], channels: int) -> None:
    model = Rayleigh(entry_variance="1/Nr")
    if link.r:
        model = Kronecker(entry_variance="1/Nr", rx_correlation=link.r, tx_correlation=link.r)
    scenario = Scenario(
        num_tx_ant=link.num_tx,
        num_rx_ant=link.num_rx,
        constellation=link.constellation,
        channel=model,
        channel_reuse=4,
    )
    detectors: dict[str, Detector] = {
        name: make_detector(name, link.constellation) for name in CLASSICAL
    }
    for name in networks:
        network = load(name, link.constellation)
        detectors[name] = network
        for fallback in FALLBACKS:
            guarded = Guarded(link.constellation, network, fallback)
            detectors[f"{name}, guarded by {fallback}"] = guarded
    errors: dict[str, list[Tensor]] = {name: [] for name in detectors}
    generator = torch.Generator().manual_seed(23)
    for start in range(0, channels, _CHANNELS_A_CALL):
        count = min(_CHANNELS_A_CALL, channels - start)
        block = scenario.draw(link.snr_db, count, generator)
        bits = scenario.points().indices_to_bits(block.indices)
        for name, detector in detectors.items():
            wrong = detector(block.y, block.h_hat, block.noise_var).bits() != bits
            errors[name].append(wrong.flatten(1).double().mean(1))
    rates = {name: torch.cat(parts) for name, parts in errors.items()}
    best = min(CLASSICAL, key=lambda name: float(rates[name].mean()))
    print(f"{link.num_tx}x{link.num_rx} {link.constellation} r={link.r:g} {link.snr_db:g} dB")
    for name, rate in rates.items():
        against = "" if name in CLASSICAL else f"   {best}'s over it {ratio(rates[best], rate)}"
        print(f"  {name.rpartition('/')[2]:36s} {float(rate.mean()):.2e}{against}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--channels", type=int, default=1024, help="with 4 vectors each")
    parser.add_argument("--networks", nargs="+", default=["tap-net-any"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    for link in LINKS:
        compare(link, options.networks, options.channels)


if __name__ == "__main__":
    main()
