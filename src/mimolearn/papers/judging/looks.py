"""Runs until claims are settled: which draws are added, and intervals that hold under stopping.

A claim is looked at after its first draws, then after twice as many, and so on. Look k, from 0, has
intervals of confidence 1 - alpha / ((k + 1) (k + 2)). These shares of alpha sum to alpha over all
looks, so that by Bonferroni's inequality the chance that any look of a claim misses the truth is at
most alpha, however the looks depend and whenever the run stops.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mimolearn.papers.files.quantities import Claim, Quantity
from mimolearn.papers.findings import Findings
from mimolearn.papers.judging.measuring import Seeds
from mimolearn.papers.panels import ErrorRatePanel, Panel, TablePanel

ALPHA = 0.05
MOST_LOOKS = 11

Spot = tuple[str, str, float]
"""Panel, label and SNR in dB; ("panel", "", 0.0) for a panel that grows as a whole."""


def confidence_of(look: int) -> float:
    """Confidence of the intervals at a look, counted from 0.

    >>> confidence_of(0)
    0.975
    """
    return 1 - ALPHA / ((look + 1) * (look + 2))


def spots_of(
    claim: Claim, panels: Mapping[str, Panel], findings: Findings, seeds: Seeds
) -> frozenset[Spot]:
    """What has to grow so that a claim is known better.

    Args:
        claim: of a figure.
        panels: of the same figure, by name.
        findings: what they have given so far.
        seeds: by panel, the labels of all training seeds by that of the first.
    """
    spots: set[Spot] = set()
    for test in claim.every_test():
        for leaf in test.leaves():
            spots.update(_leaf_spots(leaf, panels, findings, seeds))
    return frozenset(spots)


def _leaf_spots(
    leaf: Quantity, panels: Mapping[str, Panel], findings: Findings, seeds: Seeds
) -> Iterable[Spot]:
    panel = panels.get(leaf.panel)
    if panel is None:
        return ()
    if not isinstance(panel, ErrorRatePanel):
        fixed = isinstance(panel, TablePanel) and panel.draws.full == 1
        return () if fixed else ((leaf.panel, "", 0.0),)
    of_panel = seeds.get(leaf.panel, {})
    labels = [name for label in leaf.labels() for name in of_panel.get(label, (label,))]
    if leaf.at is not None:
        return {(leaf.panel, label, float(leaf.at)) for label in labels}
    target = leaf.target or panel.target
    return {
        (leaf.panel, label, snr)
        for label in labels
        for snr in findings.around(leaf.panel, label, target, leaf.metric or None)
    }
