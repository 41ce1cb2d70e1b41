"""Block codes: LDPC encoding, sum-product decoding, and the mapping onto channel uses.

Code matrices and the 5G encoder come from Sionna. It is imported at first use, and torch's global
generators, which the import seeds, are restored. The decoder is a kernel of this library.
LLRs are ln P(b=1)/P(b=0).
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

# The seed of the interleaver that all coded links share.
_INTERLEAVER_SEED = 2022


class Decoded(NamedTuple):
    """W decoded blocks.

    Attributes:
        info: (W, k) uint8; information bits.
        found: (W) bool; whether the decoder ended in a codeword.
        iterations: (W) int32; iterations it took, num_iter if it did not end in one.
    """

    info: Tensor
    found: Tensor
    iterations: Tensor


@dataclass(frozen=True, eq=False)
class BlockCode:
    """A systematic binary block code with a sum-product decoder.

    The encoder makes a word of the information bits, to which each parity matrix in turn appends
    parity bits. The decoder works on the first num_bits bits of the word. Those that are not
    transmitted (5G leaves out the first 2Z) start at LLR 0.

    Attributes:
        num_info_bits: k.
        parities: sparse matrices of 0 and 1 over GF(2), each (appended bits, word so far).
        starts: (checks + 1) int64; check c is over the bits columns[starts[c] : starts[c + 1]].
        columns: int64; the bits of all parity checks.
        num_bits: bits of the decoder.
        sent_at: (n) int64; the bit of the word that each coded bit is.
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
        """Encode blocks.

        Args:
            info: (*B, k) of any integer dtype; information bits.

        Returns:
            (*B, n) uint8; coded bits.

        Raises:
            InvalidInputError: for another shape.
        """
        k = self.num_info_bits
        check_shape(
            "info", info, f"(*B, {k})", isinstance(info, Tensor) and info.shape[-1:] == (k,)
        )
        # One column per block, for the product with a sparse matrix.
        word = info.detach().to("cpu", torch.int32).reshape(-1, k).numpy().T
        for parity in self.parities:
            word = np.concatenate([word, (parity @ word) & 1])
        coded = torch.from_numpy(word[self.sent_at.numpy()].T.astype(np.uint8))
        return coded.reshape(*info.shape[:-1], self.num_coded_bits).to(info.device)

    def decode(self, llr: Tensor, num_iter: int = 50) -> Decoded:
        """Decode blocks by the sum-product algorithm, and stop each at its first codeword.

        The kernel runs on the CPU in single precision. The result of a block does not depend on
        the other blocks.

        Args:
            llr: (W, n) real; finite LLRs.
            num_iter: largest number of iterations; default 50.

        Raises:
            InvalidInputError: for another shape, or LLRs that are not finite.
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
    """Build the code that a scenario names.

    >>> code = make_code(Coding())
    >>> word = code.encode(torch.ones(1, 324))
    >>> bool(code.decode(4.0 * word - 2).info.all())
    True
    """
    if coding.code == "802.11n-ldpc":
        return _wifi_code()
    return _code_5g(coding.num_info_bits, coding.num_coded_bits)


class CodedSymbols(NamedTuple):
    """W encoded blocks.

    Attributes:
        info: (W, k) uint8; information bits.
        sent: (W, S) uint8; interleaved bits that are transmitted.
        indices: (W uses / T, T, Nt) int64; symbol indices.
    """

    info: Tensor
    sent: Tensor
    indices: Tensor


class CodedLink:
    """The mapping of coded blocks onto the channel uses of a scenario, and back.

    Interleaved bit i goes to channel use i // (K Nt), stream (i mod K Nt) // K and bit i mod K of
    its symbol. Bits beyond the last whole use are punctured.

    Args:
        scenario: one with a block code.

    Raises:
        InvalidInputError: for an uncoded scenario.

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
        """Independent channels of one transmission of a block."""
        return self.scenario.uses_per_block // self.scenario.channel_reuse

    def draw(self, num_blocks: int, generator: RandomSource) -> CodedSymbols:
        """Draw random information, and encode, interleave and map it."""
        info = integers((num_blocks, self.coding.num_info_bits), 2, generator).to(torch.uint8)
        sent = self.code.encode(info)[:, self.order]
        return CodedSymbols(info, sent, self.map(sent))

    def map(self, sent: Tensor) -> Tensor:
        """Map bits to symbols.

        Args:
            sent: (W, S) of any integer dtype; interleaved bits.

        Returns:
            (W uses / T, T, Nt) int64; symbol indices.

        Raises:
            InvalidInputError: for blocks of another length.
        """
        self._check_length("sent", sent)
        scenario, points = self.scenario, self.scenario.points()
        shape = (-1, scenario.channel_reuse, scenario.num_tx_ant, points.bits_per_symbol)
        return points.bits_to_indices(sent.reshape(shape))

    def decode(self, sent_llr: Tensor) -> Decoded:
        """Decode blocks; punctured bits have LLR 0.

        Args:
            sent_llr: (W, S) real; LLRs of the transmitted bits.

        Raises:
            InvalidInputError: for blocks of another length, and for NaN or infinite LLRs.
        """
        self._check_length("sent_llr", sent_llr)
        llr = torch.zeros(len(sent_llr), self.coding.num_coded_bits, dtype=torch.float32)
        llr[:, self.order] = sent_llr.to("cpu", torch.float32)
        return self.code.decode(llr, self.coding.num_iter)

    def _check_length(self, field: str, block: Tensor) -> None:
        fits = isinstance(block, Tensor) and block.ndim == 2 and block.shape[1] == self.num_sent
        check_shape(field, block, f"(W, {self.num_sent}), the bits of a block that are sent", fits)

    def transmit(self, symbols: CodedSymbols, snr_db: float, generator: RandomSource) -> Block:
        """Transmit blocks over fresh channels.

        Args:
            symbols: encoded blocks.
            snr_db: the SNR, dB.
            generator: the only source of randomness.
        """
        scenario = self.scenario
        num_channels = len(symbols.indices)
        size = scenario.num_rx_ant, scenario.num_tx_ant
        h = scenario.channel.draw(num_channels, *size, generator)
        return scenario.send(symbols.indices, h, scenario.noise_var(snr_db, h), generator)


@made_once(maxsize=8)
def _interleaver(kind: str, num_bits: int) -> Tensor:
    """Return (n) int64: the coded bit at each position of the interleaved block."""
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
            # Sionna warns of rates above 948/1024; ``Coding`` allows them up to 0.95.
            warnings.filterwarnings("ignore", "Effective coderate", UserWarning)
            encoder = LDPC5GEncoder(k, n, device="cpu")
    z, k_ldpc = encoder.z, encoder.k_ldpc
    checks: Any = sparse.csr_array(encoder.pcm, dtype=np.int32)
    # Filler bits are known zeros, so their columns go. The coded bits follow the first 2Z bits.
    checks = checks[:, np.r_[:k, k_ldpc : checks.shape[1]]]
    # The first 4Z checks give 4Z parity bits; each other check gives one more bit from these.
    core = k + 4 * z
    first = _product_gf2(_inverse_gf2(checks[: 4 * z, k:core]), checks[: 4 * z, :k])
    checks = _without_unsent_leaves(checks, 2 * z + n)
    parities = (first, checks[4 * z :, :core])
    return _block_code(k, parities, checks, torch.arange(2 * z, 2 * z + n))


def _without_unsent_leaves(checks: Any, num_used: int) -> Any:
    """Drop the checks of bits that are neither transmitted nor in another check."""
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
    """Multiply sparse matrices over GF(2)."""
    product = left @ right
    product.data &= 1
    product.eliminate_zeros()
    return product


def _inverse_gf2(matrix: Any) -> Any:
    """Invert a sparse matrix over GF(2), by elimination."""
    from scipy import sparse

    both = np.concatenate([matrix.toarray().astype(bool), np.eye(matrix.shape[0], dtype=bool)], 1)
    for i in range(len(both)):
        pivot = i + int(np.argmax(both[i:, i]))
        both[[i, pivot]] = both[[pivot, i]]
        others = both[:, i].copy()
        others[i] = False
        both[others] ^= both[i]
    return sparse.csr_array(both[:, len(both) :], dtype=np.int32)
