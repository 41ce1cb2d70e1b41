"""Who keeps its gain over estimated channels: the table of docs/uplink-gains.md, with intervals.

    python benchmarks/uplink_table.py [--store FILE] [--workers 1] [--slots 160] [--links NAME ...]

Every receiver of a link meets four estimators on the same channels and noise: P is told the
channel, W is a Wiener filter with the true second moments, R one that knows the longest delay and
the largest Doppler shift alone, L least squares with linear interpolation. The first table has the
SNR that each needs for a block error rate of 0.1, with its 95 % interval, the second one block
error rates at single SNRs. Results are kept in the store: the same command goes on, or prints them
again. The numbers go to benchmarks/uplink_table.json and the tables to standard output.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

from mimolearn.link.grid_scenario import GridScenario
from mimolearn.plans.contender import Contender
from mimolearn.results.comparison import Comparison
from mimolearn.studies import simulate

NUMBERS = Path(__file__).with_suffix(".json")
TARGET = 0.1
# Blocks of one slot fail together: intervals count slots.
ESTIMATORS: dict[str, Any] = {
    "P": "perfect",
    "W": "wiener",
    "R": {"name": "wiener", "statistics": "flat", "max_delay_s": 2.3e-6},
    "L": "ls-linear",
}
# The longest Doppler shift that R assumes, at 3 and at 34.3 m/s.
DOPPLER_HZ = {"low": 300.0, "high": 400.0}


class Link(NamedTuple):
    """What is run on one link.

    Attributes:
        name: as the table says.
        scenario: a shipped one.
        speed: "low" or "high".
        receivers: detectors that compete.
        snr_db: SNRs of the curves, dB; empty where only ``counts`` are wanted.
        counts: SNRs at which rates are tabulated, and the estimators there.
        mcs: row of the MCS table; None for that of the scenario.
    """

    name: str
    scenario: str
    speed: str
    receivers: tuple[str, ...]
    snr_db: tuple[float, ...] = ()
    counts: tuple[tuple[float, str], ...] = ()
    mcs: int | None = None

    def link(self) -> GridScenario:
        scenario = GridScenario.shipped(self.scenario)
        return scenario if self.mcs is None else scenario.with_mcs(self.mcs)

    def contenders(self, estimators: str) -> list[Contender]:
        """Every receiver with every one of these estimators."""
        return [self.contender(r, e) for e in estimators for r in self.receivers]

    def contender(self, receiver: str, estimator: str) -> Contender:
        fields = ESTIMATORS[estimator]
        if estimator == "R":
            fields = {**fields, "max_doppler_hz": DOPPLER_HZ[self.speed]}
        plain = Contender.parse(receiver)
        options = {**plain.options, "estimator": fields}
        return Contender(plain.name, options, label=f"{receiver} {estimator}")


USUAL = ("lmmse", "ep", "k-best", "tap-net-any")
LINKS = (
    Link(
        "4x4 16-QAM low",
        "uplink-4x4-16qam-low",
        "low",
        (*USUAL, "list-net-any", "oamp"),
        (6, 8, 10, 12, 14, 16),
    ),
    Link(
        "4x4 16-QAM high",
        "uplink-4x4-16qam-high",
        "high",
        USUAL,
        (6, 8, 10, 12, 14, 16),
        ((10, "PWL"),),
    ),
    Link(
        "4x4 64-QAM low",
        "uplink-4x4-64qam-low",
        "low",
        ("lmmse", "ep", "k-best:k=64", "list-net-any"),
        (12, 14, 16, 18, 20),
    ),
    Link(
        "8x8 16-QAM low",
        "uplink-8x8-16qam-low",
        "low",
        ("lmmse", "ep", "k-best:k=64", "list-net-any"),
        (3, 5, 7, 9, 11),
    ),
    Link(
        "4x16 16-QAM low",
        "uplink-4x16-16qam-low",
        "low",
        ("lmmse", "ep", "k-best"),
        (-5, -3, -1, 1, 3),
    ),
    Link(
        "4x4 QPSK low",
        "uplink-4x4-16qam-low",
        "low",
        ("lmmse", "ep", "k-best", "k-best:k=64", "tap-net-any", "list-net-any"),
        counts=((0, "W"), (-2, "WL")),
        mcs=4,
    ),
    Link(
        "4x16 16-QAM low",
        "uplink-4x16-16qam-low",
        "low",
        ("lmmse", "ep", "k-best", "k-best:k=64", "k-best:k=256", "list-net-any"),
        counts=((-3, "W"),),
    ),
)


def run(link: Link, estimators: str, snr_db: tuple[float, ...], options: Any) -> Comparison:
    return simulate(
        link.link(),
        link.contenders(estimators),
        list(snr_db),
        metric="bler",
        target=TARGET,
        min_errors=100,
        min_channels=96,
        max_vectors=options.slots * link.link().vectors_per_cluster,
        floor=TARGET / 4,
        store=options.store,
        workers=options.workers,
    )


def crossings(link: Link, options: Any) -> list[dict[str, Any]]:
    """SNR at the target of every receiver with every estimator."""
    found = run(link, "".join(ESTIMATORS), link.snr_db, options)
    cells = []
    for receiver in link.receivers:
        for estimator in ESTIMATORS:
            need = found.required_snr(f"{receiver} {estimator}")
            cells.append(
                {"link": link.name, "receiver": receiver, "estimator": estimator, **need._asdict()}
            )
    return cells


def rates(link: Link, options: Any) -> list[dict[str, Any]]:
    """Block error rates of every receiver at single SNRs."""
    cells = []
    for snr_db, estimators in link.counts:
        found = run(link, estimators, (snr_db,), options)
        for curve in found.curves:
            (point,) = curve.points
            low, high = point.interval("bler")
            receiver, estimator = curve.label.rsplit(" ", 1)
            cells.append(
                {
                    "link": link.name,
                    "receiver": receiver,
                    "estimator": estimator,
                    "snr_db": snr_db,
                    "wrong": point.counts.block_errors,
                    "blocks": point.counts.blocks,
                    "low": low,
                    "high": high,
                }
            )
    return cells


def crossing_text(cell: dict[str, Any]) -> str:
    value, low, high = cell["value_db"], cell["low_db"], cell["high_db"]
    if value is not None:
        return f"{value:.1f} [{low:.1f}, {high:.1f}]"
    return f"below {high:g}" if high is not None else f"above {low:g}"


def crossing_table(cells: list[dict[str, Any]]) -> str:
    lines = ["| link | receiver | P | W | R | L |", "|---|---|---|---|---|---|"]
    rows: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        rows.setdefault((cell["link"], cell["receiver"]), []).append(crossing_text(cell))
    lines += [f"| {link} | `{name}` | {' | '.join(row)} |" for (link, name), row in rows.items()]
    return "\n".join(lines)


def rate_table(cells: list[dict[str, Any]]) -> str:
    lines = ["| link | receiver | estimator | wrong | BLER |", "|---|---|---|---|---|"]
    for cell in cells:
        rate = cell["wrong"] / cell["blocks"]
        where = f"{cell['link']}, {cell['snr_db']:g} dB"
        span = f"{rate:.3f} [{cell['low']:.3f}, {cell['high']:.3f}]"
        counts = f"{cell['wrong']} of {cell['blocks']}"
        lines.append(
            f"| {where} | `{cell['receiver']}` | {cell['estimator']} | {counts} | {span} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", default="uplink-table.sqlite", help="results file")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--slots", type=int, default=160, help="the most of a point")
    parser.add_argument("--links", nargs="*", help="by name; all without it")
    options = parser.parse_args()
    chosen = [link for link in LINKS if not options.links or link.name in options.links]
    crossed: list[dict[str, Any]] = []
    counted: list[dict[str, Any]] = []
    for link in chosen:
        if link.snr_db:
            crossed += crossings(link, options)
        counted += rates(link, options)
        # What has been measured so far is not lost with the next link.
        NUMBERS.write_text(json.dumps({"crossings": crossed, "rates": counted}, indent=1) + "\n")
    print(crossing_table(crossed))
    print()
    print(rate_table(counted))


if __name__ == "__main__":
    main()
