"""Names of receivers in figures, character for character: neither mathtext nor HTML."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mimolearn.foundation.atomicfile import write_atomically

FONT: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}
# What plotly's text would read as a tag, an entity, a formula or a placeholder.
_PLOTLY_MARKUP = {ord(letter): f"&#{ord(letter)};" for letter in "&<>$%"}


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure with one plot."""
    # A Figure of its own, never pyplot's: nothing global, no display needed.
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def save_figure(
    figure: Figure, folder: Path, name: str, suffixes: Sequence[str], dpi: int
) -> list[Path]:
    """Write a figure as NAME.SUFFIX in every format, each file whole; returns the paths."""
    paths = [folder / f"{name}.{suffix}" for suffix in suffixes]
    for path in paths:
        with matplotlib.rc_context(FONT), warnings.catch_warnings():
            # A label may be in letters that the font lacks; a box stands for them.
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            drawn = io.BytesIO()
            figure.savefig(drawn, format=path.suffix[1:], dpi=dpi)
        write_atomically(path, drawn.getvalue())
    return paths


def add_legend(axes: Axes, drawn: Mapping[str, Any], **options: Any) -> None:
    """A legend of artists by label, each label as it is.

    matplotlib leaves out a label that begins with "_", and reads "$" as mathtext.
    """
    settings = {"fontsize": 7.5, "edgecolor": "#D8DCE2", "ncols": 2, **options}
    legend = axes.legend([*drawn.values()], [str(i) for i in range(len(drawn))], **settings)
    for text, label in zip(legend.get_texts(), drawn, strict=True):
        text.set_parse_math(False)
        text.set_text(label)


def plotly_text(text: str) -> str:
    """A text that plotly shows as it is, in a legend, beside a point and in a hover template.

    >>> plotly_text("<b>")
    '&#60;b&#62;'
    """
    return text.translate(_PLOTLY_MARKUP)
