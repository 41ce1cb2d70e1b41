"""What is checked of claims when a paper's file is read: panels, labels, SNRs and values."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mimolearn.foundation.errors import InvalidInputError, check_one_of, invalid
from mimolearn.papers.files.quantities import Claim, Quantity, Test
from mimolearn.papers.files.tables import AccuracyTable, PanelTable, PythonTable, RatesTable
from mimolearn.plans.plan import metrics

_KINDS = {
    "gap": ("rates",),
    "snr": ("rates",),
    "rate": ("rates", "beams"),
    "gmi": ("rates",),
    "unlike": ("rates",),
    "time": ("rates",),
    "work": ("rates",),
    "level": ("accuracy",),
    "value": ("python",),
}


@dataclass(frozen=True)
class KnownPanel:
    """What claims may name of a panel.

    Attributes:
        table: as it stands in the file.
        labels: of its receivers.
        values: that a panel in Python declares.
        streams: transmit antennas of the scenarios of an accuracy panel.
    """

    table: PanelTable
    labels: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    streams: tuple[int, ...] = ()


def check_claim(claim: Claim, panels: Mapping[str, KnownPanel]) -> None:
    """Raise InvalidInputError, one line that names the claim, for what is not there.

    Args:
        claim: of a figure.
        panels: of the same figure, by name.
    """
    try:
        for test in claim.every_test():
            for leaf in test.leaves():
                _check_leaf(leaf, panels)
    except InvalidInputError as error:
        raise InvalidInputError(f"claim {claim.id}: {error}") from None


def _check_leaf(leaf: Quantity, panels: Mapping[str, KnownPanel]) -> None:
    verb = leaf.verb
    if verb == "number":
        return
    if not leaf.panel:
        raise InvalidInputError(f"panel: missing, {verb} is read from one of {', '.join(panels)}")
    known = panels[check_one_of("panel", leaf.panel, panels)]
    kind = known.table.kind
    if kind not in _KINDS[verb]:
        expected = f"a panel of kind {' or '.join(_KINDS[verb])}, which {verb} is read from"
        raise invalid("panel", f"<{leaf.panel}, of kind {kind}>", expected)
    for label in leaf.labels():
        check_one_of(verb, label, known.labels)
    if isinstance(known.table, PythonTable):
        check_one_of("value", leaf.value, known.values)
        return
    if verb == "time" and isinstance(known.table, RatesTable) and not known.table.timed:
        raise invalid("time", leaf.time, f"a panel that is timed: {leaf.panel} has no 'timed'")
    if leaf.metric:
        check_one_of("metric", leaf.metric, metrics() if kind == "rates" else ())
    if leaf.geometric and kind != "beams":
        raise invalid("geometric", True, "nothing: it is of beams")
    if leaf.at is not None:
        _check_at(leaf, known)


def _check_at(leaf: Quantity, known: KnownPanel) -> None:
    table, at = known.table, leaf.at
    assert at is not None
    assert not isinstance(table, PythonTable)
    if isinstance(table, AccuracyTable) and table.axis != "snr":
        if table.axis == "streams" and at not in known.streams:
            raise invalid("at", at, f"one of {', '.join(map(str, known.streams))} streams")
        if table.axis == "layer" and (at < 1 or at != int(at)):
            raise invalid("at", at, "a layer, counted from 1")
        return
    if float(at) not in table.snr_db:
        listed = ", ".join(f"{snr:g}" for snr in table.snr_db)
        raise invalid("at", at, f"an SNR of panel {leaf.panel}: one of {listed}")
    lowest = table.from_snr_db if isinstance(table, RatesTable) else {}
    for label in leaf.labels():
        if at < lowest.get(label, at):
            expected = f"at least {lowest[label]:g} dB, from which {label} is run"
            raise invalid("at", at, expected)


def written_out(table: dict[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    """A test as parsed, with order, falls and rises written as differences that are at least 0.

    Args:
        table: as parsed, with what it inherits.
        kinds: of the panels, by name.
    """
    inner = dict(table)
    for name in ("all", "any", "remark"):
        if isinstance(inner.get(name), list):
            inner[name] = [written_out(i, kinds) if isinstance(i, dict) else i for i in inner[name]]
    if isinstance(inner.get("objection"), dict):
        inner["objection"] = written_out(inner["objection"], kinds)
    word = next((word for word in ("order", "falls", "rises") if word in inner), "")
    if not word:
        return inner
    Test(**{k: v for k, v in inner.items() if k in Test.model_fields})
    reads = "level" if kinds.get(str(inner.get("panel"))) == "accuracy" else "rate"
    named, over = inner.pop(word), inner.pop("over", ())
    context = {n: inner[n] for n in ("panel", "at", "target", "metric") if n in inner}
    if word == "order":
        reads = inner.pop("by")
        if reads == "snr":
            context.pop("at", None)
        else:
            context.pop("target", None)
        ends = [{reads: label, **context} for label in named]
        names = [f"{b} less {a}" for a, b in itertools.pairwise(named)]
    else:
        context.pop("target", None)
        steps = over if word == "rises" else tuple(reversed(over))
        ends = [{reads: named, **context, "at": x} for x in steps]
        names = [f"{named}, {b:g} less {a:g}" for a, b in itertools.pairwise(steps)]
    inner["all"] = [
        {"difference": [second, first], "at_least": 0.0, "words": f"{words}: "}
        for first, second, words in zip(ends, ends[1:], names, strict=False)
    ]
    return inner
