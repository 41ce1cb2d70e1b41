"""Panels in Python, for what the verbs of a paper's file cannot say."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.papers.panels import Table, TableRun


class PythonPanel:
    """A function that makes a table, and the names of the values that it gives.

    Attributes:
        values: names, which claims may use.
    """

    def __init__(self, function: Callable[[TableRun], Table], values: Iterable[str]) -> None:
        self.values = tuple(values)
        self.__doc__, self.__name__ = function.__doc__, function.__name__
        self._function = function

    def __call__(self, run: TableRun) -> Table:
        """Make the table.

        Args:
            run: what may be spent.

        Raises:
            InvalidInputError: the function gave other values than it declares.
        """
        table = self._function(run)
        given = {*table.values, *table.missing}
        if given != set(self.values):
            wrong = sorted(given ^ set(self.values))
            raise InvalidInputError(
                f"panel {self.__name__}: values {', '.join(wrong)}: are declared and not given, or "
                "given and not declared"
            )
        return table


def python_panel(*values: str) -> Callable[[Callable[[TableRun], Table]], PythonPanel]:
    """Declare the values that a function's table gives, by name.

    Args:
        *values: names; each is a value of the table, or one that is missing for a reason.

    >>> @python_panel("one")
    ... def table(run):
    ...     return Table(("a",), (("1",),), {"one": 1.0})
    >>> table.values
    ('one',)
    """
    return lambda function: PythonPanel(function, values)
