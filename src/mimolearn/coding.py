"""Block codes: LDPC encoding and sum-product decoding, and their way onto channel uses.

Code matrices and the 5G encoder come from Sionna, which is imported at first use with torch's
global generators kept (its import re-seeds them). The decoder is ours, compiled.
LLRs are ln P(b=1)/P(b=0): positive means 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.constants import made_once
from mimolearn.errors import check_positive_int, check_shape, invalid
from mimolearn.randomness import CounterGenerator, RandomSource, integers, normal
from mimolearn.scenario import Block, Coding, Scenario

# Which fixed interleaver all coded links use.
_INTERLEAVER_SEED = 2022


class Decoded(NamedTuple):
    """Of W blocks: info (W, k) uint8 bits; found (W) bool, whether they are of a codeword;
    iterations (W) int32, spent (num_iter where none was found)."""

    info: Tensor
    found: Tensor
    iterations: Tensor


@dataclass(frozen=True, eq=False)
class BlockCode:
    """A systematic binary block code with a sum-product decoder.

    generator: (k, n) float32 of 0 and 1. starts, columns: of the parity checks, check c being over
    the decoder's bits columns[starts[c] : starts[c + 1]]. sent_at: (n) the decoder's bit of each
    coded bit; a decoder's bit that is never sent (5G leaves out the first 2Z) starts at LLR 0.
    info_at: (k) the decoder's bit of each information bit. Tables of integers are int64.
    """

    generator: Tensor
    starts: np.ndarray
    columns: np.ndarray
    num_bits: int
    sent_at: Tensor
    info_at: Tensor

    @property
    def num_info_bits(self) -> int:
        """k."""
        return self.generator.shape[0]

    @property
    def num_coded_bits(self) -> int:
        """n."""
        return self.generator.shape[1]

    def encode(self, info: Tensor) -> Tensor:
        """(*B, k) bits to (*B, n) uint8 coded bits."""
        k = self.num_info_bits
        check_shape(
            "info", info, f"(*B, {k})", isinstance(info, Tensor) and info.shape[-1:] == (k,)
        )
        # Sums of at most 8448 ones are exact in single precision.
        return (info.to(torch.float32) @ self.generator).remainder_(2).to(torch.uint8)

    def decode(self, llr: Tensor, num_iter: int = 50) -> Decoded:
        """Sum-product decoding with a stop at the first codeword.

        llr: (W, n) real, finite, positive means 1. num_iter: most iterations. Compiled, on the
        CPU, in single precision. The result for a block does not depend on its companions.
        """
        n = self.num_coded_bits
        check_positive_int("num_iter", num_iter)
        check_shape(
            "llr", llr, f"(W, {n})", isinstance(llr, Tensor) and llr.ndim == 2 and llr.shape[1] == n
        )
        bad = int((~torch.isfinite(llr)).sum())
        if bad:
            raise invalid("llr", f"<{bad} of {llr.numel()} entries NaN or infinite>", "finite LLRs")
        from mimolearn.kernels import sum_product

        channel = torch.zeros(len(llr), self.num_bits, dtype=torch.float32)
        channel[:, self.sent_at] = llr.detach().to("cpu", torch.float32)
        decided = torch.empty(len(llr), self.num_bits, dtype=torch.uint8)
        spent = torch.empty(len(llr), dtype=torch.int32)
        most = int(np.diff(self.starts).max())
        space = sum_product.workspace(self.num_bits, self.columns.size, most)
        sum_product.kernel()(
            channel.numpy(),
            self.starts,
            self.columns,
            num_iter,
            decided.numpy(),
            spent.numpy(),
            np.empty(space, np.float32),
        )
        found = spent >= 0
        return Decoded(decided[:, self.info_at], found, torch.where(found, spent, num_iter))


def make_code(coding: Coding) -> BlockCode:
    """The code that a scenario names.

    >>> code = make_code(Coding())
    >>> word = code.encode(torch.ones(1, 324))
    >>> bool(code.decode(4.0 * word - 2).info.all())
    True
    """
    if coding.code == "802.11n-ldpc":
        return _wifi_code()
    return _code_5g(coding.num_info_bits, coding.num_coded_bits)


class CodedSymbols(NamedTuple):
    """info: (W, k) uint8 information bits; sent: (W, S) uint8 interleaved bits that are sent;
    indices: (W uses / T, T, Nt) symbol indices."""

    info: Tensor
    sent: Tensor
    indices: Tensor


class CodedLink:
    """How a scenario's blocks get onto channel uses and back.

    Interleaved bit i goes to channel use i // (K Nt), stream (i mod K Nt) // K and bit i mod K of
    its symbol; bits beyond the last whole use are punctured.

    >>> link = CodedLink(Scenario(num_tx_ant=4, num_rx_ant=4, constellation="16-qam",
    ...                           coding=Coding()))
    >>> link.num_sent, link.num_punctured
    (640, 8)
    """

    def __init__(self, scenario: Scenario) -> None:
        if scenario.coding is None:
            raise invalid("coding", None, "a scenario with a block code")
        self.scenario = scenario
        self.coding = scenario.coding
        self.code = make_code(scenario.coding)
        per_use = scenario.num_tx_ant * scenario.points().bits_per_symbol
        self.num_sent = scenario.uses_per_block * per_use
        self.num_punctured = self.coding.num_coded_bits - self.num_sent
        self.order = _interleaver(self.coding.interleaver, self.coding.num_coded_bits)[
            : self.num_sent
        ]

    @property
    def channels_per_block(self) -> int:
        """Independent channels that one transmission of a block meets."""
        return self.scenario.uses_per_block // self.scenario.channel_reuse

    def draw(self, num_blocks: int, generator: RandomSource) -> CodedSymbols:
        """Random information, encoded, interleaved and mapped."""
        info = integers((num_blocks, self.coding.num_info_bits), 2, generator).to(torch.uint8)
        sent = self.code.encode(info)[:, self.order]
        return CodedSymbols(info, sent, self.map(sent))

    def map(self, sent: Tensor) -> Tensor:
        """(W, S) bits to (W uses / T, T, Nt) symbol indices; refuses blocks of another length."""
        self._check_length("sent", sent)
        scenario, points = self.scenario, self.scenario.points()
        shape = (-1, scenario.channel_reuse, scenario.num_tx_ant, points.bits_per_symbol)
        return points.bits_to_indices(sent.reshape(shape))

    def decode(self, sent_llr: Tensor) -> Decoded:
        """From LLRs (W, S) of the sent bits; a punctured bit has LLR 0.

        InvalidInputError for blocks of another length, and for NaN or infinite LLRs.
        """
        self._check_length("sent_llr", sent_llr)
        llr = torch.zeros(len(sent_llr), self.coding.num_coded_bits, dtype=torch.float32)
        llr[:, self.order] = sent_llr.to("cpu", torch.float32)
        return self.code.decode(llr, self.coding.num_iter)

    def _check_length(self, field: str, block: Tensor) -> None:
        fits = isinstance(block, Tensor) and block.ndim == 2 and block.shape[1] == self.num_sent
        check_shape(field, block, f"(W, {self.num_sent}), the bits of a block that are sent", fits)

    def transmit(self, symbols: CodedSymbols, snr_db: float, generator: RandomSource) -> Block:
        """Send blocks over fresh channels."""
        scenario = self.scenario
        num_channels = len(symbols.indices)
        size = scenario.num_rx_ant, scenario.num_tx_ant
        h = scenario.channel.draw(num_channels, *size, generator)
        return scenario.send(symbols.indices, h, scenario.noise_var(snr_db, h), generator)


@made_once(maxsize=8)
def _interleaver(kind: str, num_bits: int) -> Tensor:
    """(n) the coded bit at each place of the interleaved block."""
    if kind == "none":
        return torch.arange(num_bits)
    return torch.argsort(normal((num_bits,), CounterGenerator(_INTERLEAVER_SEED)), stable=True)


@made_once(maxsize=1)
def _wifi_code() -> BlockCode:
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        from sionna.phy.fec.utils import load_parity_check_examples

    matrix = np.asarray(load_parity_check_examples(4)[0]).astype(np.uint8)
    n = matrix.shape[1]
    k = n - matrix.shape[0]
    # The last n - k columns, dual-diagonal, have an inverse: parity = B^-1 A info.
    parity = _solve_gf2(matrix[:, k:], matrix[:, :k])
    generator = np.concatenate([np.eye(k, dtype=np.uint8), parity.T], 1)
    every = torch.arange(n)
    return _block_code(generator, matrix, every, every[:k])


@made_once(maxsize=4)
def _code_5g(num_info_bits: int, num_coded_bits: int) -> BlockCode:
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        from sionna.phy.fec.ldpc import LDPC5GEncoder

        encoder = LDPC5GEncoder(num_info_bits, num_coded_bits, device="cpu")
        generator = encoder(torch.eye(num_info_bits, dtype=torch.float32))
    k, n, z, k_ldpc = num_info_bits, num_coded_bits, encoder.z, encoder.k_ldpc
    matrix = np.asarray(encoder.pcm.todense()).astype(np.uint8)
    # Filler bits are known zeros and drop out; the coded bits are what follows the first 2Z.
    kept = np.r_[:k, k_ldpc : matrix.shape[1]]
    matrix = matrix[:, kept]
    matrix = _without_unsent_leaves(matrix, 2 * z + n)
    every = torch.arange(matrix.shape[1])
    return _block_code(generator.numpy(), matrix, every[2 * z : 2 * z + n], every[:k])


def _without_unsent_leaves(matrix: np.ndarray, num_used: int) -> np.ndarray:
    """Drop the checks of bits that are not sent and in no other check: they tell nothing."""
    while matrix.shape[1] > num_used and matrix[:, -1].sum() == 1:
        matrix = np.delete(matrix, np.flatnonzero(matrix[:, -1])[0], 0)[:, :-1]
    return matrix


def _block_code(generator: Any, matrix: np.ndarray, sent_at: Tensor, info_at: Tensor) -> BlockCode:
    checks, columns = np.nonzero(matrix)
    starts = np.concatenate([[0], np.cumsum(np.bincount(checks, minlength=len(matrix)))])
    return BlockCode(
        torch.as_tensor(generator, dtype=torch.float32),
        starts.astype(np.int64),
        columns.astype(np.int64),
        matrix.shape[1],
        sent_at,
        info_at,
    )


def _solve_gf2(square: np.ndarray, right: np.ndarray) -> np.ndarray:
    """X with square X = right over GF(2), by elimination."""
    both = np.concatenate([square, right], 1).astype(bool)
    for i in range(len(square)):
        pivot = i + int(np.argmax(both[i:, i]))
        both[[i, pivot]] = both[[pivot, i]]
        others = both[:, i].copy()
        others[i] = False
        both[others] ^= both[i]
    return both[:, len(square) :].astype(np.uint8)
