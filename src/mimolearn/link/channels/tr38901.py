"""Using Sionna's TR 38.901 models without touching anybody's random state.

Sionna is imported at the first draw: it takes seconds, and its import re-seeds torch's global
generator.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Literal

import torch
from torch import Generator

SpecVersion = Literal["16.1", "19.2"]

_LOCK = threading.Lock()


def sionna_tr38901() -> ModuleType:
    """The module sionna.phy.channel.tr38901, imported with torch's global generators kept."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        from sionna.phy.channel import tr38901
    return tr38901


@contextlib.contextmanager
def sionna_draws_from(generator: Generator) -> Iterator[None]:
    """Inside, Sionna's own generator continues the stream of ``generator``, and then gets its back.

    ``generator`` comes out advanced by what Sionna drew. One thread at a time.
    """
    from sionna.phy import config

    theirs = config.torch_rng(str(generator.device))
    with _LOCK:
        saved = theirs.get_state()
        theirs.set_state(generator.get_state())
        try:
            yield
        finally:
            generator.set_state(theirs.get_state())
            theirs.set_state(saved)


def sionna_precision(dtype: torch.dtype) -> str:
    """Sionna's name of a complex dtype."""
    return "double" if dtype == torch.complex128 else "single"
