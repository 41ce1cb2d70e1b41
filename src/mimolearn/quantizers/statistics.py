"""Received vectors as quantised sufficient statistics, for detection with later transmissions."""

from __future__ import annotations

import inspect
import struct
import zlib
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.errors import InvalidInputError, check_real, check_shape, invalid
from mimolearn.foundation.tensors.modes import in_standard_mode
from mimolearn.quantizers.codes import entropy_bits

_MAGIC = b"MLS1"
_HEADER = struct.Struct("<4sddQQII")
# Codes are kept as 16-bit integers.
_MOST_CODE = 2**15 - 1


class Received(NamedTuple):
    """A link whose noise has variance 1.

    Attributes:
        h: (C, R, Nt) complex; channels over the standard deviation of the noise.
        y: (C, T, R) complex; received vectors over the same.
    """

    h: Tensor
    y: Tensor


class StatisticsCodes(NamedTuple):
    """Quantised statistics of C channels with T vectors each.

    Attributes:
        factors: (C, f) int64; the real numbers of the triangular factors.
        vectors: (C, T, 2 R) int64; the rotated vectors, real and imaginary parts.
        num_tx_ant: Nt.
    """

    factors: Tensor
    vectors: Tensor
    num_tx_ant: int

    def at(self, channels: Tensor) -> StatisticsCodes:
        """Those of some channels alone; channels: (M) int64.

        Args:
            channels: (M) int64; which channels.
        """
        return self._replace(factors=self.factors[channels], vectors=self.vectors[channels])


@dataclass(frozen=True)
@final
class Statistics:
    """Sufficient statistics of received vectors, in steps of the noise.

    Choose it to keep a transmission until the same symbols come again (chase combining): both are
    then detected together, which wins far more than to add their LLRs. With H / sigma = Q R the
    statistics are the triangle R and z = Q^H y / sigma = R x + w, where w has variance 1. They
    carry the same numbers as x_hat = R^-1 z and the Cholesky factor R^-1 of its covariance: 8 real
    ones for two streams. Each is rounded to a multiple of a step. Since the noise of z is the same
    at every SNR, so is what the rounding costs; its variance is added to that of the noise.
    Small steps at high SNRs need many bits, since R and z grow with the SNR.

    Codes have no fixed length. ``to_bytes`` packs them with Huffman codes by zlib, one table for
    each of the numbers, and ``entropy_bits`` is what an ideal entropy coder would take.

    Args:
        step: of real and imaginary parts of z, where the noise has a standard deviation of 0.71;
            default 1.5.
        factor_step: of the numbers of R; default 0.75.

    Raises:
        InvalidInputError: for a step that is not above 0.

    >>> h = torch.tensor([[[2.0, 1.0], [0.0, 1.0]]], dtype=torch.complex64)
    >>> y = torch.tensor([[[0.3, -1.2]]], dtype=torch.complex64)
    >>> kept = Statistics().encode(h, y, torch.ones(1))
    >>> kept.factors.tolist(), kept.vectors.tolist()
    ([[3, 1, 1, 0]], [[[0, 0, -1, 0]]])
    """

    name: ClassVar[str] = "statistics"
    revision: ClassVar[int] = 1

    step: float = 1.5
    factor_step: float = 0.75

    def __post_init__(self) -> None:
        for field in ("step", "factor_step"):
            value = check_real(field, getattr(self, field), above=0, at_most=100)
            object.__setattr__(self, field, value)

    @classmethod
    def option_names(cls) -> list[str]:
        """Names of its options."""
        return list(inspect.signature(cls).parameters)

    @in_standard_mode
    def encode(self, h: Tensor, y: Tensor, noise_var: Tensor) -> StatisticsCodes:
        """Reduce received vectors to statistics and quantise them.

        Args:
            h: (C, Nr, Nt) complex.
            y: (C, T, Nr) complex.
            noise_var: (C) real.

        Raises:
            InvalidInputError: for other shapes.
        """
        fits = h.ndim == 3 and y.ndim == 3 and y.shape[::2] == h.shape[:2]
        check_shape("y", y, "(C, T, Nr) with h of (C, Nr, Nt)", fits)
        check_shape("noise_var", noise_var, "(C)", tuple(noise_var.shape) == (len(h),))
        scale = noise_var.double().rsqrt()[:, None, None]
        q, r = torch.linalg.qr(h.to(torch.complex128) * scale)
        diagonal = r.diagonal(dim1=-2, dim2=-1)
        # A positive diagonal, so that it takes one real number an entry.
        turn = torch.where(diagonal == 0, torch.ones_like(diagonal), diagonal.sgn())
        r = r * turn.conj()[..., None]
        z = (y.to(torch.complex128) * scale) @ (q * turn[:, None]).conj()
        parts = [r.diagonal(dim1=-2, dim2=-1).real]
        rows, columns = _above(*r.shape[1:])
        above = torch.view_as_real(r[:, rows, columns]).flatten(1)
        factors = torch.cat([*parts, above], 1) / self.factor_step
        vectors = torch.view_as_real(z).flatten(2) / self.step
        return StatisticsCodes(_rounded(factors), _rounded(vectors), h.shape[2])

    @in_standard_mode
    def decode(self, codes: StatisticsCodes) -> Received:
        """Build the link that the statistics stand for, in single precision.

        Its rows are divided by the standard deviation of noise and rounding together.

        Args:
            codes: from ``encode`` of the same steps.
        """
        nt, num = codes.num_tx_ant, codes.vectors.shape[-1] // 2
        numbers = codes.factors.double() * self.factor_step
        r = torch.zeros(len(numbers), num, nt, dtype=torch.complex128)
        diagonal = torch.arange(min(num, nt))
        r[:, diagonal, diagonal] = numbers[:, : len(diagonal)].to(torch.complex128)
        rows, columns = _above(num, nt)
        above = numbers[:, len(diagonal) :].reshape(len(numbers), -1, 2).contiguous()
        r[:, rows, columns] = torch.view_as_complex(above)
        z = codes.vectors.double() * self.step
        z = torch.view_as_complex(z.unflatten(-1, (-1, 2)).contiguous())
        # Symbols have unit energy: the error of an entry of R is noise of its own variance.
        real_numbers = 1 + 2.0 * (nt - 1 - torch.arange(num).clamp(max=nt - 1))
        rounding = 2 * self.step**2 + real_numbers.double() * self.factor_step**2
        weight = (1 + rounding / 12).rsqrt()
        h = (r * weight[:, None]).to(torch.complex64)
        return Received(h, (z * weight).to(torch.complex64))

    def entropy_bits(self, codes: StatisticsCodes) -> float:
        """Compute the empirical entropy of all codes, each number by itself, bits.

        Args:
            codes: of any number of channels.
        """
        return entropy_bits(codes.factors) + entropy_bits(codes.vectors)

    def to_bytes(self, codes: StatisticsCodes) -> bytes:
        """Pack codes: a header, a stream of Huffman codes by zlib for each number, and a CRC-32.

        Args:
            codes: of any number of channels.
        """
        streams = [_squeezed(column) for column in _columns(codes)]
        sizes = len(codes.factors), codes.vectors.shape[1]
        shape = codes.num_tx_ant, codes.vectors.shape[2] // 2
        head = _HEADER.pack(_MAGIC, self.step, self.factor_step, *sizes, *shape)
        lengths = struct.pack(f"<{len(streams)}I", *map(len, streams))
        body = head + lengths + b"".join(streams)
        return body + struct.pack("<I", zlib.crc32(body))

    def from_bytes(self, data: bytes) -> StatisticsCodes:
        """Read what ``to_bytes`` packed.

        Args:
            data: the stream.

        Raises:
            InvalidInputError: for bytes that are truncated, changed, or of other steps.
        """
        if not isinstance(data, bytes | bytearray) or len(data) < _HEADER.size + 4:
            raise InvalidInputError("codes: truncated, shorter than the header of a stream")
        magic, *steps, channels, vectors, nt, num = _HEADER.unpack_from(data)
        if magic != _MAGIC:
            raise InvalidInputError("codes: not a stream of quantised statistics")
        if zlib.crc32(data[:-4]) != struct.unpack("<I", data[-4:])[0]:
            raise InvalidInputError("codes: truncated or corrupted, the checksum does not match")
        if steps != [self.step, self.factor_step]:
            raise invalid("codes", f"<steps {steps}>", f"<steps {[self.step, self.factor_step]}>")
        in_factor = min(num, nt) + 2 * len(_above(num, nt)[0])
        sizes = [channels] * in_factor + [channels * vectors] * (2 * num)
        try:
            lengths = struct.unpack_from(f"<{len(sizes)}I", data, _HEADER.size)
            start, columns = _HEADER.size + 4 * len(sizes), []
            for size, length in zip(sizes, lengths, strict=True):
                columns.append(_restored(data[start : start + length], size))
                start += length
        except (struct.error, zlib.error, ValueError):
            # The checksum is that of whoever wrote them.
            raise InvalidInputError("codes: not as many numbers as their header says") from None
        factors = torch.from_numpy(np.stack(columns[:in_factor], 1))
        parts = torch.from_numpy(np.stack(columns[in_factor:], 1))
        return StatisticsCodes(factors, parts.reshape(channels, vectors, -1), nt)


def _above(rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """Rows and columns of the entries above the diagonal."""
    above = torch.triu_indices(rows, columns, 1)
    return above[0], above[1]


def _rounded(numbers: Tensor) -> Tensor:
    return numbers.round().clamp(-_MOST_CODE, _MOST_CODE).to(torch.int64)


def _columns(codes: StatisticsCodes) -> list[np.ndarray]:
    return [*codes.factors.numpy().T, *codes.vectors.flatten(0, 1).numpy().T]


def _squeezed(column: np.ndarray) -> bytes:
    """Huffman codes of one number: the bytes of most codes, then those that take two."""
    # Small codes of both signs become small bytes; 255 stands for a larger one.
    turned = np.where(column >= 0, 2 * column, -2 * column - 1)
    large = turned >= 255
    data = np.where(large, 255, turned).astype(np.uint8).tobytes()
    data += turned[large].astype("<u2").tobytes()
    coder = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
    return coder.compress(data) + coder.flush()


def _restored(stream: bytes, size: int) -> np.ndarray:
    data = zlib.decompress(stream, -15)
    turned = np.frombuffer(data[:size], np.uint8).astype(np.int64)
    if len(turned) != size:
        raise ValueError(f"{len(turned)} numbers")
    turned[turned == 255] = np.frombuffer(data[size:], "<u2")
    return np.where(turned % 2, -(turned + 1) // 2, turned // 2)
