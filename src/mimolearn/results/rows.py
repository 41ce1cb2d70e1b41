"""A comparison as flat rows: one for each contender and SNR."""

from __future__ import annotations

from typing import Any

from mimolearn.plans.counts import BLOCK_METRICS
from mimolearn.plans.plan import metrics
from mimolearn.results.costs import CostReport, Timing
from mimolearn.results.shown import Row

_COUNTED = ("channels", "vectors", "nonfinite", "incomplete", "blocks")


def rate_columns(point: Any) -> Row:
    """What was counted at a ``Point``: integers, and of every metric its rate with an interval."""
    counts, known = point.counts, point.metrics()
    row: Row = {name: getattr(counts, name) for name in _COUNTED}
    for metric in metrics():
        values = (None,) * 6
        if metric in known:
            low, high = point.interval(metric)
            errors, trials = counts.errors(metric), counts.trials(metric)
            values = point.rate(metric), low, high, errors, trials, point.is_unsure(metric)
        name = metric.replace("-", "_")
        columns = (
            name,
            *(f"{name}_{end}" for end in ("low", "high", "errors", "trials", "unsure")),
        )
        row |= dict(zip(columns, values, strict=True))
    coded = any(metric in known for metric in BLOCK_METRICS)
    gmi = (point.gmi(), *point.gmi_interval()) if coded else (None,) * 3
    row |= dict(zip(("gmi", "gmi_low", "gmi_high"), gmi, strict=True))
    row["calibration_error"] = point.calibration_error()
    return row | {"transmissions": point.mean_transmissions() if coded else None}


def cost_columns(
    point: Any, timing: Timing | None, cost: CostReport | None, vectors_per_channel: int
) -> Row:
    """What a contender costs at a ``Point``: measured times, counted work, parameters."""
    row: Row = {"vector_us": None, "latency_us": None, "slot_us": None}
    if timing is not None:
        # Over a resource grid slots are timed, elsewhere vectors.
        row = {
            "vector_us": timing.vector_us or None,
            "latency_us": timing.latency_us or None,
            "slot_us": timing.slot_us or None,
        }
    row |= {"multiplications": None, "parameters": None}
    if cost is not None:
        spent = point.work_per_vector() if cost.per_vector is None else cost.per_vector
        share = cost.per_channel / vectors_per_channel
        row["multiplications"] = None if spent is None else share + spent
        row["parameters"] = cost.parameters
    return row


def comparison_text(comparison: Any) -> str:
    """A ``Comparison`` in a few lines: the link, and what each contender needs for the target."""
    plan, link = comparison.plan, comparison.scenario
    counted = "finished" if comparison.finished else "not finished"
    snrs = f"{len(plan.snr_db)} SNRs from {plan.snr_db[0]:g} to {plan.snr_db[-1]:g} dB"
    size = f"{link.num_tx_ant} x {link.num_rx_ant} {link.points().name}"
    coded = ", coded" if link.has_blocks else ""
    lines = [f"Comparison: {size} over {link.channel.model}{coded}, {snrs}, {counted}"]
    for curve in comparison.curves:
        estimate = comparison.required_snr(curve.contender)
        goal = f"{plan.metric} {plan.target:g}"
        needs = f"{goal} is not reached"
        if estimate.value_db is not None:
            needs = f"{goal} at {estimate.value_db:.2f} dB"
        timing = comparison.timings.get(curve.label)
        spent = ""
        if timing is not None:
            unit = "slot" if timing.slot_us else "vector"
            spent = f", {timing.slot_us or timing.vector_us:.3g} us a {unit}"
        lines.append(f"  {curve.label}: {needs}{spent}")
    return "\n".join(lines)
