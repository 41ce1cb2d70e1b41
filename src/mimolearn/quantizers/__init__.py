"""Quantisers of LLRs by name: packed codes for storage, LLRs back.

>>> import torch
>>> llr = 5 * torch.randn(100, 2, 6, generator=torch.Generator().manual_seed(1))
>>> quantizer = fit_quantizer("max-mi", llr, bits=3)
>>> quantizer.decode(quantizer.encode(llr)).shape, quantizer.encode(llr).num_bytes
(torch.Size([100, 2, 6]), 450)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_one_of, check_real, check_shape, invalid
from mimolearn.foundation.tensors.modes import check_has_values, in_standard_mode
from mimolearn.quantizers.base import MOST_LLR, Quantizer
from mimolearn.quantizers.codes import Codes, entropy_bits
from mimolearn.quantizers.deep_llr import DeepLLR, DeepLLRFit
from mimolearn.quantizers.descent import Fit, Fitted, minimise
from mimolearn.quantizers.eq_net import EQNet
from mimolearn.quantizers.eq_net_fit import EQNetFit
from mimolearn.quantizers.eq_net_published import EQNetPublished, EQNetPublishedFit
from mimolearn.quantizers.limits import StoredRate, bound_together, limit_one_by_one
from mimolearn.quantizers.max_mi import MaxMI, fit_max_mi
from mimolearn.quantizers.statistics import Statistics, StatisticsCodes
from mimolearn.quantizers.uniform import Uniform, fit_uniform

_QUANTIZERS: dict[str, type[Quantizer]] = {
    cls.name: cls for cls in (Uniform, MaxMI, DeepLLR, EQNet, EQNetPublished)
}
_FITS: dict[str, Callable[..., Quantizer | Fit]] = {
    "uniform": fit_uniform,
    "max-mi": fit_max_mi,
    "deep-llr": DeepLLRFit,
    "eq-net": EQNetFit,
    "eq-net-published": EQNetPublishedFit,
}


def quantizer_names() -> tuple[str, ...]:
    """Names that ``make_quantizer`` knows, in the order of the documentation."""
    return tuple(_QUANTIZERS)


def quantizer_class(name: str) -> type[Quantizer]:
    """Return the class of a name; the error for an unknown name suggests the nearest one.

    Args:
        name: of a quantiser.
    """
    return _QUANTIZERS[check_one_of("quantizer", name, _QUANTIZERS)]


@in_standard_mode
def make_quantizer(name: str, constellation: Constellation | str, **options: Any) -> Quantizer:
    """Build a quantiser by name, without fitted or trained numbers.

    ``fit_quantizer`` and ``load`` give finished ones.

    Args:
        name: one of ``quantizer_names()``.
        constellation: a Constellation or its name.
        options: of the scheme, as its class lists them.

    Raises:
        InvalidInputError: for an unknown name or option, or a value that is not allowed.

    >>> make_quantizer("uniform", "64-qam", bits=3).bits_per_llr
    3.0
    """
    cls = quantizer_class(name)
    for option in options:
        check_one_of(f"option of quantizer {name!r}", option, cls.option_names())
    return cls(constellation, **options)


# Larger LLRs have the same soft bits; these still give finite losses in training.
_MOST_SAMPLE = 1000.0


# Training needs gradients, whatever mode the caller is in.
@in_standard_mode
@torch.inference_mode(False)
@torch.enable_grad()
def fit_quantizer(name: str, llr: Tensor, *, bits: float, **options: Any) -> Quantizer:
    """Fit a quantiser to samples.

    Args:
        name: one of ``quantizer_names()``.
        llr: (*B, Nt, K); calibrated LLRs, K the bits of a symbol.
        bits: stored a soft bit; a fraction is fine where the scheme can use it.
        options: of the scheme's fit (see ``fit_max_mi``, ``EQNetFit`` and so on). A learned scheme
            trains for minutes unless ``steps`` says less.

    Raises:
        InvalidInputError: one line, for NaN, for a shape of no constellation, and for bits that
            the scheme has no codebook of.
    """
    return minimise(prepare_fit(name, llr, bits=bits, **options))


def prepare_fit(name: str, llr: Tensor, *, bits: float, **options: Any) -> Fit:
    """The fit of a quantiser before its first step; arguments and errors of ``fit_quantizer``."""
    check_one_of("quantizer", name, _QUANTIZERS)
    check_shape("llr", llr, "(*B, Nt, K)", isinstance(llr, Tensor) and llr.ndim >= 2)
    grids = map(Constellation, Constellation.names(separable=True))
    by_bits = {grid.bits_per_symbol: grid for grid in grids}
    if llr.shape[-1] not in by_bits:
        raise invalid("llr", f"<shape {tuple(llr.shape)}>", f"(*B, Nt, K), K in {list(by_bits)}")
    check_has_values(llr=llr)
    if not llr.numel():
        raise invalid("llr", f"<shape {tuple(llr.shape)}>", "at least one channel use")
    bad = int(torch.isnan(llr).sum())
    if bad:
        raise invalid("llr", f"<{bad} of {llr.numel()} entries NaN>", "LLRs")
    check_real("bits", bits, above=0, at_most=16)
    constellation = by_bits[llr.shape[-1]]
    # A copy of an inference tensor is an ordinary tensor.
    samples = llr.detach().to("cpu", torch.float32, copy=True).reshape(-1, *llr.shape[-2:])
    # Infinite LLRs count as large ones, as in ``Quantizer.indices``.
    samples = samples.clamp(-_MOST_SAMPLE, _MOST_SAMPLE)
    known = [*inspect.signature(_FITS[name]).parameters][3:]
    for option in options:
        check_one_of(f"option of fitting {name!r}", option, known)
    fit = _FITS[name](samples, constellation, bits, **options)
    return fit if isinstance(fit, Fit) else Fitted(fit)


__all__ = [
    "MOST_LLR",
    "Codes",
    "DeepLLR",
    "EQNet",
    "EQNetPublished",
    "MaxMI",
    "Quantizer",
    "Statistics",
    "StatisticsCodes",
    "StoredRate",
    "Uniform",
    "bound_together",
    "entropy_bits",
    "fit_quantizer",
    "limit_one_by_one",
    "make_quantizer",
    "prepare_fit",
    "quantizer_class",
    "quantizer_names",
]
