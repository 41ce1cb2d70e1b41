"""How far the networks for BPSK stay behind others on common draws, at a bit error rate of 1e-3.

    python benchmarks/network_gaps.py [widths] [sizes] [--share 1.0]

widths: WeSNets, deeper DetNets and the slimmable network behind DetNet, 30 x 60. sizes: equi-net,
the same guarded by a tree search, and tap-net, behind exact ML from 10 x 20 to 30 x 60, and behind
tap-net-8v at 60 x 120, where a search is too long. dB with a paired 95 % interval; some minutes of
one thread each, of which --share takes a part.
"""

from __future__ import annotations

import argparse

import torch

from mimolearn import Detector, Scenario, load, simulate
from mimolearn.detectors import SlimWeSNet
from mimolearn.link.channels import RealGaussian
from mimolearn.studies import Contender

_TARGET = 1e-3
_NETWORK = "equi-net-bpsk"
# Transmit antennas, of which there are twice as many at the receiver; SNRs; vectors a point.
_SIZES = (
    (10, (10.5, 11.0, 11.5), 100_000),
    (16, (10.0, 10.5, 11.0), 60_000),
    (30, (10.0, 10.5, 11.0), 40_000),
    (60, (10.0, 10.5, 11.0), 20_000),
)
_LARGEST_SEARCH = 30
_WIDTH_SNRS, _WIDTH_VECTORS = (10.2, 10.6, 11.0), 150_000


def report(
    scenario: Scenario,
    contenders: list[Contender | Detector | str],
    snrs: tuple[float, ...],
    vectors: int,
) -> None:
    """Gaps to the first contender."""
    found = simulate(
        scenario,
        contenders,
        list(snrs),
        min_errors=10**9,
        max_vectors=vectors,
        floor=0.0,
        target=_TARGET,
    )
    first = found.curves[0].label
    for curve in found.curves[1:]:
        gap = found.gap(first, curve.label)
        words = gap.note
        if gap.value_db is not None and gap.low_db is not None and gap.high_db is not None:
            words = f"{gap.value_db:+.3f} dB [{gap.low_db:+.3f}, {gap.high_db:+.3f}]"
        print(f"  {curve.label} behind {first}: {words}", flush=True)


def widths(share: float) -> None:
    """All contenders on the draws of the same channels."""
    slim = load("slim-wesnet-30x60-bpsk")
    assert isinstance(slim, SlimWeSNet)
    cut = [
        Contender.from_detector(f"slim, {width:.0%}", slim.at(width=width))
        for width in (1.0, 0.5, 0.2)
    ]
    names = [f"wesnet-30x60-bpsk-{percent}" for percent in (50, 20)]
    deep = [f"detnet-30x60-bpsk-{layers}" for layers in (30, 90)]
    print("30 x 60")
    contenders = ["detnet-30x60-bpsk", *deep, *names, *cut]
    report(
        Scenario.shipped("detnet-30x60-bpsk"), contenders, _WIDTH_SNRS, int(share * _WIDTH_VECTORS)
    )


def sizes(share: float) -> None:
    for num_tx, snrs, vectors in _SIZES:
        scenario = Scenario(
            num_tx_ant=num_tx,
            num_rx_ant=2 * num_tx,
            constellation="bpsk",
            snr_definition="per_realisation",
            channel=RealGaussian(entry_variance="1"),
        )
        searched = num_tx <= _LARGEST_SEARCH
        contenders = ["sphere" if searched else "tap-net-8v", _NETWORK, "tap-net-any"]
        if searched:
            contenders.append(f"guarded:inner={_NETWORK},fallback=k-best:k=16")
        print(f"{num_tx} x {2 * num_tx}")
        report(scenario, [*contenders], snrs, int(share * vectors))


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("what", nargs="*", default=["widths", "sizes"], help="widths, sizes")
    parser.add_argument("--share", type=float, default=1.0, help="of the vectors")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tables = {"widths": widths, "sizes": sizes}
    for what in options.what:
        if what not in tables:
            parser.error(f"what: got {what!r}, expected widths or sizes")
        tables[what](options.share)


if __name__ == "__main__":
    main()
