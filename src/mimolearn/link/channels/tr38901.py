"""Sionna's TR 38.901 models, used without a change of any global random state.

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
    """Import sionna.phy.channel.tr38901 and restore torch's global generators."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        from sionna.phy.channel import tr38901
    return tr38901


@contextlib.contextmanager
def sionna_draws_from(generator: Generator) -> Iterator[None]:
    """Make Sionna draw from ``generator``, and restore Sionna's generator afterwards.

    ``generator`` is advanced by what Sionna drew. One thread at a time can be inside.
    """
    from sionna.phy import config

    sionna_generator = config.torch_rng(str(generator.device))
    with _LOCK:
        saved = sionna_generator.get_state()
        sionna_generator.set_state(generator.get_state())
        try:
            yield
        finally:
            generator.set_state(sionna_generator.get_state())
            sionna_generator.set_state(saved)


def sionna_precision(dtype: torch.dtype) -> str:
    """Return Sionna's name of a complex dtype."""
    return "double" if dtype == torch.complex128 else "single"
