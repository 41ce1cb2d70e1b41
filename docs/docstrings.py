"""This library's docstrings, which are plain text, as the reStructuredText that Sphinx reads."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LITERAL = re.compile(r"``.+?``", re.DOTALL)
_MARKUP = re.compile(r"([\\*|`_])")


def as_restructured_text(
    app: object, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Sphinx's hook: paragraphs flow, indented ones keep their lines, nothing else is markup."""
    lines[:] = [line for block in _blocks(lines) for line in [*_converted(block), ""]]


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Lines between empty ones; an indented line starts a block of its own."""
    block: list[str] = []
    for line in [*lines, ""]:
        indented = line.startswith(" ")
        changes = bool(block) and indented != block[-1].startswith(" ") and not _is_verbatim(block)
        if block and (not line.strip() or changes):
            yield block
            block = []
        if line.strip():
            block.append(line)


def _converted(block: list[str]) -> list[str]:
    if _is_verbatim(block):
        return block
    if block[0].startswith(" "):
        return ["::", "", *(f"    {line}" for line in block)]
    return _escaped("\n".join(block)).split("\n")


def _is_verbatim(block: list[str]) -> bool:
    """A doctest or a table."""
    return block[0].lstrip().startswith((">>>", "==="))


def _escaped(text: str) -> str:
    """Letters that reStructuredText would read as markup, made letters; literals stay."""
    pieces, start = [], 0
    for literal in _LITERAL.finditer(text):
        pieces += [_MARKUP.sub(r"\\\1", text[start : literal.start()]), literal.group()]
        start = literal.end()
    return "".join([*pieces, _MARKUP.sub(r"\\\1", text[start:])])
