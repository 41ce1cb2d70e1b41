"""Write a page of verdicts from the JSON that ``mimolearn reproduce`` leaves in its folder.

python docs/reproduction.py wesnet mimolearn-results/reproduction > docs/reproduction-wesnet.md
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from mimolearn.experiments import experiment, experiment_names, file_stem

_HEAD = """# {title} ({year}): what holds

{authors}. Every statement of the paper that numbers can decide, run again by \
`mimolearn reproduce {key}` with the budget "{budget}". "The paper is wrong" comes with its \
reason; intervals are 95 %, gaps in dB from common draws.

{counts}
"""


def page(paper: str, folder: Path) -> str:
    """Markdown of all experiments of a paper that have results; the others are named."""
    parts, counts, budget, missing = [], Counter[str](), "", []
    for name in experiment_names():
        found = experiment(name)
        if found.paper.key != paper:
            continue
        path = folder / f"{file_stem(found)}.json"
        if not path.is_file():
            missing.append(name)
            continue
        result = json.loads(path.read_text("utf-8"))
        budget = result["budget"]
        lines = [f"## {name}: {found.title}", "", found.shows, ""]
        lines += ["| statement | source | verdict | measured here |", "|---|---|---|---|"]
        for s in result["statements"]:
            counts[s["outcome"]] += s["of"] == "paper"
            verdict = _words(s)
            why = f" ({s['reason']})" if s["reason"] else ""
            lines.append(f"| {s['claim']} | {s['source']} | {verdict} | {s['measured']}{why} |")
        absent = {
            label: why for panel in result["missing"].values() for label, why in panel.items()
        }
        lines += ["", *(f"- Not there: {label} ({why})." for label, why in absent.items())]
        lines += [f"- {note}" for note in found.notes]
        parts.append("\n".join(lines))
    about = next(experiment(n).paper for n in experiment_names() if n.startswith(f"{paper}/"))
    words = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()) if count)
    head = _HEAD.format(
        title=about.title,
        year=about.year,
        authors=about.authors,
        key=paper,
        budget=budget,
        counts=f"Statements of the paper: {words}.",
    )
    tail = [f"Without results yet: {', '.join(missing)}."] if missing else []
    return "\n\n".join([head.rstrip(), *parts, *tail]) + "\n"


def _words(statement: dict[str, str]) -> str:
    outcome = statement["outcome"]
    if statement["of"] == "library":
        return {"reproduced": "target met", "not reproduced": "target missed"}.get(outcome, outcome)
    return f"**{outcome}**"


if __name__ == "__main__":
    sys.stdout.write(page(sys.argv[1], Path(sys.argv[2])))
