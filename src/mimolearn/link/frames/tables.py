"""The tables [frame] and [pilots] of a scenario."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from mimolearn.foundation.errors import invalid
from mimolearn.foundation.plainmodel import Count, PlainModel, Real

PRB_SUBCARRIERS = 12
_OffsetDb = Annotated[Real, Field(ge=-100, le=100)]
_Symbol = Annotated[int, Field(strict=True, ge=0, le=4095)]


class Frame(PlainModel):
    """What frames of every standard have.

    Attributes:
        num_ues: U, users; each has num_tx_ant / U layers. Default 1.
        ue_power_db: mean receive power of each user, dB relative to that of the SNR; default 0 for
            all.
    """

    num_ues: Annotated[Count, Field(le=64)] = 1
    ue_power_db: tuple[_OffsetDb, ...] = ()

    @model_validator(mode="after")
    def _one_power_a_user(self) -> Frame:
        if self.ue_power_db and len(self.ue_power_db) != self.num_ues:
            expected = f"{self.num_ues} numbers, one for each of num_ues"
            raise invalid("ue_power_db", list(self.ue_power_db), expected)
        return self


class NrPusch(Frame):
    """A slot of the physical uplink shared channel of 5G NR (3GPP TS 38.211), mapping type A.

    No frequency hopping, no transform precoding, no codebook: each layer has an antenna of its own.

    Attributes:
        standard: "nr-pusch".
        num_ues: U, users; each has num_tx_ant / U layers. Default 1.
        ue_power_db: mean receive power of each user, dB relative to that of the SNR; default 0 for
            all.
        num_prb: resource blocks of 12 subcarriers, 1 to 275.
        subcarrier_spacing_khz: 15, 30 (default), 60 or 120.
        num_symbols: OFDM symbols of the allocation, 4 to 14 (default), from the slot's first on.
        mcs: index of modulation and code rate in TS 38.214; default 14.
        mcs_table: 1 (default), 2 or 3: tables 5.1.3.1-1 to -3.
        cell_id: N_ID of pilots and scrambling, 0 to 1007; default 1.
        slot_number: number of the slot in its frame, from which pilots follow; default 0.
    """

    standard: Literal["nr-pusch"] = "nr-pusch"
    num_prb: Annotated[Count, Field(le=275)]
    subcarrier_spacing_khz: Literal[15, 30, 60, 120] = 30
    num_symbols: Annotated[int, Field(strict=True, ge=4, le=14)] = 14
    mcs: Annotated[int, Field(strict=True, ge=0, le=28)] = 14
    mcs_table: Literal[1, 2, 3] = 1
    cell_id: Annotated[int, Field(strict=True, ge=0, le=1007)] = 1
    slot_number: Annotated[int, Field(strict=True, ge=0, le=79)] = 0

    @model_validator(mode="after")
    def _exists(self) -> NrPusch:
        if self.mcs_table == 2 and self.mcs > 27:
            raise invalid("mcs", self.mcs, "0 to 27, the indices of table 2")
        slots = 10 * self.subcarrier_spacing_khz // 15
        if self.slot_number >= slots:
            spacing = f"{self.subcarrier_spacing_khz} kHz"
            raise invalid("slot_number", self.slot_number, f"0 to {slots - 1} at {spacing}")
        return self


class PlainGrid(Frame):
    """Any grid of OFDM symbols and subcarriers, for links of no standard.

    Attributes:
        standard: "grid".
        num_ues: U, users; each has num_tx_ant / U layers. Default 1.
        ue_power_db: mean receive power of each user, dB relative to that of the SNR; default 0 for
            all.
        num_symbols: T, OFDM symbols of a slot, 1 to 4096.
        num_subcarriers: F, 1 to 4096.
        subcarrier_spacing_khz: default 30.
        cyclic_prefix_s: s; default 0.07 of the time of a symbol without it.
    """

    standard: Literal["grid"] = "grid"
    num_symbols: Annotated[Count, Field(le=4096)]
    num_subcarriers: Annotated[Count, Field(le=4096)]
    subcarrier_spacing_khz: Annotated[Real, Field(gt=0, le=1e6)] = 30.0
    cyclic_prefix_s: Annotated[Real, Field(ge=0, le=1)] | None = None

    @model_validator(mode="after")
    def _bounded(self) -> PlainGrid:
        if self.num_symbols * self.num_subcarriers > 2**17:
            expected = f"at most {2**17} elements in a slot"
            raise invalid("num_symbols x num_subcarriers", [*self._size], expected)
        return self

    @property
    def _size(self) -> tuple[int, int]:
        return self.num_symbols, self.num_subcarriers


AnyFrame = Annotated[NrPusch | PlainGrid, Field(discriminator="standard")]


class DmrsPilots(PlainModel):
    """Demodulation reference signals of NR PUSCH (TS 38.211, section 6.4.1.1), mapping type A.

    User u has the ports u L ... u L + L - 1. The energy of a pilot is the number of CDM groups
    without data; it does not count for the SNR.

    Attributes:
        pattern: "dmrs".
        dmrs_type: configuration type, 1 (default) with up to 4 or 8 ports, or 2 with up to 6 or 12.
        dmrs_length: 1 (default), or 2 for double symbols and twice as many ports.
        additional_positions: 0 to 3, at most 1 for double symbols; default 1.
        type_a_position: the first symbol with pilots, 2 (default) or 3.
        cdm_groups_without_data: 1 to 3; default 2. Elements of other groups carry data.
    """

    pattern: Literal["dmrs"] = "dmrs"
    dmrs_type: Literal[1, 2] = 1
    dmrs_length: Literal[1, 2] = 1
    additional_positions: Literal[0, 1, 2, 3] = 1
    type_a_position: Literal[2, 3] = 2
    cdm_groups_without_data: Literal[1, 2, 3] = 2

    @model_validator(mode="after")
    def _exists(self) -> DmrsPilots:
        if self.dmrs_length == 2 and self.additional_positions > 1:
            expected = "0 or 1 with dmrs_length = 2"
            raise invalid("additional_positions", self.additional_positions, expected)
        if self.additional_positions == 3 and self.type_a_position == 3:
            raise invalid("type_a_position", 3, "2 with additional_positions = 3")
        if self.dmrs_type == 1 and self.cdm_groups_without_data == 3:
            raise invalid("cdm_groups_without_data", 3, "1 or 2 with dmrs_type = 1")
        return self

    @property
    def num_ports(self) -> int:
        """Ports of the CDM groups without data."""
        return 2 * self.dmrs_length * self.cdm_groups_without_data


class CombPilots(PlainModel):
    """Pilots on every n-th subcarrier of some symbols; each layer has a comb of its own.

    Layer i has the subcarriers first_subcarrier + i, and then every spacing-th. What no layer uses
    of a symbol with pilots stays empty. Pilots are pseudo-random QPSK symbols.

    Attributes:
        pattern: "comb".
        symbols: the symbols with pilots, from 0; default (0,).
        spacing: subcarriers from one pilot of a layer to the next; default the number of layers.
        first_subcarrier: of the first layer; default 0.
        energy_db: energy of a pilot relative to that of a data symbol, dB; default 0.
    """

    pattern: Literal["comb"] = "comb"
    symbols: Annotated[tuple[_Symbol, ...], Field(min_length=1)] = (0,)
    spacing: Annotated[Count, Field(le=4096)] | None = None
    first_subcarrier: _Symbol = 0
    energy_db: Annotated[Real, Field(ge=-30, le=30)] = 0.0

    @model_validator(mode="after")
    def _in_order(self) -> CombPilots:
        if sorted(set(self.symbols)) != list(self.symbols):
            raise invalid("symbols", list(self.symbols), "increasing numbers")
        return self


def _pattern(table: Any) -> str:
    """Which pilots a table describes: those of NR where it does not say."""
    known = table.get("pattern", "dmrs") if isinstance(table, dict) else table.pattern
    return known if isinstance(known, str) else "dmrs"


AnyPilots = Annotated[
    Annotated[DmrsPilots, Tag("dmrs")] | Annotated[CombPilots, Tag("comb")],
    Field(discriminator=Discriminator(_pattern)),
]


class Interference(PlainModel):
    """Users of other cells, each with one antenna, that send Gaussian symbols on every element.

    Their channels are drawn like those of the link, independent of them.

    Attributes:
        num: their number, which is the rank of their covariance; default 1.
        inr_db: power of all of them at a receive antenna relative to the noise, dB; default 10.
    """

    num: Annotated[Count, Field(le=64)] = 1
    inr_db: Annotated[Real, Field(ge=-100, le=100)] = 10.0

    @property
    def inr(self) -> float:
        """Interference to noise ratio, linear."""
        return 10 ** (self.inr_db / 10)
