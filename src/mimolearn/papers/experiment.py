"""A published figure or table as data: what it shows, what is run, what is claimed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mimolearn.papers.files.quantities import Claim
from mimolearn.papers.panels import Panel


@dataclass(frozen=True)
class Paper:
    """A publication.

    Attributes:
        key: the first half of its experiments' names.
        title: in full.
        authors: as they are cited.
        year: of publication.
        link: its address; "" for none.
    """

    key: str
    title: str
    authors: str
    year: int
    link: str = ""


@dataclass(frozen=True)
class Statement:
    """Something that is claimed, and how it is judged.

    Attributes:
        claim: in our words.
        source: the section, figure or table that says it.
        data: the claim as it stands in a paper's file.
        of: "paper", or "library" for a target that this library has set itself.
        id: unique in the figure, for links.
    """

    claim: str
    source: str
    data: Claim
    of: Literal["paper", "library"]
    id: str


@dataclass(frozen=True)
class Reference:
    """A point that the paper gives: value at x of a panel's curve.

    Attributes:
        panel: its name.
        label: of the curve.
        x: on the axis of the panel.
        value: in the unit of the panel.
        source: the section, figure or table that says it.
    """

    panel: str
    label: str
    x: float
    value: float
    source: str


@dataclass(frozen=True)
class Experiment:
    """One figure or table.

    Attributes:
        name: as "lcgnet/fig10".
        paper: that it is from.
        title: in a few words.
        panels: what is run.
        statements: what is claimed.
        shows: what the paper shows, in our words.
        notes: what a reader has to know of conventions and differences.
        points: that the paper gives, for plots; those with a tolerance have claims too.
        seeds: by panel, the labels of all training seeds by that of the first.
    """

    name: str
    paper: Paper
    title: str
    shows: str
    panels: tuple[Panel, ...]
    statements: tuple[Statement, ...]
    notes: tuple[str, ...] = ()
    points: tuple[Reference, ...] = ()
    seeds: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
