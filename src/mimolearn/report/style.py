"""One look for every figure: a receiver keeps its colour, marker and dash wherever it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Style(NamedTuple):
    """How a receiver is drawn.

    Attributes:
        colour: as "#RRGGBB".
        marker: matplotlib's letter.
        dash: "solid", "dash" or "dot".
    """

    colour: str
    marker: str
    dash: str


# Families share a hue: grey-blue linear, green iterative, orange cancellation, black exact search,
# red and violet near-ML search, magenta message passing, brown and indigo networks.
_STYLES: dict[str, Style] = {
    "mrc": Style("#9AA5B1", "v", "dot"),
    "zf": Style("#7FB3D5", "v", "solid"),
    "lmmse": Style("#2176C7", "o", "solid"),
    "wl-lmmse": Style("#0B3C6F", "o", "solid"),
    "neumann": Style("#A3C964", "<", "dot"),
    "gauss-seidel": Style("#6AAA3A", ">", "dot"),
    "cg": Style("#2E9E5B", "s", "dash"),
    "wl-cg": Style("#12601C", "s", "dash"),
    "zf-sic": Style("#F2B25C", "^", "solid"),
    "mmse-sic": Style("#E0761A", "^", "solid"),
    "k-best": Style("#C0392B", "D", "solid"),
    "sphere": Style("#111111", "*", "solid"),
    "soft-sphere": Style("#4A4A4A", "*", "dash"),
    "ml": Style("#111111", "*", "dot"),
    "sdr": Style("#7D3CB5", "P", "solid"),
    "ep": Style("#D81B8C", "X", "solid"),
    "oamp": Style("#E58AC0", "X", "dash"),
    "lcgnet-s": Style("#00908C", "p", "dash"),
    "lcgnet-v": Style("#B8860B", "h", "solid"),
    "lcgnet-m": Style("#8B4513", "H", "solid"),
    "cgnr": Style("#7BC8A4", "s", "dot"),
    "deep-cg": Style("#5B5BD6", "d", "solid"),
    "fd-mmse": Style("#2176C7", "o", "dot"),
    "fd-mser": Style("#111111", "*", "dot"),
    "svd-phase": Style("#9AA5B1", "v", "dot"),
    "omp": Style("#F2B25C", "^", "dot"),
    "omp-mmse": Style("#E0761A", "^", "solid"),
    "mo": Style("#2E9E5B", "s", "solid"),
    "mmse-gd": Style("#0B3C6F", "o", "dash"),
    "mser-gd": Style("#C0392B", "D", "solid"),
    "unfolded-mser": Style("#5B5BD6", "d", "solid"),
    "cnn": Style("#8B4513", "H", "dash"),
    "deep-cg-online": Style("#9A8CFF", "d", "dash"),
}

_OTHERS = ("#00908C", "#B8860B", "#5B5BD6", "#A0522D", "#008B45", "#CD3278", "#4682B4", "#8B6914")
_PUBLISHED = ("#A3260F", "#5B6572", "#7A4B00", "#004F6E")
_MARKERS = "hpdH8>"
_PLOTLY_SYMBOLS = {
    "o": "circle", "s": "square", "D": "diamond", "d": "diamond-tall", "^": "triangle-up",
    "v": "triangle-down", "<": "triangle-left", ">": "triangle-right", "*": "star", "P": "cross",
    "X": "x", "h": "hexagon", "H": "hexagon2", "p": "pentagon", "8": "octagon",
}  # fmt: skip

# Axes of costs, by the name of the cost.
COST_LABELS = {
    "vector_us": "Measured time per vector [µs]",
    "slot_us": "Measured time per slot [µs]",
    "latency_us": "Measured latency of a single vector [µs]",
    "multiplications": "Real multiplications per vector",
}


def styles(contenders: list[tuple[str, str]]) -> dict[str, Style]:
    """Styles by label; a second variant of a detector gets a style of no other.

    A label that is itself the name of a known receiver is drawn as that one, because trained
    weights have other names.

    Args:
        contenders: (label, name of the detector) of each.
    """
    chosen: dict[str, Style] = {}
    for label, name in contenders:
        style = _STYLES.get(label) or _STYLES.get(name)
        if style is None or style in chosen.values():
            count = sum(taken.colour in _OTHERS for taken in chosen.values())
            style = Style(
                _OTHERS[count % len(_OTHERS)],
                _MARKERS[count % len(_MARKERS)],
                ("solid", "dash")[count // len(_OTHERS) % 2],
            )
        chosen[label] = style
    return chosen


def published_style(chosen: Mapping[str, Style]) -> Style:
    """A style for a published curve of no receiver that is drawn.

    Args:
        chosen: styles that are taken, by label.
    """
    taken = {style.colour for style in chosen.values()}
    colour = next((colour for colour in _PUBLISHED if colour not in taken), _PUBLISHED[0])
    return Style(colour, "o", "dash")


def plotly_symbol(style: Style) -> str:
    """Plotly's name of a style's marker."""
    return _PLOTLY_SYMBOLS[style.marker]
