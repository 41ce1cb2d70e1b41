"""What detectors are given, checked: channels, received vectors and noise variances."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.errors import check_shape, invalid
from mimolearn.kernels.machine.launch import fits_size, usable

_DTYPES = (torch.complex64, torch.complex128)
# Between these, a noise variance is positive and finite in every precision.
_LEAST_SAFE, _MOST_SAFE = 1e-30, 1e30
# Each name saves a call on one vector the look-up of an attribute.
_COMPLEX, _REAL, _STRIDED = torch.complex64, torch.float32, torch.strided


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
    # A traced program cannot look at its data.
    if not torch.compiler.is_compiling() and not _above_zero(noise_var):
        ok = (noise_var > 0) & torch.isfinite(noise_var)
        value = given
        in_type = "" if noise_var.dtype == torch.float64 else f" in {real}, as h"
        if isinstance(given, Tensor):
            value = given.expand(ok.shape).to(ok.device)[~ok].flatten()[0].item()
        raise invalid("noise_var", value, f"a finite value above 0{in_type}")
    return noise_var if same_shape else noise_var.expand(blocks)


def _above_zero(noise_var: Tensor) -> bool:
    """Return whether all numbers are finite and above 0."""
    num = noise_var.numel()
    if num == 1:
        return 0 < noise_var.item() < math.inf
    if num == 0:
        return True
    least, most = (end.item() for end in noise_var.detach().aminmax())
    return least > 0 and most < math.inf


def suited(y: Any, h: Any, noise_var: Any) -> Tensor | None:
    """Return the noise variances (*C) of inputs that are right and that compiled code can take.

    A call on one vector takes about 20 us. This looks once at what the checks of a detector ask
    one after the other; all but finite h and y.

    Returns:
        None for all other inputs. The checks say what is wrong with them, if anything.
    """
    if type(y) is not Tensor or type(h) is not Tensor:
        return None
    if y.dtype is not _COMPLEX or h.dtype is not _COMPLEX:
        return None
    if y.layout is not _STRIDED or h.layout is not _STRIDED:
        return None
    if type(noise_var) is not Tensor:
        if type(noise_var) is not float or not _LEAST_SAFE < noise_var < _MOST_SAFE:
            return None
        if not (usable(y, h) and _fitting(y.shape, h.shape, h.shape[:-2])):
            return None
        return torch.full(h.shape[:-2], noise_var, dtype=_REAL, device="cpu")
    if noise_var.dtype is not _REAL or noise_var.layout is not _STRIDED:
        return None
    if not (usable(y, h, noise_var) and _fitting(y.shape, h.shape, noise_var.shape)):
        return None
    return noise_var if _above_zero(noise_var) else None


@functools.lru_cache(maxsize=4096)
def _fitting(y: torch.Size, h: torch.Size, noise_var: torch.Size) -> bool:
    """Return whether shapes are (*C, T, Nr), (*C, Nr, Nt) and (*C), and their sizes for kernels."""
    if len(y) < 2 or len(h) < 2 or not (matching(y, h) and noise_var == h[:-2]):
        return False
    return y.numel() > 0 and h.numel() > 0 and fits_size(h[-2], h[-1])


def matching(y: torch.Size, h: torch.Size) -> bool:
    """Return whether y (*C, T, Nr) has the channels and antennas of h (*C, Nr, Nt), by shapes."""
    return y[-1] == h[-2] and y[:-2] == h[:-2]
