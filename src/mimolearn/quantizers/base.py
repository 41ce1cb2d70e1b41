"""The quantiser contract: LLRs of channel uses to packed integers, and back."""

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
from mimolearn.quantizers.codes import Codes, check_codes, pack, unpack, word_bits

# Beyond this an LLR says no more: tanh(L/2) is 1 - 1e-6, and float32 has no soft bits between.
MOST_LLR = 14.5


class Quantizer(nn.Module, ABC):
    """A quantiser of LLRs, for storage between transmissions or between machines.

    LLRs come as (*B, Nt, K): those of a channel use together, since a scheme may use that they
    belong together; positive means 1, NaN is refused, infinite ones are taken for large ones.
    Subclasses are final. They set ``name`` and write ``_quantize`` and ``_dequantize``.
    """

    name: ClassVar[str]
    # Part of what stored results are keyed by: raise it when a change alters the codes.
    revision: ClassVar[int] = 1

    def __init__(self, constellation: Constellation | str) -> None:
        super().__init__()
        self.constellation = as_constellation(constellation)

    @abstractmethod
    def word_levels(self) -> tuple[int, ...]:
        """Levels of each code that one word holds."""

    @abstractmethod
    def streams_per_group(self) -> int:
        """Streams that one group of words stands for."""

    def words_per_group(self) -> int:
        """Words that stand for ``streams_per_group`` streams."""
        return 1

    @property
    def bits_per_llr(self) -> float:
        """Stored bits a soft bit."""
        words = self.words_per_group() * word_bits(self.word_levels())
        return words / (self.streams_per_group() * self.constellation.bits_per_symbol)

    @in_standard_mode
    def encode(self, llr: Tensor) -> Codes:
        """(*B, Nt, K) LLRs to packed codes.

        Raises InvalidInputError for another shape than the quantiser's, and for NaN.
        """
        indices = self.indices(llr)
        flat = indices.reshape(-1, len(self.word_levels()))
        packed = pack(flat.cpu(), self.word_levels())
        return Codes(packed, tuple(llr.shape[:-1]), self.digest())

    @in_standard_mode
    def decode(self, codes: Codes) -> Tensor:
        """Packed codes to (*B, Nt, K) LLRs, float32.

        Raises InvalidInputError for codes of another codebook, or damaged ones.
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
        """decode(encode(llr)) without packing bits: what a simulation needs."""
        return self.from_indices(self.indices(llr)).to(llr)

    @in_standard_mode
    def indices(self, llr: Tensor) -> Tensor:
        """(*B, Nt, K) LLRs to codes (*B, words, n), int64, n codes a word."""
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
        """Codes (*B, words, n) to LLRs (*B, Nt, K), float32; refuses codes out of range."""
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
        """Options that ``make_quantizer`` rebuilds it from, before its numbers are loaded."""

    def digest(self) -> str:
        """16 hex digits that name the codebook: the scheme and every number in it."""
        content = f"{self.name} {self.constellation.name} {self.word_levels()}"
        digest = hashlib.sha256(content.encode())
        for key, tensor in self.state_dict().items():
            array = tensor.detach().cpu().contiguous().numpy()
            digest.update(f"{key} {array.dtype} {array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()[:16]

    @classmethod
    def option_names(cls) -> Sequence[str]:
        """Names of the options that ``make_quantizer`` accepts for this scheme."""
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
