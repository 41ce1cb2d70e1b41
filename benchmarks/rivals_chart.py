"""Error rate against time at four links, with published learned receivers beside: docs/rivals.png.

    python benchmarks/rivals_chart.py [--quick] [--out mimolearn-results/reproduction]

Runs the figures of `mimolearn reproduce rivals` that hold these links, or takes the counts that an
earlier run left in --out. Writes the chart, docs/measured/rivals.json, and the table of
docs/speed.md.
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import measured
from mimolearn.papers import experiment, run_experiment
from mimolearn.report.answers import Answers
from mimolearn.report.plots.drawing import FONT, save_figure
from mimolearn.report.plots.panels import published_curves
from mimolearn.report.plots.rate_time import draw_rate_time, timed_rates
from mimolearn.studies import Comparison


class Part(NamedTuple):
    """A quarter of the chart.

    Attributes:
        figure: of the rivals.
        panel: of the figure.
        snr_db: in dB.
        title: above it.
    """

    figure: str
    panel: str
    snr_db: float
    title: str


PARTS = (
    Part("gepnet", "8 on 8", 20, "8 streams, 8 antennas, 16-QAM, 20 dB"),
    Part("re-mimo", "32 on 64 64-QAM", 21, "32 streams, 64 antennas, 64-QAM, 21 dB"),
    Part("re-mimo", "32 on 64 both 0.7", 20, "32 streams, 64 antennas, correlation 0.7, 20 dB"),
    Part("iip", "64 on 64", 19, "64 streams, 64 antennas, 16-QAM, 19 dB"),
)


def main() -> None:
    """Run, draw and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="seconds, wide intervals")
    parser.add_argument("--out", default="mimolearn-results/reproduction")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    budget = "quick" if options.quick else "default"
    results = {
        name: run_experiment(
            experiment(f"rivals/{name}"),
            options.out,
            budget=budget,
            budget_min=0,
            workers=options.workers,
        )
        for name in {part.figure for part in PARTS}
    }
    answers = []
    for part in PARTS:
        result = results[part.figure]
        content = result.findings.panels[part.panel]
        if not isinstance(content, Comparison):
            raise TypeError(f"{part.panel} holds no error rates")
        answers.append(Answers(content, published_curves(result, part.panel)))
    with matplotlib.rc_context(FONT):
        figure = Figure(figsize=(9.6, 7.2), layout="constrained")
        FigureCanvasAgg(figure)
        for axes, part, answer in zip(figure.subplots(2, 2).flat, PARTS, answers, strict=True):
            draw_rate_time(axes, answer, part.snr_db)
            axes.set_title(part.title, fontsize=9.5, loc="left")
    save_figure(figure, measured.ROOT / "docs", "rivals", ("png",), dpi=110)
    command = "python benchmarks/rivals_chart.py" + (" --quick" if options.quick else "")
    record = measured.about(command, "torch", "numba")
    links = [_numbers(part, answer) for part, answer in zip(PARTS, answers, strict=True)]
    table = f"{measured.caption(record)}\n\n" + "\n\n".join(map(_table, links))
    measured.publish("rivals", {**record, "links": links}, {"rivals": table})


def _numbers(part: Part, answers: Answers) -> dict[str, Any]:
    ours = [
        {
            "label": one.label,
            "rate": one.rate.value,
            "low": one.rate.low,
            "high": one.rate.high,
            "errors": one.rate.errors,
            "time_us": one.time_us,
        }
        for one in timed_rates(answers, part.snr_db)
    ]
    published = [
        {"label": curve.label, "rate": rate}
        for curve in answers.published
        for snr_db, rate in curve.points
        if snr_db == part.snr_db
    ]
    return {"title": part.title, "ours": ours, "published": published}


def _table(link: dict[str, Any]) -> str:
    """Symbol error rates, the lowest first."""
    rows = [
        (one["rate"], f"`{one['label']}`", f"[{one['low']:.2g}, {one['high']:.2g}]", one["time_us"])
        for one in link["ours"]
    ]
    rows += [(one["rate"], f"{one['label']}, published", "–", None) for one in link["published"]]
    lines = [
        f"**{link['title']}**",
        "",
        "| receiver | symbol error rate | 95 % interval | time [µs] |",
        "|---|---|---|---|",
    ]
    for rate, name, interval, time_us in sorted(rows, key=lambda row: row[0]):
        time = "–" if time_us is None else f"{time_us:.3g}"
        lines.append(f"| {name} | {rate:.3g} | {interval} | {time} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
