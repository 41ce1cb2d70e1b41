"""Block codes: LDPC encoding and sum-product decoding, and their way onto channel uses.

Code matrices and the 5G encoder come from Sionna, which is imported at first use with torch's
global generators kept (its import re-seeds them). The decoder is ours, compiled.
LLRs are ln P(b=1)/P(b=0): positive means 1.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.errors import check_positive_int, check_shape, invalid
from mimolearn.foundation.tensors.made_once import made_once
from mimolearn.link.randomness import CounterGenerator, RandomSource, integers, normal
from mimolearn.link.scenario import Block, Coding, Scenario

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

    num_info_bits: k. parities: sparse matrices over GF(2), of integers 0 and 1; a word begins with
    the information bits, and each matrix in turn appends the parity bits that it makes of the
    word so far. starts, columns: of the parity checks, check c being over the decoder's bits
    columns[starts[c] : starts[c + 1]]. num_bits: of the decoder; they are the first bits of the
    word. sent_at: (n) the decoder's bit of each coded bit; a decoder's bit that is never sent (5G
    leaves out the first 2Z) starts at LLR 0. Tables of integers are int64.
    """

    num_info_bits: int
    parities: tuple[Any, ...]
    starts: np.ndarray
    columns: np.ndarray
    num_bits: int
    sent_at: Tensor

    @property
    def num_coded_bits(self) -> int:
        """n."""
        return len(self.sent_at)

    def encode(self, info: Tensor) -> Tensor:
        """(*B, k) bits to (*B, n) uint8 coded bits."""
        k = self.num_info_bits
        check_shape(
            "info", info, f"(*B, {k})", isinstance(info, Tensor) and info.shape[-1:] == (k,)
        )
        # One column a block, as a sparse product wants it.
        word = info.detach().to("cpu", torch.int32).reshape(-1, k).numpy().T
        for parity in self.parities:
            word = np.concatenate([word, (parity @ word) & 1])
        coded = torch.from_numpy(word[self.sent_at.numpy()].T.astype(np.uint8))
        return coded.reshape(*info.shape[:-1], self.num_coded_bits).to(info.device)

    def decode(self, llr: Tensor, num_iter: int = 50) -> Decoded:
        """Sum-product decoding with a stop at the first codeword.

        llr: (W, n) real, finite, positive means 1. num_iter: most iterations. Compiled, on the
        CPU, in single precision. The result for a block does not depend on its companions.
        """
        n = self.num_coded_bits
        check_positive_int("num_iter", num_iter, 10_000)
        check_shape(
            "llr", llr, f"(W, {n})", isinstance(llr, Tensor) and llr.ndim == 2 and llr.shape[1] == n
        )
        bad = int((~torch.isfinite(llr)).sum())
        if bad:
            raise invalid("llr", f"<{bad} of {llr.numel()} entries NaN or infinite>", "finite LLRs")
        from mimolearn.kernels.link import sum_product

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
        return Decoded(
            decided[:, : self.num_info_bits].clone(), found, torch.where(found, spent, num_iter)
        )


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
    from scipy import sparse

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        from sionna.phy.fec.utils import load_parity_check_examples

    checks: Any = sparse.csr_array(np.asarray(load_parity_check_examples(4)[0]), dtype=np.int32)
    n = checks.shape[1]
    k = n - checks.shape[0]
    # The last n - k columns, dual-diagonal, have an inverse: parity = B^-1 A info.
    parity = _product_gf2(_inverse_gf2(checks[:, k:]), checks[:, :k])
    return _block_code(k, (parity,), checks, torch.arange(n))


@made_once(maxsize=4)
def _code_5g(num_info_bits: int, num_coded_bits: int) -> BlockCode:
    from scipy import sparse

    k, n = num_info_bits, num_coded_bits
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        from sionna.phy.fec.ldpc import LDPC5GEncoder

        with warnings.catch_warnings():
            # It warns of rates above 948/1024, which it serves up to 0.95, as ``Coding`` says.
            warnings.filterwarnings("ignore", "Effective coderate", UserWarning)
            encoder = LDPC5GEncoder(k, n, device="cpu")
    z, k_ldpc = encoder.z, encoder.k_ldpc
    checks: Any = sparse.csr_array(encoder.pcm, dtype=np.int32)
    # Filler bits are known zeros and drop out; the coded bits are what follows the first 2Z.
    checks = checks[:, np.r_[:k, k_ldpc : checks.shape[1]]]
    # The first 4Z checks give 4Z parity bits, of which each other check makes one more.
    core = k + 4 * z
    first = _product_gf2(_inverse_gf2(checks[: 4 * z, k:core]), checks[: 4 * z, :k])
    checks = _without_unsent_leaves(checks, 2 * z + n)
    parities = (first, checks[4 * z :, :core])
    return _block_code(k, parities, checks, torch.arange(2 * z, 2 * z + n))


def _without_unsent_leaves(checks: Any, num_used: int) -> Any:
    """Drop the checks of bits that are not sent and in no other check: they tell nothing."""
    by_bit = checks.tocsc()
    degrees = np.diff(by_bit.indptr)
    kept = np.ones(checks.shape[0], bool)
    last = checks.shape[1]
    while last > num_used and degrees[last - 1] == 1:
        last -= 1
        rows = by_bit.indices[by_bit.indptr[last] : by_bit.indptr[last + 1]]
        row = rows[kept[rows]][0]
        kept[row] = False
        degrees[checks.indices[checks.indptr[row] : checks.indptr[row + 1]]] -= 1
    return checks[kept][:, :last]


def _block_code(k: int, parities: tuple[Any, ...], checks: Any, sent_at: Tensor) -> BlockCode:
    checks.sort_indices()
    return BlockCode(
        k,
        parities,
        checks.indptr.astype(np.int64),
        checks.indices.astype(np.int64),
        checks.shape[1],
        sent_at,
    )


def _product_gf2(left: Any, right: Any) -> Any:
    """The sparse product over GF(2)."""
    product = left @ right
    product.data &= 1
    product.eliminate_zeros()
    return product


def _inverse_gf2(matrix: Any) -> Any:
    """The sparse inverse over GF(2), by elimination."""
    from scipy import sparse

    both = np.concatenate([matrix.toarray().astype(bool), np.eye(matrix.shape[0], dtype=bool)], 1)
    for i in range(len(both)):
        pivot = i + int(np.argmax(both[i:, i]))
        both[[i, pivot]] = both[[pivot, i]]
        others = both[:, i].copy()
        others[i] = False
        both[others] ^= both[i]
    return sparse.csr_array(both[:, len(both) :], dtype=np.int32)
