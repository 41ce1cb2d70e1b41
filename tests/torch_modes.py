"""Modes of torch that a user may call the library in; the batteries run all members in each."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from mimolearn import InvalidInputError


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


MODES: dict[str, Callable[[], Any]] = {
    "default dtype float64": lambda: default_dtype(torch.float64),
    "default device meta": lambda: torch.device("meta"),
    "inference mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}


def global_random_state() -> tuple[bytes, str]:
    """What no call may move: the states of torch's and NumPy's global generators."""
    words = str(np.random.get_state())  # noqa: NPY002 - read to see that nobody else did
    return torch.get_rng_state().numpy().tobytes(), hashlib.sha256(words.encode()).hexdigest()


def refused(call: Callable[[], Any]) -> str:
    """The one line with which a call is refused."""
    with pytest.raises(InvalidInputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)
