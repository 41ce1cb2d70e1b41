"""Demodulation reference signals of NR PUSCH: symbols, subcarriers, covers and sequences.

TS 38.211, section 6.4.1.1, for mapping type A.
"""

from __future__ import annotations

import math

import numpy as np

from mimolearn.foundation.errors import invalid
from mimolearn.link.frames.tables import PRB_SUBCARRIERS, DmrsPilots, NrPusch
from mimolearn.link.gold import gold_sequence

# Tables 6.4.1.1.3-3 and -4: up to this duration, the first symbols of the additional positions.
_SINGLE = (
    (7, ((), (), (), ())),
    (9, ((), (7,), (7,), (7,))),
    (11, ((), (9,), (6, 9), (6, 9))),
    (12, ((), (9,), (6, 9), (5, 8, 11))),
    (14, ((), (11,), (7, 11), (5, 8, 11))),
)
_DOUBLE = ((9, ((), ())), (12, ((), (8,))), (14, ((), (10,))))
# Subcarriers of one group of pilots and of the next, for each configuration type.
_STEP = {1: 4, 2: 6}
_WITHIN = {1: (0, 2), 2: (0, 1)}


def dmrs_symbols(frame: NrPusch, pilots: DmrsPilots) -> np.ndarray:
    """Return the symbols (Td, length) that carry pilots, int64."""
    table = _SINGLE if pilots.dmrs_length == 1 else _DOUBLE
    rows = next(rows for last, rows in table if frame.num_symbols <= last)
    starts = (pilots.type_a_position, *rows[pilots.additional_positions])
    symbols = np.array(starts)[:, None] + np.arange(pilots.dmrs_length)
    if symbols.max() >= frame.num_symbols:
        expected = f"at least {symbols.max() + 1}, for the pilots in symbols {symbols.ravel()}"
        raise invalid("frame.num_symbols", frame.num_symbols, expected)
    return symbols


def port_group(port: int, pilots: DmrsPilots) -> int:
    """Return the CDM group of a port (tables 6.4.1.1.3-1 and -2)."""
    groups = 1 + pilots.dmrs_type
    return port // 2 % groups


def used_ports(num_layers: int, pilots: DmrsPilots) -> list[int]:
    """Return the port of each layer: the first ports whose groups carry no data."""
    if num_layers > pilots.num_ports:
        expected = (
            f"at most {pilots.num_ports}, the ports of DMRS type {pilots.dmrs_type} with length "
            f"{pilots.dmrs_length} and {pilots.cdm_groups_without_data} CDM groups without data"
        )
        raise invalid("num_tx_ant", num_layers, expected)
    ports = range(2 * pilots.dmrs_length * (1 + pilots.dmrs_type))
    served = [p for p in ports if port_group(p, pilots) < pilots.cdm_groups_without_data]
    return served[:num_layers]


def port_subcarriers(port: int, num_subcarriers: int, pilots: DmrsPilots) -> np.ndarray:
    """Return the subcarriers (P, 2) of a port's pilots, int64."""
    first = port_group(port, pilots) * (1 if pilots.dmrs_type == 1 else 2)
    starts = np.arange(0, num_subcarriers, _STEP[pilots.dmrs_type])
    return first + starts[:, None] + np.array(_WITHIN[pilots.dmrs_type])


def port_cover(port: int, pilots: DmrsPilots) -> np.ndarray:
    """Return the signs of a port's pilots: over the symbols of a group, then its subcarriers."""
    half = 2 * (1 + pilots.dmrs_type)
    in_time = [1, -1 if port >= half else 1][: pilots.dmrs_length]
    return np.array([*in_time, 1, -1 if port % 2 else 1], np.int8)


def dmrs_sequence(symbol: int, frame: NrPusch, pilots: DmrsPilots) -> np.ndarray:
    """Compute r(0), r(1), ... of a symbol, unit energy: two for each group of subcarriers."""
    num = 2 * frame.num_prb * PRB_SUBCARRIERS // _STEP[pilots.dmrs_type]
    counter = 14 * frame.slot_number + symbol + 1
    c_init = (2**17 * counter * (2 * frame.cell_id + 1) + 2 * frame.cell_id) % 2**31
    signs = 1 - 2.0 * gold_sequence(c_init, 2 * num).numpy()
    return (signs[::2] + 1j * signs[1::2]) / math.sqrt(2)
