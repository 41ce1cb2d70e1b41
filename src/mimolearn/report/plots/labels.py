"""On which side of its point a name is written: over nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

# Of letters of 11 and 12 pixels, the wider for bold ones.
_LETTER, _BOLD_LETTER, _LINE = 6.2, 7.4, 15.0
_SIDES = (
    *("top right", "bottom right", "top left", "bottom left"),
    *("middle right", "middle left", "top center", "bottom center"),
)


class Mark(NamedTuple):
    """A point in pixels from the upper left: its middle, its size, and the ends of its bar."""

    x: float
    y: float
    radius: float
    top: float
    bottom: float


class Box(NamedTuple):
    """A rectangle in pixels from the upper left."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


def label_sides(
    marks: dict[str, Mark],
    first: Collection[str],
    lines: Sequence[Box],
    width: float,
    height: float,
) -> dict[str, str | None]:
    """A side for each name.

    Args:
        marks: the points by name.
        first: names that choose before the others. They are written in any case, if need be over
            one of the lines.
        lines: what other names must not cover.
        width: of the plot in pixels.
        height: of the plot in pixels.

    Returns:
        the side by name, as plotly calls it; None where none is free.

    >>> label_sides({"a": Mark(50, 50, 5, 45, 55)}, ["a"], [], 200, 100)
    {'a': 'top right'}
    """
    boxes = {name: _of_mark(mark) for name, mark in marks.items()}
    written: list[Box] = []
    sides: dict[str, str | None] = {}
    for name in sorted(marks, key=lambda name: name not in first):
        letter = _BOLD_LETTER if name in first else _LETTER
        others = [box for other in marks if other != name for box in boxes[other]]
        taken = [*others, *written]
        candidates = [
            (side, box)
            for side, box in _candidates(name, marks[name], letter)
            if box.left >= 0 and box.right <= width and box.top >= 0 and box.bottom <= height
        ]
        free = _first_free(candidates, [*taken, *lines])
        if free is None and name in first:
            free = _first_free(candidates, taken)
        sides[name] = _SIDES[0] if free is None and name in first else free and free[0]
        if free is not None:
            written.append(free[1])
    return {name: sides[name] for name in marks}


def _first_free(
    candidates: Sequence[tuple[str, Box]], taken: Sequence[Box]
) -> tuple[str, Box] | None:
    free = ((side, box) for side, box in candidates if not any(box.meets(other) for other in taken))
    return next(free, None)


def _of_mark(mark: Mark) -> tuple[Box, Box]:
    x, y, r = mark.x, mark.y, mark.radius
    return Box(x - r, y - r, x + r, y + r), Box(x - 4, mark.top, x + 4, mark.bottom)


def _candidates(name: str, mark: Mark, letter: float) -> Iterator[tuple[str, Box]]:
    wide, gap = letter * len(name), mark.radius + 1
    for side in _SIDES:
        across = {"right": mark.x + gap, "left": mark.x - gap - wide}
        down = {"top": mark.y - gap - _LINE, "bottom": mark.y + gap}
        vertical, horizontal = side.split()
        left = across.get(horizontal, mark.x - wide / 2)
        top = down.get(vertical, mark.y - _LINE / 2)
        yield side, Box(left, top, left + wide, top + _LINE)
