"""Kinds of studies by name, as results files and workers know them."""

from __future__ import annotations

from mimolearn.studies.kinds.accuracy import EstimateAccuracy
from mimolearn.studies.kinds.base import Kind
from mimolearn.studies.kinds.counts import CodedErrorCounts, ErrorCounts
from mimolearn.studies.kinds.rates import BeamRates
from mimolearn.studies.kinds.slots import SlotCounts

_KINDS: tuple[type[Kind], ...] = (
    ErrorCounts,
    CodedErrorCounts,
    SlotCounts,
    BeamRates,
    EstimateAccuracy,
)


def kind_class(name: str) -> type[Kind]:
    """The class of a kind; ValueError for a name that is none."""
    for cls in _KINDS:
        if cls.name == name:
            return cls
    raise ValueError(f"no kind of study is called {name!r}")


def kind_from_text(name: str, scenario: str, contenders: str) -> Kind:
    """From what ``Kind.to_text`` gave, with everything built."""
    return kind_class(name).from_text(scenario, contenders)
