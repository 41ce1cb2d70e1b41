"""Transport blocks of 5G NR: information bits to transmitted bits, and LLRs back to information."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.errors import check_shape, invalid
from mimolearn.link.codes.block import check_llrs
from mimolearn.link.codes.crc import scrambling_start
from mimolearn.link.codes.schemes import Mcs, transport_block_size
from mimolearn.link.codes.segmentation import GraphRule, Segmentation
from mimolearn.link.gold import gold_sequence
from mimolearn.link.harq import VERSIONS


class DecodedTransport(NamedTuple):
    """Decoded transport blocks of N slots and users, see ``TransportBlock.decode`` for the axes.

    Attributes:
        info: (*N, A) uint8; information bits.
        passed: (*N) bool; whether the CRC of the transport block holds.
        found: (*N, C) bool; whether the decoder ended in a codeword, by code block.
        iterations: (*N, C) int32; decoder iterations.
        soft: (*N, C, bits) float32; what the decoder was given, to add a retransmission to.
        extrinsic: (*N, G) float32; LLRs of the transmitted bits after decoding, less those that
            were given; None unless asked for.
    """

    info: Tensor
    passed: Tensor
    found: Tensor
    iterations: Tensor
    soft: Tensor
    extrinsic: Tensor | None


class TransportBlock:
    """Encoder and decoder of transport blocks of one size, 3GPP TS 38.212 and TS 38.211.

    CRC, segmentation, LDPC encoding, rate matching with redundancy versions, interleaving,
    concatenation and scrambling, and the way back with soft combining. Several users differ in
    their scrambling sequence alone. Rates below that of the base graph repeat bits.

    Args:
        coded_bits: G, transmitted bits.
        scheme: modulation and coding, see ``mcs``.
        num_layers: layers of the transport block; default 1.
        payload: A, information bits; default the size of TS 38.214 for these coded bits. Where a
            resource block has more than 156 data elements, compute it from ``counted_bits``.
        rntis: n_RNTI of each user; default one user with 1.
        scrambling_ids: n_ID of each user; default 1 for all.
        channel: "pusch" (default) or "pdsch".
        versions: redundancy versions that may be transmitted; default 0 alone. Parity bits that
            none of them transmits are left out of the decoder.
        buffer_bits: N_ref, bits of a code block's buffer (limited-buffer rate matching); default
            None, all of them.
        rule: what chooses the base graph; default "payload", the standard's.

    Raises:
        InvalidInputError: for bits that do not fit together, see ``Segmentation``.

    >>> from mimolearn.link.codes.schemes import mcs
    >>> block = TransportBlock(4608, mcs(14))
    >>> info = torch.zeros(3, 1, block.payload)
    >>> block.decode(4.0 * block.encode(info) - 2).passed.all()
    tensor(True)
    """

    def __init__(
        self,
        coded_bits: int,
        scheme: Mcs,
        num_layers: int = 1,
        *,
        payload: int | None = None,
        rntis: Sequence[int] = (1,),
        scrambling_ids: Sequence[int] | None = None,
        channel: Literal["pusch", "pdsch"] = "pusch",
        versions: Sequence[int] = (0,),
        buffer_bits: int | None = None,
        rule: GraphRule = "payload",
    ) -> None:
        if payload is None:
            payload = transport_block_size(coded_bits, scheme.rate)
        self.segmentation = Segmentation.of(
            payload, coded_bits, scheme.rate, scheme.bits_per_symbol, num_layers, rule
        )
        graph = self.segmentation.graph
        if buffer_bits is not None and (buffer_bits := int(buffer_bits)) < graph.num_info_bits:
            expected = f"at least {graph.num_info_bits}, the bits of a code block"
            raise invalid("buffer_bits", buffer_bits, expected)
        if not versions or not set(versions) <= set(VERSIONS):
            raise invalid("versions", tuple(versions), "redundancy versions from 0 to 3")
        ids = [1] * len(rntis) if scrambling_ids is None else list(scrambling_ids)
        if len(ids) != len(rntis):
            raise invalid("scrambling_ids", tuple(ids), f"{len(rntis)} numbers, one a user")
        starts = [scrambling_start(r, i, channel) for r, i in zip(rntis, ids, strict=True)]
        self._flips = torch.stack([gold_sequence(start, coded_bits) for start in starts]).numpy()
        taken = {v: self.segmentation.taken(v, buffer_bits) for v in versions}
        sent = np.zeros(graph.num_bits, bool)
        sent[np.concatenate([bits for parts in taken.values() for bits in parts])] = True
        self.code = graph.code(sent)
        # Bits of the decoder's words, which leave some out, of all code blocks one after another.
        number = np.zeros(graph.num_bits, np.int64)
        number[sent] = self.code.sent_at.numpy()
        width = self.code.num_bits
        self._take = {
            version: np.concatenate([number[bits] + r * width for r, bits in enumerate(parts)])
            for version, parts in taken.items()
        }

    @property
    def payload(self) -> int:
        """A, information bits."""
        return self.segmentation.payload

    @property
    def coded_bits(self) -> int:
        """G, transmitted bits."""
        return self.segmentation.coded_bits

    @property
    def num_blocks(self) -> int:
        """C, code blocks."""
        return self.segmentation.num_blocks

    @property
    def num_users(self) -> int:
        """U."""
        return len(self._flips)

    def encode(self, info: Tensor, *, version: int = 0, users: Tensor | None = None) -> Tensor:
        """Encode transport blocks.

        Args:
            info: (*B, U, A) of 0 and 1; information bits.
            version: redundancy version; default 0.
            users: (N) int64; whose blocks these are, where info is (N, A). Default None, the
                blocks of all users.

        Returns:
            (*B, U, G) uint8, or (N, G); scrambled bits.

        Raises:
            InvalidInputError: for another shape or version.
        """
        streams, take = self._streams("info", info, self.payload, users), self._taken(version)
        from mimolearn.kernels.codes import rate_matching

        cut = self.segmentation
        bits = info.detach().to("cpu", torch.uint8).reshape(-1, self.payload).contiguous()
        blocks = cut.crc.attach(bits).reshape(len(bits) * cut.num_blocks, -1)
        if cut.block_crc is not None:
            blocks = cut.block_crc.attach(blocks)
        words = self.code.words(blocks).reshape(len(bits), -1)
        sent = torch.empty(len(bits), self.coded_bits, dtype=torch.uint8)
        rate_matching.match_kernel()(words.numpy(), take, self._flips, streams, sent.numpy())
        return sent.reshape(*info.shape[:-1], self.coded_bits).to(info.device)

    def decode(
        self,
        llr: Tensor,
        *,
        version: int = 0,
        users: Tensor | None = None,
        soft: Tensor | None = None,
        num_iter: int = 20,
        bits: int | None = None,
        rescue: bool = False,
        feedback: bool = False,
    ) -> DecodedTransport:
        """Decode transport blocks.

        The result of a block does not depend on the others.

        Args:
            llr: (*B, U, G) real; finite LLRs of the transmitted bits.
            version: redundancy version; default 0.
            users: (N) int64; whose blocks these are, where llr is (N, G). Default None, the
                blocks of all users.
            soft: ``DecodedTransport.soft`` of earlier transmissions of the same blocks, which is
                added; default None.
            num_iter: largest number of decoder iterations; default 20.
            bits: 4 to 8, what min-sum stores an LLR in; default None, sum-product.
            rescue: whether sum-product gets what min-sum finds no codeword for; default False.
            feedback: whether to return extrinsic LLRs; default False.

        Raises:
            InvalidInputError: for another shape or version, or LLRs that are not finite.
        """
        combined = self.combine(llr, version=version, users=users, soft=soft)
        from mimolearn.kernels.codes import rate_matching

        axes, cut = llr.shape[:-1], self.segmentation
        words = combined.reshape(-1, self.code.num_bits)
        posterior = torch.empty(words.shape, dtype=torch.float32) if feedback else None
        decoded = self.code.decode_words(words, num_iter, bits, rescue, posterior)
        extrinsic = None
        if posterior is not None:
            given = self._rows(llr)
            streams = self._streams("llr", llr, self.coded_bits, users)
            extrinsic = torch.empty(given.shape, dtype=torch.float32)
            rate_matching.extrinsic_kernel()(
                posterior.reshape(len(given), -1).numpy(),
                *(self._taken(version), self._flips, streams),
                given.numpy(),
                extrinsic.numpy(),
            )
            extrinsic = extrinsic.reshape(llr.shape)
        check = 0 if cut.block_crc is None else cut.block_crc.length
        num_rows = len(words) // cut.num_blocks
        data = decoded.info[:, : cut.block_size - check].reshape(num_rows, -1).contiguous()
        passed = torch.from_numpy(cut.crc.remainders(data) == 0)
        return DecodedTransport(
            data[:, : self.payload].reshape(*axes, self.payload),
            passed.reshape(axes),
            decoded.found.reshape(*axes, cut.num_blocks),
            decoded.iterations.reshape(*axes, cut.num_blocks),
            combined,
            extrinsic,
        )

    def combine(
        self,
        llr: Tensor,
        *,
        version: int = 0,
        users: Tensor | None = None,
        soft: Tensor | None = None,
    ) -> Tensor:
        """Put LLRs of transmitted bits into a buffer, without decoding.

        Args:
            llr: (*B, U, G) real; finite LLRs of the transmitted bits.
            version: as in ``decode``.
            users: as in ``decode``.
            soft: as in ``decode``; it stays as it is.

        Returns:
            (*N, C, bits) float32; ``DecodedTransport.soft``.

        Raises:
            InvalidInputError: as ``decode``.
        """
        streams, take = self._streams("llr", llr, self.coded_bits, users), self._taken(version)
        check_llrs(llr)
        from mimolearn.kernels.codes import rate_matching

        shape = (*llr.shape[:-1], self.num_blocks, self.code.num_bits)
        if soft is not None:
            fits = isinstance(soft, Tensor) and tuple(soft.shape) == shape
            check_shape("soft", soft, f"{shape}, that of the earlier transmission", fits)
        # Adding zeros makes a copy.
        kept = torch.zeros(shape, dtype=torch.float32) + (0 if soft is None else soft.cpu())
        given = self._rows(llr)
        rows = kept.reshape(len(given), -1)
        rate_matching.combine_kernel()(given.numpy(), take, self._flips, streams, rows.numpy())
        return rows.reshape(shape)

    def _rows(self, llr: Tensor) -> Tensor:
        return llr.detach().to("cpu", torch.float32).reshape(-1, self.coded_bits).contiguous()

    def _taken(self, version: int) -> np.ndarray:
        if version not in self._take:
            raise invalid("version", version, f"one of {', '.join(map(str, self._take))}")
        return self._take[version]

    def _streams(self, field: str, rows: Tensor, size: int, users: Tensor | None) -> np.ndarray:
        """(N) int64: the user of each row."""
        given = isinstance(rows, Tensor) and rows.shape[-1:] == (size,)
        if users is None:
            fits = given and rows.ndim >= 2 and rows.shape[-2] == self.num_users
            check_shape(field, rows, f"(*B, {self.num_users}, {size})", fits)
            return np.resize(np.arange(self.num_users), rows.numel() // size)
        fits = given and rows.ndim == 2 and users.shape == (len(rows),)
        check_shape(field, rows, f"(N, {size}), with N users", fits)
        streams = users.detach().to("cpu", torch.int64).numpy()
        if streams.size and not 0 <= streams.min() <= streams.max() < self.num_users:
            raise invalid("users", streams.tolist(), f"numbers from 0 to {self.num_users - 1}")
        return np.ascontiguousarray(streams)
