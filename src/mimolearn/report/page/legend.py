"""The one legend of all plots of a page: its entries are drawn as the plots draw them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from markupsafe import Markup

from mimolearn.report.style import Style

_DASHES = {"solid": "", "dash": "5 3", "dot": "2 2"}
# Corners of matplotlib's markers, and the angle of the first in degrees.
_CORNERS = {
    **{"o": (24, 0), "8": (8, 22.5), "h": (6, 90), "H": (6, 0), "p": (5, -90), "s": (4, 45)},
    **{"D": (4, 0), "d": (4, 0), "^": (3, -90), "v": (3, 90), "<": (3, 180), ">": (3, 0)},
}
# An arm of a plus.
_ARM = ((5.0, -1.8), (5.0, 1.8), (1.8, 1.8))
_MIDDLE_X, _MIDDLE_Y, _RADIUS = 15.0, 7.0, 5.0


class Entry(NamedTuple):
    """An entry of a legend.

    Attributes:
        label: of the curve, which is also the legend group of its traces.
        sample: its line and marker, as SVG.
    """

    label: str
    sample: Any


def legend(look: dict[str, Style], hollow: frozenset[str] = frozenset()) -> list[Entry]:
    """The entries of a legend.

    Args:
        look: how each curve is drawn, by label.
        hollow: labels whose markers are hollow.
    """
    return [Entry(label, _sample(style, label in hollow)) for label, style in look.items()]


def _sample(style: Style, hollow: bool) -> Any:
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in _corners(style.marker))
    return Markup(
        '<svg width="30" height="14" aria-hidden="true">'
        '<line x1="0" y1="7" x2="30" y2="7" stroke="{colour}" stroke-width="2" '
        'stroke-dasharray="{dash}"/>'
        '<polygon points="{corners}" fill="{fill}" stroke="{colour}" stroke-width="1.5"/></svg>'
    ).format(
        colour=style.colour,
        dash=_DASHES[style.dash],
        corners=corners,
        fill="#fff" if hollow else style.colour,
    )


def _corners(marker: str) -> list[tuple[float, float]]:
    if marker in ("P", "X"):
        first = 45 if marker == "X" else 0
        return [_turned(x, y, first + 90 * turn) for turn in range(4) for x, y in _ARM]
    if marker == "*":
        angles = [-90 + 36 * i for i in range(10)]
        return [_polar(a, _RADIUS + 1 if i % 2 == 0 else 2.3) for i, a in enumerate(angles)]
    count, first = _CORNERS[marker]
    points = [_polar(first + 360 * i / count, _RADIUS) for i in range(count)]
    # The thin diamond.
    return [(_MIDDLE_X + 0.6 * (x - _MIDDLE_X), y) for x, y in points] if marker == "d" else points


def _polar(degrees: float, radius: float) -> tuple[float, float]:
    return _turned(radius, 0.0, degrees)


def _turned(x: float, y: float, degrees: float) -> tuple[float, float]:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return _MIDDLE_X + x * cos - y * sin, _MIDDLE_Y + x * sin + y * cos
