"""The tables of docs/choosing.md: who needs how much SNR on eleven links, and in what time.

    python benchmarks/choosing.py [--links square-8 ...] [--max-vectors 300000] [--workers 2]

Every receiver of a link sees the same channels, symbols and noise. SNRs are placed around the
target by a short search. Counts are kept in --store, so that an interrupted run goes on. Writes
docs/measured/choosing.json, and the tables of the page from it.
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

from rich.console import Console

import measured
import mimolearn as ml
from mimolearn.plans.plan import load_scenario
from mimolearn.studies import snr_around_target

_PLAIN = ("lmmse", "mmse-sic", "oamp", "ep", "k-best:k=16", "k-best:k=64", "tap-net-any")
_CODED = ("lmmse", "ep", "k-best:k=16", "list-net-any", "mmse-pic:passes=1")
_SQUARE = (*_PLAIN, "sphere")
_KRONECKER = {"model": "kronecker", "rx_correlation": 0.7, "tx_correlation": 0.7}
_CODE = {"code": "802.11n-ldpc"}


class Link(NamedTuple):
    """One column: what it is in words, its scenario, who competes, and at what target."""

    words: str
    scenario: dict[str, Any] | str
    contenders: tuple[str, ...] = _PLAIN
    metric: str = "ber"
    target: float = 1e-3
    max_vectors: int = 300_000


def _plain(rx: int, tx: int, **more: Any) -> dict[str, Any]:
    link = {"num_rx_ant": rx, "num_tx_ant": tx, "constellation": "16-qam"}
    return link | {"snr_definition": "received"} | more


LINKS = {
    "quarter": Link("4 streams, 16 antennas", _plain(16, 4), _SQUARE),
    "half": Link("32 streams, 64 antennas", _plain(64, 32)),
    "square-8": Link("8 streams, 8 antennas", _plain(8, 8), _SQUARE),
    "square-32": Link("32 streams, 32 antennas", _plain(32, 32), (*_PLAIN, "lama")),
    "square-64": Link(
        "64 streams, 64 antennas", _plain(64, 64), (*_PLAIN, "lama"), max_vectors=60_000
    ),
    "overloaded": Link(
        "6 streams, 4 antennas", _plain(4, 6), _SQUARE, target=1e-2, max_vectors=60_000
    ),
    "correlated": Link(
        "32 streams, 64 antennas, correlation 0.7 at both ends",
        _plain(64, 32, channel=_KRONECKER),
        max_vectors=100_000,
    ),
    "estimated": Link(
        "8 streams, 8 antennas, channel estimate with an error of 0.2 %",
        _plain(8, 8, csi={"error_var": 0.002}),
        _SQUARE,
        target=1e-2,
    ),
    "coded-square": Link(
        "4 streams, 4 antennas, 802.11n code of rate 1/2",
        _plain(4, 4, snr_definition="per_stream", coding=_CODE),
        _CODED,
        "bler",
        0.1,
    ),
    "coded-light": Link(
        "4 streams, 16 antennas, 802.11n code of rate 1/2",
        _plain(16, 4, snr_definition="per_stream", coding=_CODE),
        _CODED,
        "bler",
        0.1,
    ),
    "uplink": Link("5G uplink, 4 streams, 4 antennas", "uplink-4x4-16qam-low", _CODED, "bler", 0.1),
}


def measure(link: Link, options: argparse.Namespace) -> dict[str, Any]:
    """SNR with interval, loss to the best, and time of every receiver of a link."""
    given = link.scenario
    scenario = (
        ml.Scenario.model_validate(given) if isinstance(given, dict) else load_scenario(given)
    )
    most = min(link.max_vectors, options.max_vectors)
    wanted: dict[str, Any] = {"target": link.target, "metric": link.metric}
    if isinstance(given, str):
        wanted |= {"min_channels": 64}
        most = link.max_vectors
    plan = ml.RunPlan.model_validate({"contenders": link.contenders, "max_vectors": most, **wanted})
    snrs = snr_around_target(scenario, plan)
    result = ml.compare(
        scenario,
        list(link.contenders),
        snrs,
        max_vectors=most,
        min_errors=options.min_errors,
        workers=options.workers,
        store=options.store,
        progress=options.progress,
        **wanted,
    )
    labels = [curve.label for curve in result.curves]
    needed = {label: result.required_snr(label) for label in labels}
    reached = [label for label in labels if needed[label].value_db is not None]
    best = min(reached, key=lambda label: needed[label].value_db or 0.0)
    rows = {}
    for label in labels:
        estimate, gap = needed[label], result.gap(best, label)
        timing = result.timings[label]
        rows[label] = {
            "snr_db": estimate.value_db,
            "low_db": estimate.low_db,
            "high_db": estimate.high_db,
            "note": estimate.note,
            "loss_db": gap.value_db,
            "time_us": timing.vector_us,
        }
    return {"words": link.words, "metric": link.metric, "target": link.target, "receivers": rows}


def cell(row: dict[str, Any], best: bool) -> str:
    """SNR (loss), then microseconds."""
    low, high = row["low_db"], row["high_db"]
    if row["snr_db"] is None and low is not None and high is not None:
        text = f"between {low:g} and {high:g}"
    elif row["snr_db"] is None:
        text = f"above {low:g}" if high is None else f"below {high:g}"
    else:
        loss = "" if row["loss_db"] is None else f" ({row['loss_db']:.2f})"
        text = f"{row['snr_db']:.2f}{loss}"
    return f"{f'**{text}**' if best else text} | {row['time_us']:.3g}"


def table(links: dict[str, Any]) -> str:
    """One table a link: receivers in the order of their SNR."""
    parts = []
    for name, link in links.items():
        metric = {"ber": "bit error rate", "bler": "block error rate"}[link["metric"]]
        parts.append(f"**{link['words']}** (`{name}`), {metric} {link['target']:g}:\n")
        parts.append("| receiver | SNR (loss to the best) [dB] | time [µs] |\n|---|---|---|")
        ordered = sorted(
            link["receivers"].items(),
            key=lambda item: (item[1]["snr_db"] is None, item[1]["snr_db"] or 0.0),
        )
        for i, (label, row) in enumerate(ordered):
            parts.append(f"| `{label}` | {cell(row, i == 0)} |")
        parts.append("")
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the tables of docs/choosing.md.")
    parser.add_argument("--links", nargs="*", choices=list(LINKS), default=list(LINKS))
    parser.add_argument("--max-vectors", type=int, default=300_000)
    parser.add_argument("--min-errors", type=int, default=400)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--store", default="choosing.sqlite")
    parser.add_argument("--progress", action="store_true")
    options = parser.parse_args()
    links = measured.load("choosing").get("links", {})
    record = measured.about("python benchmarks/choosing.py", "torch", "numba")
    for name in options.links:
        links[name] = measure(LINKS[name], options)
        links = {key: links[key] for key in LINKS if key in links}
        content = f"{measured.caption(record)}\n\n{table(links)}"
        measured.publish("choosing", {**record, "links": links}, {"choosing": content})
        Console().print(f"{name} done", highlight=False)


if __name__ == "__main__":
    main()
