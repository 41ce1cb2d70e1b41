"""What detectors keep of channels, and what their work costs."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor


class Cost(NamedTuple):
    """Real multiplications of a detector; a complex one counts four.

    Divisions, square roots and table look-ups of the demapper are not counted.

    Attributes:
        per_channel: of ``prepare``, for one channel.
        per_vector: of ``detect``, for one vector; None if it depends on the data, which
            ``Detection.work`` then reports.
    """

    per_channel: int
    per_vector: int | None


class Compiled(NamedTuple):
    """Channels that ``prepare`` has prepared for compiled code.

    Attributes:
        path: "fused" or "interleaved"; see ``Detector.halves``.
        state: what this path keeps of the channels.
        shape: (*C, Nr, Nt), the shape of h.
    """

    path: str
    state: Any
    shape: torch.Size


class Channel(NamedTuple):
    """The state of the path "fused": the channel as it came.

    Attributes:
        h: (*C, Nr, Nt) complex.
        noise_var: (*C) real.
    """

    h: Tensor
    noise_var: Tensor
