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
from mimolearn.quantizers.codes import Codes
from mimolearn.quantizers.deep_llr import DeepLLR, fit_deep_llr
from mimolearn.quantizers.eq_net import EQNet, fit_eq_net
from mimolearn.quantizers.eq_net_published import EQNetPublished, fit_eq_net_published
from mimolearn.quantizers.max_mi import MaxMI, fit_max_mi
from mimolearn.quantizers.uniform import Uniform, fit_uniform

_QUANTIZERS: dict[str, type[Quantizer]] = {
    cls.name: cls for cls in (Uniform, MaxMI, DeepLLR, EQNet, EQNetPublished)
}
_FITS: dict[str, Callable[..., Quantizer]] = {
    "uniform": fit_uniform,
    "max-mi": fit_max_mi,
    "deep-llr": fit_deep_llr,
    "eq-net": fit_eq_net,
    "eq-net-published": fit_eq_net_published,
}


def quantizer_names() -> tuple[str, ...]:
    """Names that ``make_quantizer`` knows, in the order of the documentation."""
    return tuple(_QUANTIZERS)


def quantizer_class(name: str) -> type[Quantizer]:
    """The class behind a name; InvalidInputError names the nearest known one."""
    return _QUANTIZERS[check_one_of("quantizer", name, _QUANTIZERS)]


@in_standard_mode
def make_quantizer(name: str, constellation: Constellation | str, **options: Any) -> Quantizer:
    """Build a quantiser by name. One whose numbers are fitted or trained has none yet.

    >>> make_quantizer("uniform", "64-qam", bits=3).bits_per_llr
    3.0
    """
    cls = quantizer_class(name)
    for option in options:
        check_one_of(f"option of quantizer {name!r}", option, cls.option_names())
    return cls(constellation, **options)


# Far beyond what soft bits tell apart, and small enough for the losses of trained schemes.
_MOST_SAMPLE = 1000.0


# A caller in inference mode, or without gradients, would have nothing trained.
@in_standard_mode
@torch.inference_mode(False)
@torch.enable_grad()
def fit_quantizer(name: str, llr: Tensor, *, bits: float, **options: Any) -> Quantizer:
    """A finished quantiser, fitted to samples.

    llr: (*B, Nt, K) calibrated LLRs, K the bits of a symbol. bits: stored a soft bit; a fraction is
    fine where the scheme can use it. options: of the scheme's own fit (see ``fit_max_mi``,
    ``fit_eq_net`` and so on). A learned scheme trains for minutes unless ``steps`` says less.
    Raises InvalidInputError, one line, for NaN, for a shape of no constellation, and for bits that
    the scheme has no codebook of.
    """
    check_one_of("quantizer", name, _QUANTIZERS)
    check_shape("llr", llr, "(*B, Nt, K)", isinstance(llr, Tensor) and llr.ndim >= 2)
    by_bits = {Constellation(c).bits_per_symbol: Constellation(c) for c in Constellation.names()}
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
    # A copy: one of an inference tensor is an ordinary one.
    samples = llr.detach().to("cpu", torch.float32, copy=True).reshape(-1, *llr.shape[-2:])
    # Infinite ones are taken for large ones, here as in ``Quantizer.indices``.
    samples = samples.clamp(-_MOST_SAMPLE, _MOST_SAMPLE)
    known = [*inspect.signature(_FITS[name]).parameters][3:]
    for option in options:
        check_one_of(f"option of fitting {name!r}", option, known)
    return _FITS[name](samples, constellation, bits, **options)


__all__ = [
    "MOST_LLR",
    "Codes",
    "DeepLLR",
    "EQNet",
    "EQNetPublished",
    "MaxMI",
    "Quantizer",
    "Uniform",
    "fit_quantizer",
    "make_quantizer",
    "quantizer_class",
    "quantizer_names",
]
