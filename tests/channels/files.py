"""What the tests of channel files share: channels, and what every refusal must be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mimolearn import InvalidInputError
from mimolearn.link.channels import Recorded

N, NR, NT = 30, 4, 3
rng = np.random.default_rng(5)
H = rng.normal(size=(N, NR, NT)) + 1j * rng.normal(size=(N, NR, NT))
CSI = np.repeat(H[:, None], 6, axis=1)
Writer = Callable[[Path], object]


def refusal(path: Path, **fields: object) -> str:
    """The line that refuses a file, checked for what every such line must be."""
    with pytest.raises(InvalidInputError) as caught:
        Recorded(path=str(path), **fields)
    line = str(caught.value)
    assert line.isprintable()
    assert len(line) < 1000
    assert path.name in line or str(path)[:40] in line
    return line
