"""What all static figures share. Names are shown character for character, never as mathtext."""

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
DASHES = {"solid": "-", "dash": "--", "dot": ":"}


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure with one plot.

    Args:
        width: in inches.
        height: in inches.
    """
    # A Figure of its own, never pyplot's: nothing global, no display needed.
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def save_figure(
    figure: Figure, folder: Path, name: str, suffixes: Sequence[str], dpi: int
) -> list[Path]:
    """Write a figure as NAME.SUFFIX in every format, each file whole.

    Args:
        figure: what is drawn.
        folder: for the files.
        name: of the files, without suffix.
        suffixes: formats, as "png", "svg" and "pdf".
        dpi: dots an inch of formats that have them.

    Returns:
        the paths.

    Raises:
        OSError: a file cannot be written.
    """
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
    """A legend that shows each label as it is.

    matplotlib itself leaves out a label that begins with "_", and reads "$" as mathtext.

    Args:
        axes: the plot.
        drawn: artists by label.
        **options: of ``Axes.legend``.
    """
    settings = {"fontsize": 7.5, "edgecolor": "#D8DCE2", "ncols": 2, **options}
    legend = axes.legend([*drawn.values()], [str(i) for i in range(len(drawn))], **settings)
    for text, label in zip(legend.get_texts(), drawn, strict=True):
        text.set_parse_math(False)
        text.set_text(label)
