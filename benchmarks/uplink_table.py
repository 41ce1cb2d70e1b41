"""Who keeps the gain over LMMSE on estimated channels: the table of docs/uplink.md.

    python benchmarks/uplink_table.py [--out mimolearn-results/reproduction] [--budget-min 0]

Runs `mimolearn reproduce uplink`, or takes the counts that an earlier run left in --out. Writes
docs/measured/uplink.json and the table.
"""

from __future__ import annotations

import argparse
from typing import Any

import measured
from mimolearn.papers import ExperimentResult, run_experiment, select_experiments
from mimolearn.results.crossings import SnrEstimate
from mimolearn.studies import Comparison

_ESTIMATORS = "PWRL"


def main() -> None:
    """Run and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", default="mimolearn-results/reproduction")
    parser.add_argument("--budget-min", type=float, default=0.0, help="of each link")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    links = []
    for one in select_experiments(["uplink"]):
        result = run_experiment(
            one, options.out, budget_min=options.budget_min, workers=options.workers
        )
        links.append(_numbers(result))
    record = measured.about("python benchmarks/uplink_table.py", "torch", "numba")
    table = f"{_table(links)}\n\n{measured.caption(record)}"
    measured.publish("uplink", {**record, "links": links}, {"uplink": table})


def _numbers(result: ExperimentResult) -> dict[str, Any]:
    """SNRs of a link by receiver and estimator."""
    (content,) = result.findings.panels.values()
    if not isinstance(content, Comparison):
        raise TypeError(f"{result.experiment.name} holds no error rates")
    receivers: dict[str, dict[str, Any]] = {}
    for curve in content.curves:
        name, _, estimator = curve.label.rpartition(" ")
        needed = content.required_snr(curve.label)
        receivers.setdefault(name, {})[estimator] = {
            "snr_db": needed.value_db,
            "low_db": needed.low_db,
            "high_db": needed.high_db,
            "words": _cell(needed),
        }
    (panel,) = result.experiment.panels
    slots = max(point.counts.channels for curve in content.curves for point in curve.points)
    return {"link": panel.title, "slots": slots, "receivers": receivers}


def _cell(needed: SnrEstimate) -> str:
    """An SNR with its interval, or the side on which it lies."""
    if needed.value_db is not None and needed.low_db is not None and needed.high_db is not None:
        return f"{needed.value_db:.1f} [{needed.low_db:.1f}, {needed.high_db:.1f}]"
    if needed.value_db is not None:
        return f"{needed.value_db:.1f}"
    if needed.low_db is not None and needed.high_db is None:
        return f"above {needed.low_db:g}"
    if needed.high_db is not None and needed.low_db is None:
        return f"below {needed.high_db:g}"
    return f"{needed.low_db:g} to {needed.high_db:g}" if needed.low_db is not None else "–"


def _table(links: list[dict[str, Any]]) -> str:
    lines = ["| link | slots a point | receiver | P | W | R | L |", "|---|---|---|---|---|---|---|"]
    for link in links:
        for name, cells in link["receivers"].items():
            row = [cells[one]["words"] if one in cells else "–" for one in _ESTIMATORS]
            start = f"| {link['link']} | {link['slots']} | `{name}` |"
            lines.append(f"{start} {' | '.join(row)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
