"""What detectors are given, checked: channels, received vectors and noise variances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.errors import check_shape, invalid

_DTYPES = (torch.complex64, torch.complex128)
# Between these, a noise variance is positive and finite in every precision.
_LEAST_SAFE, _MOST_SAFE = 1e-30, 1e30


def as_tensor(field: str, value: Any) -> Any:
    """A NumPy array as a tensor with memory of its own; all else as it is, to be checked later."""
    if not isinstance(value, np.ndarray):
        return value
    try:
        return torch.from_numpy(np.array(value))
    except TypeError:
        raise invalid(field, f"<array of {value.dtype}>", "numbers that torch has") from None


def check_channel(h: Tensor) -> None:
    """Check shape and dtype of h; its values are checked when the path is known."""
    check_shape("h", h, "(*C, Nr, Nt)", isinstance(h, Tensor) and h.ndim >= 2)
    if h.dtype not in _DTYPES:
        expected = "complex64 or complex128" if h.is_complex() else "a complex dtype"
        raise invalid("h", f"<dtype {h.dtype}>", expected)
    if h.shape[-2] == 0 or h.shape[-1] == 0:
        raise invalid("h", f"<shape {tuple(h.shape)}>", "at least one antenna on each side")


def check_noise_var(noise_var: Tensor | float, h: Tensor) -> Tensor:
    """Return noise variances (*C) in the precision of h; all must be finite and above 0."""
    real, blocks, given = h.dtype.to_real(), h.shape[:-2], noise_var
    if type(noise_var) is float and _LEAST_SAFE < noise_var < _MOST_SAFE:
        return torch.full(blocks, noise_var, dtype=real, device=h.device)
    if not isinstance(noise_var, Tensor):
        noise_var = torch.as_tensor(noise_var, dtype=real, device=h.device)
    same_shape = noise_var.shape == blocks
    if not same_shape and noise_var.ndim:
        expected = f"shape (*C) = {tuple(blocks)} as in h, or a number"
        raise invalid("noise_var", f"<shape {tuple(noise_var.shape)}>", expected)
    if noise_var.dtype != real or noise_var.device != h.device:
        if noise_var.is_complex():
            raise invalid("noise_var", f"<dtype {noise_var.dtype}>", "a real dtype")
        # Before the check: a positive float64 may be 0 or infinite as a float32.
        noise_var = noise_var.to(h.device, real)
    num = noise_var.numel()
    # A traced program cannot look at its data.
    if num and not torch.compiler.is_compiling():
        if num == 1:
            least = most = noise_var.item()
        else:
            least, most = (end.item() for end in noise_var.detach().aminmax())
        if not (least > 0 and most < math.inf):
            ok = (noise_var > 0) & torch.isfinite(noise_var)
            value = given
            in_type = "" if noise_var.dtype == torch.float64 else f" in {real}, as h"
            if isinstance(given, Tensor):
                value = given.expand(ok.shape).to(ok.device)[~ok].flatten()[0].item()
            raise invalid("noise_var", value, f"a finite value above 0{in_type}")
    return noise_var if same_shape else noise_var.expand(blocks)


def matching(y: torch.Size, h: torch.Size) -> bool:
    """Return whether y (*C, T, Nr) has the channels and antennas of h (*C, Nr, Nt), by shapes."""
    return y[-1] == h[-2] and y[:-2] == h[:-2]
