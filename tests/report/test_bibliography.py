"""Where methods come from, in BibTeX."""

from __future__ import annotations

import inspect
import re

import pytest

from mimolearn.beamformers import beamformer_class, beamformer_names
from mimolearn.detectors import detector_class, detector_names, peer_names
from mimolearn.quantizers import quantizer_class, quantizer_names
from mimolearn.report.facts.bibliography import bibtex, sources, sources_of

METHODS = {
    **dict.fromkeys((*detector_names(), *peer_names()), detector_class),
    **dict.fromkeys(beamformer_names(), beamformer_class),
    **{name: quantizer_class for name in quantizer_names() if name not in detector_names()},
}
# "(Wei et al. 2020, eq. 17)": a docstring that names a publication.
YEAR = re.compile(r"\b(?:19[5-9]|20[0-2])\d\b")


def test_every_method_that_a_source_names_exists() -> None:
    named = {method for source in sources() for method in source.methods}
    assert named <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_docstring_that_names_a_publication_has_its_entry(name: str) -> None:
    text = inspect.getdoc(METHODS[name](name)) or ""
    if YEAR.search(text):
        assert sources_of(name), f"{name}: add its publication to data/bibliography.toml"


def test_bibtex_can_be_read_back() -> None:
    text = bibtex("sphere", "tap-net-any", "sphere")
    keys = re.findall(r"^@\w+\{(\w+),$", text, re.MULTILINE)
    assert keys[:4] == ["mimolearn", "agrell2002", "schnorr1994", "cui2005"]
    assert len(keys) == len(set(keys))
    assert text.count("{") == text.count("}")
    years = re.findall(r"year = \{(\d+)\}", text)
    assert len(years) == len(keys) - 1


def test_entries_are_complete_and_plain() -> None:
    """ASCII for every BibTeX; an author, a title and a year in each."""
    for source in sources():
        assert source.to_bibtex().isascii(), source.key
        assert {"author", "title", "year"} <= set(source.fields), source.key
        assert source.fields["year"] in source.key, source.key
        assert source.methods, source.key
