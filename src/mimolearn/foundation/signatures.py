"""One signature that several functions share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")


def takes_arguments_of(
    model: Callable[Arguments, Any],
) -> Callable[[Callable[..., Returned]], Callable[Arguments, Returned]]:
    """Give a function that passes its arguments on the signature of the function that takes them.

    Type checkers, ``help`` and command lines then see the arguments by name. What the function
    itself takes by keyword alone comes after them, for ``help`` and command lines.

    Args:
        model: the function whose arguments are taken.

    Returns:
        a decorator; what it decorates keeps its name, its docstring and its own return type.

    >>> def area(width: float, height: float = 1.0) -> float:
    ...     return width * height
    >>> @takes_arguments_of(area)
    ... def text(*arguments, **options) -> str:
    ...     return f"{area(*arguments, **options)} m2"
    >>> text(2.0, height=3.0), str(inspect.signature(text))
    ('6.0 m2', '(width: float, height: float = 1.0) -> str')
    """

    def decorate(function: Callable[..., Returned]) -> Callable[Arguments, Returned]:
        own = inspect.signature(function, eval_str=True)
        returned = own.return_annotation
        taken = inspect.signature(model, eval_str=True)
        more = [p for p in own.parameters.values() if p.kind is p.KEYWORD_ONLY]
        parameters = [*taken.parameters.values(), *more]
        signature = taken.replace(parameters=parameters, return_annotation=returned)
        function.__signature__ = signature  # type: ignore[attr-defined]  # inspect reads it
        hints = {name: given.annotation for name, given in signature.parameters.items()}
        function.__annotations__ = {**hints, "return": returned}
        return function

    return decorate
