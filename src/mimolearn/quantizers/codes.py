"""Quantised LLRs as packed bits, and as a stream of bytes with a checksum."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.errors import InvalidInputError, check_shape, invalid

_MAGIC = b"MLQ1"
_HEADER = struct.Struct("<4s8sB")
_MAX_DIMS = 8
# A word has to fit a signed 64-bit integer.
_MAX_WORD_BITS = 62


@dataclass(frozen=True, eq=False)
class Codes:
    """Quantised LLRs of a batch of channel uses.

    Attributes:
        packed: (num_bytes) uint8; the words of all uses in sequence, without gaps.
        shape: (*B, Nt); the channel uses and their streams.
        codebook: digest of the quantiser that made the codes. No other can decode them.
    """

    packed: Tensor
    shape: tuple[int, ...]
    codebook: str

    @property
    def num_bytes(self) -> int:
        """Size of the packed words; ``to_bytes`` adds a header and a checksum."""
        return self.packed.numel()

    def to_bytes(self) -> bytes:
        """Return a stream: header, shape, packed words, and a CRC-32 of all of it."""
        head = _HEADER.pack(_MAGIC, bytes.fromhex(self.codebook), len(self.shape))
        sizes = struct.pack(f"<{len(self.shape)}Q", *self.shape)
        body = head + sizes + self.packed.numpy().tobytes()
        return body + struct.pack("<I", zlib.crc32(body))

    @classmethod
    def from_bytes(cls, data: bytes) -> Codes:
        """Read a stream that ``to_bytes`` made.

        Args:
            data: the stream.

        Raises:
            InvalidInputError: for bytes that are truncated, changed, or no such stream.
        """
        if not isinstance(data, bytes | bytearray) or len(data) < _HEADER.size + 4:
            raise InvalidInputError("codes: truncated, shorter than the header of a stream")
        magic, codebook, num_dims = _HEADER.unpack_from(data)
        if magic != _MAGIC or num_dims > _MAX_DIMS:
            raise InvalidInputError("codes: not a stream of quantised soft bits")
        if zlib.crc32(data[:-4]) != struct.unpack("<I", data[-4:])[0]:
            raise InvalidInputError("codes: truncated or corrupted, the checksum does not match")
        shape = struct.unpack_from(f"<{num_dims}Q", data, _HEADER.size)
        start = _HEADER.size + 8 * num_dims
        packed = torch.from_numpy(np.frombuffer(data[start:-4], np.uint8).copy())
        return cls(packed, tuple(shape), codebook.hex())


def word_bits(levels: tuple[int, ...]) -> int:
    """Return the bits of a word that holds one code for each of these numbers of levels.

    >>> word_bits((5, 6, 6, 5, 6, 6)), word_bits((20, 20, 10))
    (15, 12)
    """
    bits = math.ceil(math.log2(math.prod(levels)) - 1e-12)
    if bits > _MAX_WORD_BITS:
        raise invalid("levels", levels, f"at most {_MAX_WORD_BITS} bits a word")
    return bits


def pack(indices: Tensor, levels: tuple[int, ...]) -> Tensor:
    """Pack codes into bytes.

    The codes of a row are the digits of one number, first code first. The bits of these numbers
    follow each other without gaps.

    Args:
        indices: (N, n) integers; codes, each below its number of levels.
        levels: n numbers of levels.

    Returns:
        (ceil(N word_bits(levels) / 8)) uint8.
    """
    check_codes(indices, levels)
    words = np.zeros(len(indices), np.int64)
    for column, count in zip(indices.numpy().astype(np.int64).T, levels, strict=True):
        words = words * count + column
    shifts = np.arange(word_bits(levels) - 1, -1, -1)
    bits = (words[:, None] >> shifts) & 1
    return torch.from_numpy(np.packbits(bits.astype(np.uint8).reshape(-1)))


def unpack(packed: Tensor, num_words: int, levels: tuple[int, ...]) -> Tensor:
    """Unpack what ``pack`` packed: (N, n) int64; InvalidInputError for impossible words."""
    size = word_bits(levels)
    if packed.numel() != -(-num_words * size // 8):
        expected = f"{-(-num_words * size // 8)} bytes, {num_words} words of {size} bits"
        raise invalid("codes", f"<{packed.numel()} bytes>", expected)
    bits = np.unpackbits(packed.numpy())[: num_words * size].reshape(num_words, size)
    words = bits.astype(np.int64) @ (1 << np.arange(size - 1, -1, -1, dtype=np.int64))
    most = math.prod(levels)
    if num_words and int(words.max()) >= most:
        raise invalid("codes", int(words.max()), f"a word below {most}")
    columns = []
    for count in reversed(levels):
        columns.append(words % count)
        words = words // count
    return torch.from_numpy(np.stack(columns[::-1], -1))


def check_codes(indices: Tensor, levels: tuple[int, ...]) -> None:
    """Refuse codes (..., n) that are not integers from 0 to below their number of levels."""
    check_shape("codes", indices, f"(..., {len(levels)})", indices.shape[-1:] == (len(levels),))
    if indices.is_floating_point() or indices.is_complex():
        raise invalid("codes", f"<dtype {indices.dtype}>", "integers")
    if not indices.numel():
        return
    low, high = int(indices.min()), indices.flatten(0, -2).amax(0)
    most = torch.tensor(levels, dtype=torch.int64, device=high.device)
    over = torch.nonzero(high >= most).flatten()
    if low < 0 or len(over):
        value = low if low < 0 else int(high[over[0]])
        raise invalid("codes", value, f"codes from 0 to below {', '.join(map(str, levels))}")


def entropy_bits(codes: Tensor) -> float:
    """Compute the empirical entropy of codes, bits: what an ideal entropy coder would take.

    Args:
        codes: (..., n) int64; each of the n columns is a source of its own.
    """
    total = 0.0
    for column in codes.reshape(-1, codes.shape[-1]).numpy().T:
        _, counts = np.unique(column, return_counts=True)
        total -= float((counts * np.log2(counts / len(column))).sum())
    return total
