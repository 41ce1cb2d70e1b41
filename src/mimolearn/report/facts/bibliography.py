"""Where methods come from, in BibTeX."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any, NamedTuple

from mimolearn.foundation.shipped import shipped_folder
from mimolearn.foundation.tomlfile import parse_toml
from mimolearn.weights import is_weights_name, read_card, shipped_beams

_FILE = "bibliography.toml"


class Source(NamedTuple):
    """A publication.

    Attributes:
        key: in BibTeX.
        type: "article", "book", "inproceedings" or "software".
        fields: of BibTeX, by name.
        methods: names of detectors, beamformers and quantisers that rest on it.
    """

    key: str
    type: str
    fields: dict[str, str]
    methods: tuple[str, ...] = ()

    def to_bibtex(self) -> str:
        """The entry in BibTeX, without a line's end after it."""
        lines = [f"  {name} = {{{value}}}," for name, value in self.fields.items()]
        return "\n".join([f"@{self.type}{{{self.key},", *lines, "}"])


@cache
def sources() -> tuple[Source, ...]:
    """All publications, in the order of the file that ships."""
    text = (shipped_folder("data") / _FILE).read_text("utf-8")
    return tuple(_source(key, table) for key, table in parse_toml(text, _FILE).items())


def sources_of(name: str) -> tuple[Source, ...]:
    """Publications that a method rests on; none where it is this library's alone.

    Args:
        name: of a detector, beamformer or quantiser, or of trained weights, which rest on what
            their network rests on. A name of no method has no publications.

    >>> [source.key for source in sources_of("lcgnet-v-32x64-bpsk")]
    ['wei2020']
    """
    if is_weights_name(name) or name in shipped_beams():
        name = read_card(name).network
    return tuple(source for source in sources() if name in source.methods)


def library_source() -> Source:
    """This library itself, in its installed version."""
    return Source(
        "mimolearn",
        "software",
        {
            "author": "{The mimolearn contributors}",
            "title": "mimolearn",
            "version": version("mimolearn"),
        },
    )


def bibtex(*names: str) -> str:
    """Entries of all that methods rest on, each once, this library's first.

    Args:
        *names: as ``sources_of`` takes them; none for the library alone.

    >>> print(bibtex("lmmse"))
    @software{mimolearn,
      author = {{The mimolearn contributors}},
      title = {mimolearn},
      version = {...},
    }
    <BLANKLINE>
    @book{tse2005,
      author = {Tse, David and Viswanath, Pramod},
      title = {Fundamentals of Wireless Communication},
      publisher = {Cambridge University Press},
      year = {2005},
    }
    """
    listed = {source.key: source for name in names for source in sources_of(name)}
    return "\n\n".join(source.to_bibtex() for source in (library_source(), *listed.values()))


def _source(key: str, table: dict[str, Any]) -> Source:
    fields = {name: value for name, value in table.items() if name not in ("methods", "type")}
    return Source(key, table["type"], fields, tuple(table["methods"]))
