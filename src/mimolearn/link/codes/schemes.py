"""Modulation and coding schemes of 5G NR, and the size of a transport block."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from mimolearn.foundation.errors import check_positive_int, invalid

# 3GPP TS 38.214, tables 5.1.3.1-1 to 5.1.3.1-3: for each number of bits per symbol the code rates
# in 1024ths, in the order of the index.
_TABLES: dict[int, dict[int, tuple[float, ...]]] = {
    1: {
        2: (120, 157, 193, 251, 308, 379, 449, 526, 602, 679),
        4: (340, 378, 434, 490, 553, 616, 658),
        6: (438, 466, 517, 567, 616, 666, 719, 772, 822, 873, 910, 948),
    },
    2: {
        2: (120, 193, 308, 449, 602),
        4: (378, 434, 490, 553, 616, 658),
        6: (466, 517, 567, 616, 666, 719, 772, 822, 873),
        8: (682.5, 711, 754, 797, 841, 885, 916.5, 948),
    },
    3: {
        2: (30, 40, 50, 64, 78, 99, 120, 157, 193, 251, 308, 379, 449, 526, 602),
        4: (340, 378, 434, 490, 553, 616),
        6: (438, 466, 517, 567, 616, 666, 719, 772),
    },
}

# TS 38.214, table 5.1.3.2-1: sizes of transport blocks of up to 3824 bits. From 24, steps of 8 up
# to 192 and so on: (last size, step).
_STEPS = ((192, 8), (256, 16), (384, 16), (576, 24), (768, 32), (928, 40))
_LARGE = (984, 1032, 1064, 1128, 1160, 1192, 1224, 1256, 1288, 1320, 1352, 1416, 1480, 1544)
_LARGE += (1608, 1672, 1736, 1800, 1864, 1928, 2024, 2088, 2152, 2216, 2280, 2408, 2472, 2536)
_LARGE += (2600, 2664, 2728, 2792, 2856, 2976, 3104, 3240, 3368, 3496, 3624, 3752, 3824)


def _small_sizes() -> tuple[int, ...]:
    sizes = [24]
    for last, step in _STEPS:
        sizes += range(sizes[-1] + step, last + 1, step)
    return (*sizes, *_LARGE)


_SMALL = _small_sizes()
# Of one resource block, TS 38.214, section 5.1.3.2.
_MOST_ELEMENTS = 156


@dataclass(frozen=True)
class Mcs:
    """A modulation and coding scheme.

    Attributes:
        index: row of its table.
        table: 1, 2 or 3; 1 goes to 64-QAM, 2 to 256-QAM, 3 has the lowest rates.
        bits_per_symbol: Qm.
        rate: R, the target code rate.
    """

    index: int
    table: int
    bits_per_symbol: int
    rate: Fraction

    @property
    def constellation(self) -> str:
        """Its name, such as "16-qam"."""
        return "qpsk" if self.bits_per_symbol == 2 else f"{2**self.bits_per_symbol}-qam"


def mcs_count(table: int = 1) -> int:
    """Return how many schemes a table has.

    Args:
        table: 1, 2 or 3.
    """
    return sum(len(rates) for rates in _of_table(table).values())


def mcs(index: int, table: int = 1) -> Mcs:
    """Look up a scheme of 3GPP TS 38.214, tables 5.1.3.1-1 to 5.1.3.1-3.

    Args:
        index: row of the table.
        table: 1 (default), 2 or 3.

    Raises:
        InvalidInputError: for an index that the table does not have.

    >>> scheme = mcs(14)
    >>> scheme.constellation, float(scheme.rate)
    ('16-qam', 0.5400390625)
    """
    rows = [(bits, rate) for bits, rates in _of_table(table).items() for rate in rates]
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(rows):
        raise invalid(
            "mcs", index, f"an integer from 0 to {len(rows) - 1}, the rows of table {table}"
        )
    bits, rate = rows[index]
    return Mcs(index, table, bits, Fraction(rate) / 1024)


def _of_table(table: int) -> dict[int, tuple[float, ...]]:
    if table not in _TABLES or isinstance(table, bool):
        raise invalid("mcs_table", table, "1, 2 or 3")
    return _TABLES[table]


def counted_bits(elements_per_block: int, num_blocks: int, scheme: Mcs, num_layers: int = 1) -> int:
    """Count the coded bits that the size of a transport block is computed from.

    Args:
        elements_per_block: data elements of one resource block in the slot; of more than 156 only
            156 count.
        num_blocks: resource blocks.
        scheme: modulation and coding.
        num_layers: layers of the transport block; default 1.
    """
    elements = min(elements_per_block, _MOST_ELEMENTS) * num_blocks
    return elements * scheme.bits_per_symbol * num_layers


def transport_block_size(coded_bits: int, rate: Fraction | float) -> int:
    """Compute the size of a transport block, 3GPP TS 38.214, section 5.1.3.2.

    Args:
        coded_bits: see ``counted_bits``.
        rate: R, the target code rate.

    Returns:
        Information bits, without CRC.

    >>> transport_block_size(counted_bits(144, 8, mcs(14)), mcs(14).rate)
    2472
    """
    check_positive_int("coded_bits", coded_bits, 10**8)
    wanted = coded_bits * Fraction(rate)
    if wanted <= _SMALL[-1]:
        step = 1 << max(3, int(wanted).bit_length() - 7)
        quantised = max(_SMALL[0], step * int(wanted / step))
        return next(size for size in _SMALL if size >= quantised)
    step = 1 << (int(wanted - 24).bit_length() - 6)
    quantised = max(3840, step * int((wanted - 24) / step + Fraction(1, 2)))
    parts = 1
    if rate <= Fraction(1, 4):
        parts = -(-(quantised + 24) // 3816)
    elif quantised > 8424:
        parts = -(-(quantised + 24) // 8424)
    return 8 * parts * -(-(quantised + 24) // (8 * parts)) - 24
