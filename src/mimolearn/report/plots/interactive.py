"""What all interactive plots share. Names are shown character for character, never as HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

from mimolearn.report.style import Style, plotly_symbol

_FEW_TICKS = 3
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


def short_ticks(low: float, high: float) -> dict[str, Any]:
    """Ticks of a logarithmic axis at 1, 2 and 5; at every digit where these are few.

    Args:
        low: log10 of its lower end.
        high: log10 of its upper end.

    >>> short_ticks(3.6, 3.9)
    {'tickvals': [4000.0, 5000.0, 6000.0, 7000.0], 'ticktext': ['4k', '5k', '6k', '7k']}
    """
    values = _one_digit(low, high, (1, 2, 5))
    if len(values) < _FEW_TICKS:
        values = _one_digit(low, high, range(1, 10))
    return {"tickvals": values, "ticktext": [_short(value) for value in values]}


def rate_ticks(values: Sequence[float]) -> dict[str, Any]:
    """A logarithmic axis of error rates, with ticks at powers of ten.

    Where these are few there are ticks at 2 and 5 too, and plotly's on less than a decade.

    Args:
        values: rates on the axis, the ends of their bars included.
    """
    seen = [value for value in values if value > 0]
    decades = math.log10(max(seen) / min(seen)) if seen else 0.0
    axis: dict[str, Any] = {"type": "log", "exponentformat": "power"}
    if decades > 1:
        axis["dtick"] = 1 if decades > 2 else "D2"
    return axis


def _one_digit(low: float, high: float, digits: Iterable[int]) -> list[float]:
    """Numbers with one digit between two powers of ten."""
    return [
        digit * 10.0**power
        for power in range(math.floor(low), math.ceil(high) + 1)
        for digit in digits
        if low <= math.log10(digit) + power <= high
    ]


def _short(value: float) -> str:
    """A tick's number as people write it: 0.5, 20, 5k, 2M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def plotly_text(text: str) -> str:
    """A text that plotly shows as it is, in a legend, beside a point and in a hover template.

    >>> plotly_text("<b>")
    '&#60;b&#62;'
    """
    return text.translate(_PLOTLY_MARKUP)
