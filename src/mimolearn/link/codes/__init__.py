"""Block codes: parity checks, encoders and decoders, 5G transport blocks, and coded links."""

from __future__ import annotations

from mimolearn.link.codes.block import BlockCode, Decoded
from mimolearn.link.codes.coded_link import CodedLink, CodedSymbols
from mimolearn.link.codes.standards import make_code

__all__ = [
    "BlockCode",
    "CodedLink",
    "CodedSymbols",
    "Decoded",
    "make_code",
]
