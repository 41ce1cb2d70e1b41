"""This library's docstrings, which are plain text, as the reStructuredText that Sphinx reads.

A docstring is paragraphs, indented formulas, tables, doctests, and these sections, one entry a
line, continued by deeper lines::

    Args:
        h: (*C, Nr, Nt) complex; the channels.

    Returns:
        (*C, T, Nt) int64 indices.

    Raises:
        InvalidInputError: for a shape that does not fit.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

SECTIONS = ("Args:", "Attributes:", "Returns:", "Raises:")
_LITERAL = re.compile(r"``.+?``", re.DOTALL)
_MARKUP = re.compile(r"([\\*|`_])")
_ENTRY = re.compile(r"(?P<names>\*{0,2}\w+(?:, \w+)*): (?P<text>.*)", re.DOTALL)


def as_restructured_text(
    app: object, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Sphinx's hook: paragraphs flow, sections become lists, indented lines stay as they are."""
    lines[:] = [line for block in _blocks(lines) for line in [*_converted(block), ""]]


def entries(section: list[str]) -> list[tuple[str, str]]:
    """The entries of a section's indented lines, as names (empty for a plain sentence) and text."""
    texts: list[str] = []
    for line in inspect.cleandoc("\n".join(section)).split("\n"):
        if texts and line.startswith(" "):
            texts[-1] += f" {line.strip()}"
        else:
            texts.append(line)
    parts = [(_ENTRY.fullmatch(text), text) for text in texts]
    return [(m["names"], m["text"]) if m else ("", text) for m, text in parts]


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Lines between empty ones; an indented line starts a new block, unless it is in a section."""
    block: list[str] = []
    for line in [*lines, ""]:
        indented = line.startswith(" ")
        changes = bool(block) and indented != block[-1].startswith(" ") and not _is_whole(block)
        if block and (not line.strip() or changes):
            yield block
            block = []
        if line.strip():
            block.append(line)


def _converted(block: list[str]) -> list[str]:
    if block[0] in SECTIONS:
        return _list(block[0], entries(block[1:]))
    if _is_whole(block):
        return block
    if block[0].startswith(" "):
        return ["::", "", *(f"    {line}" for line in block)]
    return _escaped("\n".join(block)).split("\n")


def _list(header: str, items: list[tuple[str, str]]) -> list[str]:
    """A field of a field list that holds a bulleted list, or a sentence alone."""
    told = [
        f"**{_escaped(names)}** - {_escaped(text)}" if names else _escaped(text)
        for names, text in items
    ]
    title = "Arguments" if header == "Args:" else header[:-1]
    if len(told) == 1 and not items[0][0]:
        return [f":{title}: {told[0]}"]
    return [f":{title}:", *(f"    * {line}" for line in told)]


def _is_whole(block: list[str]) -> bool:
    """A doctest, a table or a section."""
    return block[0] in SECTIONS or block[0].lstrip().startswith((">>>", "==="))


def _escaped(text: str) -> str:
    """Letters that reStructuredText would read as markup, made letters; literals stay."""
    pieces, start = [], 0
    for literal in _LITERAL.finditer(text):
        pieces += [_MARKUP.sub(r"\\\1", text[start : literal.start()]), literal.group()]
        start = literal.end()
    return "".join([*pieces, _MARKUP.sub(r"\\\1", text[start:])])
