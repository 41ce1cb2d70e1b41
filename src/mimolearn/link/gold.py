"""The pseudo-random sequence of 5G NR, which scrambles bits and makes pilots."""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.foundation.errors import check_positive_int, invalid


def gold_sequence(c_init: int, length: int) -> Tensor:
    """Make the pseudo-random sequence of 3GPP TS 38.211, section 5.2.1.

    Args:
        c_init: 0 ... 2^31 - 1, where its second register starts.
        length: bits.

    Returns:
        (length) uint8.

    Raises:
        InvalidInputError: for a start that the register does not hold.

    >>> gold_sequence(1, 8).tolist()
    [0, 0, 0, 0, 0, 0, 1, 0]
    """
    if isinstance(c_init, bool) or not isinstance(c_init, int) or not 0 <= c_init < 2**31:
        raise invalid("c_init", c_init, "an integer from 0 to 2^31 - 1")
    check_positive_int("length", length, 10**9)
    from mimolearn.kernels.codes import rate_matching

    sequence = torch.empty(length, dtype=torch.uint8)
    rate_matching.gold_kernel()(c_init, sequence.numpy())
    return sequence
