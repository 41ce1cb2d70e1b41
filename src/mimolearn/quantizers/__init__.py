"""Quantisers of LLRs by name: packed codes for storage, LLRs back.

>>> import torch
>>> llr = 5 * torch.randn(100, 2, 6, generator=torch.Generator().manual_seed(1))
>>> quantizer = fit_quantizer("max-mi", llr, bits=3)
>>> quantizer.decode(quantizer.encode(llr)).shape, quantizer.encode(llr).num_bytes
(torch.Size([100, 2, 6]), 450)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.errors import check_one_of, check_real, check_shape, invalid
from mimolearn.quantizers.base import MOST_LLR, Quantizer
from mimolearn.quantizers.codes import Codes
from mimolearn.quantizers.max_mi import MaxMI, fit_max_mi
from mimolearn.quantizers.uniform import Uniform, fit_uniform

_QUANTIZERS: dict[str, type[Quantizer]] = {cls.name: cls for cls in (Uniform, MaxMI)}


def quantizer_names() -> tuple[str, ...]:
    """Names that ``make_quantizer`` knows, in the order of the documentation."""
    return tuple(_QUANTIZERS)


def quantizer_class(name: str) -> type[Quantizer]:
    """The class behind a name; InvalidInputError names the nearest known one."""
    return _QUANTIZERS[check_one_of("quantizer", name, _QUANTIZERS)]


def make_quantizer(name: str, constellation: Constellation | str, **options: Any) -> Quantizer:
    """Build a quantiser by name. One whose numbers are fitted or trained has none yet.

    >>> make_quantizer("uniform", "64-qam", bits=3).bits_per_llr
    3.0
    """
    cls = quantizer_class(name)
    for option in options:
        check_one_of(f"option of quantizer {name!r}", option, cls.option_names())
    return cls(constellation, **options)


def fit_quantizer(name: str, llr: Tensor, *, bits: float, **options: Any) -> Quantizer:
    """A finished quantiser, fitted to samples.

    llr: (*B, Nt, K) calibrated LLRs, K the bits of a symbol. bits: stored a soft bit; a fraction is
    fine where the scheme can use it. options: of the scheme's fit: "max-mi" takes ``method``.
    Raises InvalidInputError, one line, for NaN, for a shape of no constellation, and for bits that
    the scheme has no codebook of.
    """
    check_one_of("quantizer", name, _QUANTIZERS)
    check_shape("llr", llr, "(*B, Nt, K)", isinstance(llr, Tensor) and llr.ndim >= 2)
    by_bits = {Constellation(c).bits_per_symbol: Constellation(c) for c in Constellation.names()}
    if llr.shape[-1] not in by_bits:
        raise invalid("llr", f"<shape {tuple(llr.shape)}>", f"(*B, Nt, K), K in {list(by_bits)}")
    bad = int(torch.isnan(llr).sum())
    if bad:
        raise invalid("llr", f"<{bad} of {llr.numel()} entries NaN>", "LLRs")
    check_real("bits", bits, above=0, at_most=16)
    constellation = by_bits[llr.shape[-1]]
    samples = llr.detach().to("cpu", torch.float32).reshape(-1, *llr.shape[-2:])
    fits = {"uniform": fit_uniform, "max-mi": fit_max_mi}
    check_options = {"uniform": (), "max-mi": ("method",)}
    for option in options:
        check_one_of(f"option of fitting {name!r}", option, check_options[name])
    return fits[name](samples, constellation, bits, **options)


__all__ = [
    "MOST_LLR",
    "Codes",
    "MaxMI",
    "Quantizer",
    "Uniform",
    "fit_quantizer",
    "make_quantizer",
    "quantizer_class",
    "quantizer_names",
]
