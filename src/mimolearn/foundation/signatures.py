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

    Type checkers, ``help`` and command lines then see the arguments by name.

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
        returned = inspect.signature(function, eval_str=True).return_annotation
        signature = inspect.signature(model, eval_str=True).replace(return_annotation=returned)
        function.__signature__ = signature  # type: ignore[attr-defined]  # inspect reads it
        hints = {name: given.annotation for name, given in signature.parameters.items()}
        function.__annotations__ = {**hints, "return": returned}
        return function

    return decorate
