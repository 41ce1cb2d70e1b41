"""Detectors inside detectors: the greatest depth, and no detector inside itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from mimolearn.foundation.errors import InvalidInputError

MOST_NESTED = 8

_AROUND: ContextVar[tuple[str, ...]] = ContextVar("detectors that are being built", default=())


class NestingError(InvalidInputError):
    """Detectors are nested too deep, or weights name themselves as their inner detector."""


@contextmanager
def inside(name: str) -> Iterator[None]:
    """Build or describe a detector inside those that are being built.

    Args:
        name: of the detector.

    Raises:
        NestingError: for more than MOST_NESTED levels, and for a detector that holds itself, which
            a card of weights can ask for.
    """
    around = _AROUND.get()
    short = name if len(name) <= 60 else f"{name[:20]}...{name[-37:]}"
    if name in around:
        raise NestingError(f"{short}: names itself as the detector inside it")
    if len(around) >= MOST_NESTED:
        raise NestingError(f"{short}: expected at most {MOST_NESTED} detectors inside one another")
    token = _AROUND.set((*around, name))
    try:
        yield
    finally:
        _AROUND.reset(token)
