"""Counts of the scenarios that ship: chunk 0 at the middle SNR of each, for some receivers.

``shipped.json`` holds them as they were measured once. Where a change is meant to alter them,
write them anew from the root of the repository, and say in the commit which ones and why:

    PYTHONPATH=src .venv/bin/python -m tests.counts.shipped [SCENARIO ...]

Left out is what may differ between instruction sets, because PyTorch computes it: TDL channels,
``ml``, ``sdr``, and decoded blocks, since the LLRs of some receivers come from PyTorch (the
decisions before the decoder are here). Left out too are links over a resource grid, and sphere
searches of more than 10 streams, for their time.
"""

import hashlib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mimolearn import Scenario
from mimolearn.link.scenario import shipped_scenarios
from mimolearn.plans.plan import RunPlan, canonical_snr, load_comparison
from mimolearn.studies import Contender
from mimolearn.studies.kinds.chunk import ChunkResult
from mimolearn.studies.kinds.run_chunk import run_chunk

FILE = Path(__file__).with_suffix(".json")

# Beside the contenders of a scenario's own plan.
COMMON = ("mrc", "zf", "lmmse", "wl-lmmse", "cg", "gauss-seidel", "neumann", "mmse-sic", "ep")
LEFT_OUT = ("ml", "sdr")
SEARCHES = ("sphere", "soft-sphere")
MOST_STREAMS = 10
DECODED = ("block_errors", "info_bit_errors", "gmi_loss", "gmi_squares", "reliability")


def scenarios() -> list[str]:
    """Shipped scenarios whose draws are the same on every machine."""
    links = {name: load_comparison(name)[0] for name in shipped_scenarios()}
    plain = {name: link for name, link in links.items() if isinstance(link, Scenario)}
    return [name for name, link in plain.items() if link.channel.model != "tdl"]


def contenders(scenario: Scenario, plan: RunPlan) -> list[Contender]:
    """Those of the plan and the common ones, each once."""
    few = scenario.num_tx_ant <= MOST_STREAMS
    chosen = {}
    for contender in [*map(Contender, COMMON), *plan.contenders]:
        if contender.name not in LEFT_OUT and (few or contender.name not in SEARCHES):
            chosen[contender.label] = contender
    return list(chosen.values())


def row(result: ChunkResult) -> dict[str, Any]:
    """The integers that are not zero, and a digest of which vectors are wrong."""
    digest = hashlib.sha256()
    wrong = result.positions
    for column in (wrong.vector, wrong.bit_errors, wrong.symbol_errors):
        digest.update(np.asarray(column, "<i8").tobytes())
    named = asdict(result.counts).items()
    counts = {name: value for name, value in named if value and name not in DECODED}
    return {**counts, "wrong": digest.hexdigest()[:16]}


def measure(name: str) -> dict[str, Any]:
    """Counts of chunk 0 of a shipped scenario, by label of the receiver."""
    scenario, plan = load_comparison(name)
    assert isinstance(scenario, Scenario)
    snr_db = plan.snr_db[len(plan.snr_db) // 2]
    built = [(c.label, c.build(scenario.constellation)) for c in contenders(scenario, plan)]
    results = run_chunk(scenario, canonical_snr(snr_db), 0, built)
    rows = {label: row(result) for (label, _), result in zip(built, results, strict=True)}
    return {"snr_db": snr_db, "counts": rows}


def stored() -> dict[str, Any]:
    """What the file holds, by scenario."""
    return json.loads(FILE.read_text())


def text(content: dict[str, Any]) -> str:
    """JSON with a line for each receiver, so that a difference names it."""
    lines = []
    for name in sorted(content):
        rows = [f"   {json.dumps(k)}: {json.dumps(v)}" for k, v in content[name]["counts"].items()]
        snr_db = content[name]["snr_db"]
        body = ",\n".join(rows)
        lines.append(f' "{name}": {{\n  "snr_db": {snr_db},\n  "counts": {{\n{body}\n  }}\n }}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    wanted = sys.argv[1:] or scenarios()
    kept = stored() if FILE.exists() and sys.argv[1:] else {}
    FILE.write_text(text({**kept, **{name: measure(name) for name in wanted}}))
