"""The base of all quantisers: LLRs of channel uses to packed integers, and back."""

from __future__ import annotations

import hashlib
import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from mimolearn.constellation import Constellation, as_constellation
from mimolearn.foundation.errors import InvalidInputError, check_shape, invalid
from mimolearn.foundation.tensors.modes import check_has_values, in_standard_mode
from mimolearn.quantizers.codes import (
    Codes,
    check_codes,
    entropy_bits,
    pack,
    unpack,
    word_bits,
)

# The largest useful LLR: there tanh(L/2) is 1 - 1e-6, and float32 can hardly tell larger ones.
MOST_LLR = 14.5


class Quantizer(nn.Module, ABC):
    """A quantiser of LLRs, for storage between transmissions or transport between machines.

    LLRs have the shape (*B, Nt, K): *B channel uses, Nt streams, K bits a symbol. A scheme may
    quantise all LLRs of a channel use jointly. Positive means 1. NaN is refused, and infinite LLRs
    count as large ones. Subclasses are final. They set ``name`` and write ``_quantize`` and
    ``_dequantize``.

    Args:
        constellation: a Constellation or its name.
    """

    name: ClassVar[str]
    # Part of the key of stored results: raise it when a change alters the codes.
    revision: ClassVar[int] = 1
    any_points: ClassVar[bool] = False
    """Whether bits of any points with labels are served; otherwise axes have to be separable."""

    def __init__(self, constellation: Constellation | str) -> None:
        super().__init__()
        self.constellation = as_constellation(constellation)
        if not (self.any_points or self.constellation.is_separable):
            names = ", ".join(Constellation.names(separable=True))
            expected = f"separable axes for {self.name!r} ({names}); 'uniform' takes any points"
            raise invalid("constellation", self.constellation.name, expected)

    @abstractmethod
    def word_levels(self) -> tuple[int, ...]:
        """Return the number of levels of each code in a word."""

    @abstractmethod
    def streams_per_group(self) -> int:
        """Return the number of streams in one group of words."""

    def words_per_group(self) -> int:
        """Return the number of words in a group, for ``streams_per_group`` streams."""
        return 1

    @property
    def bits_per_llr(self) -> float:
        """Stored bits per LLR."""
        words = self.words_per_group() * word_bits(self.word_levels())
        return words / (self.streams_per_group() * self.constellation.bits_per_symbol)

    def entropy_bits(self, indices: Tensor) -> float:
        """Compute the empirical entropy of codes, bits: what an ideal entropy coder would take.

        Args:
            indices: (*B, words, n) int64; codes, each of the n numbers coded by itself.
        """
        return entropy_bits(indices)

    @in_standard_mode
    def encode(self, llr: Tensor) -> Codes:
        """Quantise LLRs and pack the codes.

        Args:
            llr: (*B, Nt, K) real; LLRs.

        Raises:
            InvalidInputError: for a shape that does not fit the quantiser, and for NaN.
        """
        indices = self.indices(llr)
        flat = indices.reshape(-1, len(self.word_levels()))
        packed = pack(flat.cpu(), self.word_levels())
        return Codes(packed, tuple(llr.shape[:-1]), self.digest())

    @in_standard_mode
    def decode(self, codes: Codes) -> Tensor:
        """Recover LLRs from packed codes.

        Args:
            codes: from ``encode`` of this quantiser.

        Returns:
            (*B, Nt, K) float32; LLRs.

        Raises:
            InvalidInputError: for codes of another codebook, and for damaged ones.
        """
        if not isinstance(codes, Codes):
            raise invalid("codes", f"<{type(codes).__name__}>", "Codes from encode or from_bytes")
        if codes.codebook != self.digest():
            raise invalid("codes", f"<codebook {codes.codebook}>", f"<codebook {self.digest()}>")
        streams = self.streams_per_group()
        if not codes.shape or codes.shape[-1] % streams:
            raise invalid("codes", f"<shape {codes.shape}>", f"Nt a multiple of {streams}")
        words = codes.shape[-1] // streams * self.words_per_group()
        num_words = math.prod(codes.shape[:-1]) * words
        indices = unpack(codes.packed, num_words, self.word_levels())
        return self.from_indices(indices.reshape(*codes.shape[:-1], words, len(self.word_levels())))

    @in_standard_mode
    def through(self, llr: Tensor) -> Tensor:
        """Compute decode(encode(llr)) without packing bits, as simulations need it.

        Args:
            llr: (*B, Nt, K) real; LLRs.

        Returns:
            (*B, Nt, K) in the dtype of llr; quantised LLRs.
        """
        return self.from_indices(self.indices(llr)).to(llr)

    @in_standard_mode
    def indices(self, llr: Tensor) -> Tensor:
        """Quantise LLRs without packing the codes.

        Args:
            llr: (*B, Nt, K) real; LLRs.

        Returns:
            (*B, words, n) int64; n codes a word.

        Raises:
            InvalidInputError: for a shape that does not fit the quantiser, and for NaN.
        """
        bits, streams = self.constellation.bits_per_symbol, self.streams_per_group()
        check_shape("llr", llr, f"(*B, Nt, {bits})", isinstance(llr, Tensor) and llr.ndim >= 2)
        ok = llr.shape[-1] == bits and llr.shape[-2] % streams == 0
        expected = f"(*B, Nt, {bits})" + (
            f" with Nt a multiple of {streams}" if streams > 1 else ""
        )
        check_shape("llr", llr, expected, ok)
        if not llr.is_floating_point():
            raise invalid("llr", f"<dtype {llr.dtype}>", "a real dtype")
        check_has_values(llr=llr)
        bad = int(torch.isnan(llr).sum())
        if bad:
            raise invalid("llr", f"<{bad} of {llr.numel()} entries NaN>", "LLRs")
        self._check_fitted()
        groups = llr.shape[-2] // streams
        rows = llr.detach().to(torch.float32).reshape(-1, streams, bits)
        with torch.no_grad():
            codes = self._quantize(rows)
        return codes.reshape(
            *llr.shape[:-2], groups * self.words_per_group(), len(self.word_levels())
        )

    @in_standard_mode
    def from_indices(self, indices: Tensor) -> Tensor:
        """Recover LLRs from codes.

        Args:
            indices: (*B, words, n) int64; codes.

        Returns:
            (*B, Nt, K) float32; LLRs.

        Raises:
            InvalidInputError: for codes out of range.
        """
        if isinstance(indices, Tensor):
            check_has_values(codes=indices)
        check_codes(indices, self.word_levels())
        self._check_fitted()
        group = self.words_per_group()
        rows = indices.reshape(-1, group, indices.shape[-1])
        with torch.no_grad():
            llr = self._dequantize(rows)
        streams = indices.shape[-2] // group * self.streams_per_group()
        return llr.reshape(*indices.shape[:-2], streams, self.constellation.bits_per_symbol)

    @abstractmethod
    def plain_options(self) -> dict[str, str | int | float | bool]:
        """Return the options from which ``make_quantizer`` builds it again, without its numbers."""

    def digest(self) -> str:
        """Return 16 hex digits that identify the codebook: the scheme and every number in it."""
        content = f"{self.name} {self.constellation.name} {self.word_levels()}"
        digest = hashlib.sha256(content.encode())
        for key, tensor in self.state_dict().items():
            array = tensor.detach().cpu().contiguous().numpy()
            digest.update(f"{key} {array.dtype} {array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()[:16]

    @classmethod
    def option_names(cls) -> Sequence[str]:
        """Return the names of the options that ``make_quantizer`` accepts for this scheme."""
        parameters = inspect.signature(cls.__init__).parameters
        return [name for name in parameters if name not in ("self", "constellation")]

    @abstractmethod
    def _quantize(self, llr: Tensor) -> Tensor:
        """(N, streams, K) float32 to (N, words of a group, n) int64."""

    @abstractmethod
    def _dequantize(self, indices: Tensor) -> Tensor:
        """(N, words of a group, n) int64 to (N, streams, K) float32."""

    def _check_fitted(self) -> None:
        for key, tensor in self.state_dict().items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise InvalidInputError(
                    f"quantizer: {self.name!r} has no {key} yet; fit it with fit_quantizer or load "
                    "trained weights"
                )
