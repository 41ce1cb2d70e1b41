"""Points of a static figure with bars, and their names beside them, clear of each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from mimolearn.report.style import Style

_QUIET = "#666666"
_OFFSETS = (
    (7, 4),
    (7, -10),
    (-7, 5),
    (-7, -11),
    (0, 9),
    (0, -15),
    (12, 14),
    (12, -20),
    (-12, 16),
    (12, 24),
    (12, -30),
    (-12, -24),
    (0, 20),
    (0, -26),
)


class NamedPoint(NamedTuple):
    """A point and its name.

    Attributes:
        label: the name.
        x: in units of the axis.
        y: in units of the axis.
        low: lower end of its bar.
        high: upper end of its bar.
        style: how the point is drawn; a name that stands out has its colour.
        stands_out: the point is larger; its name is bold, and is written before the others.
    """

    label: str
    x: float
    y: float
    low: float
    high: float
    style: Style
    stands_out: bool


def draw_points(axes: Axes, points: Sequence[NamedPoint]) -> None:
    """Draw points with their bars, without names.

    Args:
        axes: a plot.
        points: what is drawn.
    """
    for point in points:
        axes.errorbar(
            point.x,
            point.y,
            yerr=[[point.y - point.low], [point.high - point.y]],
            fmt=point.style.marker,
            color=point.style.colour,
            ms=7 if point.stands_out else 5,
            capsize=2,
            alpha=1.0 if point.stands_out else 0.75,
        )


def write_names(axes: Axes, points: Sequence[NamedPoint], size: float = 8) -> None:
    """Each name takes the first of several offsets that meets nothing else.

    Args:
        axes: a plot whose scales and limits are final.
        points: what is named.
        size: of the letters, in points.
    """
    figure = axes.figure
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]  # FigureCanvasAgg has it
    figure.draw_without_rendering()  # type: ignore[union-attr]  # a Figure, never a SubFigure
    taken = []
    for point in points:
        ends = [(point.x, point.low), (point.x, point.high)]
        taken.append(Bbox(axes.transData.transform(ends)).padded(4))
    frame = axes.get_window_extent(renderer)
    for point in sorted(points, key=lambda point: not point.stands_out):
        for dx, dy in _OFFSETS:
            text = axes.annotate(
                point.label,
                (point.x, point.y),
                xytext=(dx, dy),
                textcoords="offset points",
                ha="left" if dx > 0 else "right" if dx < 0 else "center",
                fontsize=size,
                fontweight="bold" if point.stands_out else "normal",
                color=point.style.colour if point.stands_out else _QUIET,
                parse_math=False,
            )
            box = text.get_window_extent(renderer).padded(1.5)
            fits = frame.x0 <= box.x0 and box.x1 <= frame.x1
            fits = fits and frame.y0 <= box.y0 and box.y1 <= frame.y1
            clear = not any(box.overlaps(other) for other in taken)
            if (fits and clear) or (dx, dy) == _OFFSETS[-1]:
                taken.append(box)
                break
            text.remove()
