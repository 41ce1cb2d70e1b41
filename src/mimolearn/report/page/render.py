"""Templates, the shared style, and the one copy of plotly that a page carries."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

_CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtons": [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
}


def render(template: str, **values: Any) -> str:
    """Fill in a template, with the shared style and the one copy of plotly.

    Args:
        template: name of the file.
        **values: what the template names.
    """
    shared = {"css": _read("page.css"), "page_js": _read("page.js"), "plotly_js": get_plotlyjs()}
    return _environment().get_template(template).render(**shared, **values)


def plot_html(figure: go.Figure) -> Any:
    """A plot as a part of a page that carries plotly."""
    # include_plotlyjs=False: the page carries the script once. Markup made by plotly is trusted.
    return Markup(figure.to_html(full_html=False, include_plotlyjs=False, config=_CONFIG))


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_read),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _read(name: str) -> str:
    return files("mimolearn.report.page").joinpath("templates", name).read_text("utf-8")
