"""What all interactive plots share. Names are shown character for character, never as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from mimolearn.report.style import Style, plotly_symbol

# What plotly's text would read as a tag, an entity, a formula or a placeholder.
_PLOTLY_MARKUP = {ord(letter): f"&#{ord(letter)};" for letter in "&<>$%"}


def finish_plot(figure: go.Figure, height: int) -> go.Figure:
    """Give a plot the look of all.

    Args:
        figure: is changed.
        height: in pixels.

    Returns:
        the same figure.
    """
    figure.update_layout(
        template="plotly_white",
        # On paper a plot may be wider than its frame, which it must not paint over.
        paper_bgcolor="rgba(255,255,255,0)",
        height=height,
        margin={"l": 70, "r": 20, "t": 40, "b": 60},
        font={"family": "system-ui, sans-serif", "size": 13, "color": "#1C2430"},
        hovermode="closest",
        legend={"bgcolor": "rgba(255,255,255,0.8)"},
    )
    return figure


def symbols(style: Style, hollow: Sequence[bool]) -> list[str]:
    """A marker for each point, open where it is hollow."""
    symbol = plotly_symbol(style)
    return [f"{symbol}-open" if is_hollow else symbol for is_hollow in hollow]


def error_bars(
    values: Sequence[float], lows: Sequence[float], highs: Sequence[float], **options: Any
) -> dict[str, Any]:
    """Vertical bars from low to high.

    Args:
        values: of the points.
        lows: lower ends.
        highs: upper ends.
        **options: of plotly's ``error_y``.
    """
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - value for high, value in zip(highs, values, strict=True)],
        "arrayminus": [value - low for low, value in zip(lows, values, strict=True)],
        "thickness": 1,
        **options,
    }


def plotly_text(text: str) -> str:
    """A text that plotly shows as it is, in a legend, beside a point and in a hover template.

    >>> plotly_text("<b>")
    '&#60;b&#62;'
    """
    return text.translate(_PLOTLY_MARKUP)
