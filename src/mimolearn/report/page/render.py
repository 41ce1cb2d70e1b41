"""Templates, the shared style, and the one copy of plotly that a page carries."""

from __future__ import annotations

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
    """Fill in a template of this folder, with the shared style and the one copy of plotly.

    Args:
        template: name of the file.
        **values: what the template names.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    folder = files("mimolearn.report.page")
    source = environment.from_string(folder.joinpath(template).read_text("utf-8"))
    css, script = (folder.joinpath(f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    return source.render(css=css, page_js=script, plotly_js=get_plotlyjs(), **values)


def plot_html(figure: go.Figure) -> Any:
    """A plot as a part of a page that carries plotly."""
    # include_plotlyjs=False: the page carries the script once. Markup made by plotly is trusted.
    return Markup(figure.to_html(full_html=False, include_plotlyjs=False, config=_CONFIG))
