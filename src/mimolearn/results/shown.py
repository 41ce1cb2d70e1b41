"""Results as tables for other tools, and shown by the report without importing it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.foundation.errors import MimolearnError, user_path
from mimolearn.foundation.plugins import import_modules

Row = dict[str, str | int | float | bool | None]

VIEWS = "mimolearn.views"
"""Group of the modules that register views when they are imported."""

_VIEWS: dict[tuple[type, str], Callable[..., Any]] = {}


def register_view(shown: type, name: str, view: Callable[..., Any]) -> None:
    """Let a function show results of a class.

    Args:
        shown: the class.
        name: "plot", "html", "report" or "progress".
        view: a function of the result and further arguments.
    """
    _VIEWS[shown, name] = view


def view_of(shown: type, name: str) -> Callable[..., Any]:
    """The function that shows results of a class."""
    import_modules(VIEWS)
    return _VIEWS[shown, name]


class Tabular:
    """Results that are rows of plain values, the same columns in every row."""

    def to_rows(self) -> list[Row]:
        """Return one mapping a row, from the name of a column to its value; None: not known."""
        raise NotImplementedError

    def to_csv(self, path: str | Path | None = None) -> str:
        """Return the rows as CSV text with a header; what is not known is empty.

        Args:
            path: a file to write the text to as well; default None, no file.

        Raises:
            OSError: the file cannot be written.
        """
        rows = self.to_rows()
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        if path is not None:
            write_atomically(user_path(path), text.getvalue())
        return text.getvalue()

    def to_frame(self) -> Any:
        """Return the rows as a ``pandas.DataFrame``.

        Raises:
            MimolearnError: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise MimolearnError(
                "to_frame: needs pandas, which is not installed; to_rows() and to_csv() do not"
            ) from None
        return pandas.DataFrame(self.to_rows())


class Shown(Tabular):
    """Results that the report can draw."""

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the error rates over SNR; hollow markers are unsure, arrows are upper bounds.

        Args:
            ax: matplotlib axes; default None, those of a new figure.
            **options: ``metric`` and ``target`` in place of the plan's, and ``overlay``, a CSV
                file of published curves as for ``report``.

        Returns:
            the axes.
        """
        return view_of(type(self), "plot")(self, ax, **options)

    def report(self, folder: str | Path, overlay: str | Path | None = None) -> Path:
        """Write the HTML report, its figures and a CSV file.

        Args:
            folder: for the files; it is made where there is none.
            overlay: a CSV file of published curves, with the columns label, snr_db (dB) and rate;
                they are drawn dashed and hollow. Default None.

        Returns:
            the path of the page.

        Raises:
            InvalidInputError: a file of published curves with a value that is none.
            OSError: the folder cannot be written.
        """
        return view_of(type(self), "report")(self, folder, overlay)

    def _repr_html_(self) -> str:
        """Table and verdict, for notebooks."""
        return view_of(type(self), "html")(self)
