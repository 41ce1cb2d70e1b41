"""The table [coding] of a scenario."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, model_validator

from mimolearn.foundation.errors import invalid
from mimolearn.foundation.plainmodel import Count, PlainModel

DecoderName = Literal["sum-product", "min-sum", "two-stage"]


class Decoding(NamedTuple):
    """Which decoder a receiver runs.

    Attributes:
        llr_bits: what min-sum stores an LLR in; None for sum-product in floating point.
        has_rescue: whether sum-product gets the blocks that min-sum finds no codeword for.
    """

    llr_bits: int | None = None
    has_rescue: bool = False


class Coding(PlainModel):
    """A block code over the link: LDPC, a fixed interleaver, and its decoder.

    A block fills whole channel uses. Interleaved bits that do not fill another one are punctured:
    they are not transmitted, and the decoder starts with LLR 0 for them.

    Attributes:
        code: "802.11n-ldpc" (default), the (324, 648) code of IEEE 802.11n, or "5g-ldpc", the code
            of 3GPP TS 38.212 with sizes of your choice.
        num_info_bits: information bits of a block; default 324.
        num_coded_bits: coded bits of a block; default 648.
        interleaver: "random" (default), one fixed permutation for all blocks, or "none".
        num_iter: largest number of decoder iterations; default 50. It stops at a codeword.
        decoder: "sum-product" (default), in floating point, or "min-sum", offset min-sum on
            integers as deployed receivers have it: many times as fast, and up to 0.2 dB worse.
            "two-stage" is min-sum, then sum-product for blocks that it finds no codeword for.
        decoder_bits: bits that min-sum stores an LLR in, 4 to 8; default 6.
    """

    code: Literal["802.11n-ldpc", "5g-ldpc"] = "802.11n-ldpc"
    num_info_bits: Annotated[Count, Field(le=8448)] = 324
    num_coded_bits: Annotated[Count, Field(le=25344)] = 648
    interleaver: Literal["random", "none"] = "random"
    num_iter: Annotated[Count, Field(le=1000)] = 50
    decoder: DecoderName = "sum-product"
    decoder_bits: Annotated[Count, Field(ge=4, le=8)] = 6

    @model_validator(mode="before")
    @classmethod
    def _one_transmission(cls, fields: Any) -> Any:
        """Results and cards of earlier versions state a number of transmissions here."""
        if not isinstance(fields, dict) or "transmissions" not in fields:
            return fields
        rest = dict(fields)
        given = rest.pop("transmissions")
        if given != 1:
            expected = "a table [harq] in its place, for 2 with combining = 'chase'"
            raise invalid("transmissions", given, expected)
        return rest

    @model_validator(mode="after")
    def _sizes_exist(self) -> Coding:
        k, n = self.num_info_bits, self.num_coded_bits
        if self.code == "802.11n-ldpc" and (k, n) != (324, 648):
            expected = "324 and 648, the sizes of '802.11n-ldpc'; '5g-ldpc' has others"
            raise invalid("num_info_bits and num_coded_bits", (k, n), expected)
        if self.code == "5g-ldpc" and not (k >= 12 and k / 0.95 <= n <= 5 * k):
            expected = "at least 12 information bits and a rate from 1/5 to 0.95"
            raise invalid("num_info_bits and num_coded_bits", (k, n), expected)
        if self.code == "5g-ldpc" and not _has_base_graph(k, n):
            expected = (
                f"a rate of at least 1/3 above {_MOST_OF_GRAPH_2} information bits, "
                f"or of at most 1/4 up to {_LARGEST_OF_GRAPH_2}"
            )
            raise invalid("num_info_bits and num_coded_bits", (k, n), expected)
        return self

    @model_validator(mode="after")
    def _bits_have_a_use(self) -> Coding:
        if self.decoder == "sum-product" and self.decoder_bits != 6:
            raise invalid("decoder_bits", self.decoder_bits, "a decoder 'min-sum' or 'two-stage'")
        return self

    @property
    def llr_bits(self) -> int | None:
        """Bits of an LLR in the decoder; None in floating point."""
        return None if self.decoder == "sum-product" else self.decoder_bits

    @property
    def decoding(self) -> Decoding:
        """The decoder of receivers that name none."""
        return Decoding(self.llr_bits, self.decoder == "two-stage")

    def decoder_words(self) -> str:
        """Say which decoder it is: "min-sum on LLRs of 6 bits, up to 50 iterations"."""
        numbers = (
            "in floating point" if self.llr_bits is None else f"on LLRs of {self.llr_bits} bits"
        )
        return f"{self.decoder} {numbers}, up to {self.num_iter} iterations"

    @property
    def rate(self) -> float:
        """Information bits per coded bit; ``Scenario.code_rate`` leaves out punctured bits."""
        return self.num_info_bits / self.num_coded_bits


# 3GPP TS 38.212, section 7.2.2: rates below 1/3 have base graph 2 up to the first size, and rates
# up to 1/4 at every size, but this graph holds no more bits than the second. Base graph 1 ends at
# rate 1/3. Below that the standard repeats bits, which Sionna's encoder does not.
_MOST_OF_GRAPH_2 = 3824
_LARGEST_OF_GRAPH_2 = 3840


def _has_base_graph(num_info_bits: int, num_coded_bits: int) -> bool:
    """Whether a base graph of 5G serves these sizes without repeating bits."""
    k, rate = num_info_bits, num_info_bits / num_coded_bits
    if k <= _MOST_OF_GRAPH_2 or rate >= 1 / 3:
        return True
    return rate <= 1 / 4 and k <= _LARGEST_OF_GRAPH_2
