"""What tables 1 and 2 measure: time of LLRs, on this machine and one thread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping

import torch

from mimolearn.detectors import Detector
from mimolearn.foundation.tensors.state import clean_torch
from mimolearn.link.scenario import Scenario
from mimolearn.papers.panels import Table
from mimolearn.studies import cost_report

BATCHES = (1, 16, 8192)
_BUDGET_S, _LEAST, _MOST = 0.3, 3, 300


def milliseconds(scenario: Scenario, detector: Detector, batch: int, snr_db: float) -> float:
    """Median time in milliseconds of the LLRs of a batch of channel uses, each on another channel.

    Args:
        scenario: the link.
        detector: what is timed.
        batch: channel uses.
        snr_db: in dB.
    """
    block = scenario.draw(snr_db, batch, torch.Generator().manual_seed(1))
    one_use = block.y[:, :1], block.h_hat, block.noise_var
    with clean_torch():
        detector(*one_use).llr()
        times: list[float] = []
        start = time.perf_counter()
        while len(times) < _LEAST or (
            time.perf_counter() - start < _BUDGET_S and len(times) < _MOST
        ):
            # The time of this thread: what else runs on the machine disturbs it little.
            begin = time.thread_time()
            detector(*one_use).llr()
            times.append(time.thread_time() - begin)
    return 1e3 * statistics.median(times)


def latency_table(
    scenario: Scenario,
    receivers: Mapping[str, Detector],
    snr_db: float,
    published: Mapping[str, tuple[float, float]],
    reference: str,
) -> Table:
    """Times at each batch, ratios to a reference's, and the published ones of batches of 1 and 16.

    values: "NAME 1" in ms, "NAME over REFERENCE 1" as a ratio, "parameters NAME".
    """
    values: dict[str, float] = {}
    for name, detector in receivers.items():
        detector.eval()
        for batch in BATCHES:
            values[f"{name} {batch}"] = milliseconds(scenario, detector, batch, snr_db)
        values[f"parameters {name}"] = float(cost_report(scenario, detector).parameters)
    rows = []
    for name in receivers:
        cells = []
        for batch in BATCHES:
            ratio = values[f"{name} {batch}"] / values[f"{reference} {batch}"]
            values[f"{name} over {reference} {batch}"] = ratio
            cells.append(f"{values[f'{name} {batch}']:.3g} ({ratio:.2f})")
        theirs = published.get(name)
        base = published[reference]
        shown = ("-", "-")
        if theirs is not None:
            shown = tuple(f"{a:.3g} ({a / b:.2f})" for a, b in zip(theirs, base, strict=True))
        rows.append((name, *cells, *shown, f"{values[f'parameters {name}']:,.0f}"))
    columns = (
        "receiver",
        *(f"batch {batch} [ms]" for batch in BATCHES),
        "paper, 1 [ms]",
        "paper, 16 [ms]",
        "parameters",
    )
    note = (
        f"Median processor time of a whole batch, one thread, one vector a channel, {snr_db:g} dB; "
        f"in brackets over {reference}. Networks as made: their work is the same trained. The "
        "paper's are of an i9-9900X; batches of 8192 ran on a GPU there, on one thread here."
    )
    return Table(columns, tuple(rows), values, note)
