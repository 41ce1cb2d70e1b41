"""Block codes: parity checks, encoders and decoders, 5G transport blocks, and coded links."""

from __future__ import annotations

from mimolearn.link.codes.block import BlockCode, Decoded
from mimolearn.link.codes.coded_link import CodedLink, CodedSymbols
from mimolearn.link.codes.files import read_checks, read_code
from mimolearn.link.codes.min_sum import DECODER_BITS, FixedPoint, fixed_point
from mimolearn.link.codes.parity import ParityChecks
from mimolearn.link.codes.schemes import Mcs, counted_bits, mcs, mcs_count, transport_block_size
from mimolearn.link.codes.segmentation import GraphRule, Segmentation
from mimolearn.link.codes.standards import make_code
from mimolearn.link.codes.transmissions import BlockTransmissions
from mimolearn.link.codes.transport import DecodedTransport, TransportBlock
from mimolearn.link.harq import VERSIONS

__all__ = [
    "DECODER_BITS",
    "VERSIONS",
    "BlockCode",
    "BlockTransmissions",
    "CodedLink",
    "CodedSymbols",
    "Decoded",
    "DecodedTransport",
    "FixedPoint",
    "GraphRule",
    "Mcs",
    "ParityChecks",
    "Segmentation",
    "TransportBlock",
    "counted_bits",
    "fixed_point",
    "make_code",
    "mcs",
    "mcs_count",
    "read_checks",
    "read_code",
    "transport_block_size",
]
