"""A link over a resource grid: frame, pilots, fading, interference, and the usual estimator."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field, model_validator

from mimolearn.constellation import Constellation, as_constellation
from mimolearn.foundation.errors import invalid
from mimolearn.foundation.plainmodel import Count, PlainModel
from mimolearn.link.channels import AnyChannel, TDLProcess
from mimolearn.link.codes.schemes import Mcs, mcs
from mimolearn.link.coding import Coding
from mimolearn.link.estimators import AnyEstimator, Wiener
from mimolearn.link.frames import (
    AnyFrame,
    AnyPilots,
    CombPilots,
    DmrsPilots,
    Interference,
    NrPusch,
)
from mimolearn.link.harq import Harq, check_harq
from mimolearn.link.names import AnyConstellation
from mimolearn.link.scenario_file import ScenarioFile
from mimolearn.link.slot_codes import BlockStream, SlotCode, TransportCode, Uncoded
from mimolearn.link.slots import SlotLink
from mimolearn.snr import SnrDefinition, noise_variance

GRID_SCHEMA = 1


class GridScenario(ScenarioFile):
    """A link y = H x + n on every element of a resource grid, whose receiver estimates H.

    Streams are the layers of all users. SNR counts data symbols; pilots may have more energy.

    Attributes:
        name: a title for people, at most 80 characters; not part of the key.
        replicate: 1 (default), or the number of an independent repetition, which draws anew.
        num_tx_ant: S, layers of all users.
        num_rx_ant: Nr, receive antennas.
        constellation: its name, such as "16-qam", or a table [constellation] of points. With
            standard "nr-pusch" it follows from the MCS.
        channel: a channel model; default ``TDLProcess()``.
        snr_definition: one of ``mimolearn.snr.snr_definitions()``; default "per_stream".
        frame: the table [frame], of "nr-pusch" or of a plain "grid".
        pilots: the table [pilots]; default DMRS of type 1 for NR, and combs for a plain grid.
        interference: the table [interference]; default None, white noise.
        estimator: the estimator of receivers that name none; default ``Wiener()``.
        coding: a block code of a plain grid; default None, an uncoded link.
        decoder_iterations: largest number of decoder iterations for a transport block; default 20.
        harq: retransmissions of blocks that failed, in later slots; default None, one transmission.

    >>> s = GridScenario(num_tx_ant=4, num_rx_ant=4, frame=NrPusch(num_prb=8, num_ues=4))
    >>> s.points().num_points, s.link.grid.num_data
    (16, 1152)
    >>> GridScenario.shipped("uplink-4x4-16qam-low").frame.num_ues
    4
    """

    num_tx_ant: Annotated[Count, Field(le=4096)]
    num_rx_ant: Annotated[Count, Field(le=4096)]
    constellation: AnyConstellation | None = None
    channel: AnyChannel = TDLProcess()
    snr_definition: SnrDefinition = "per_stream"
    frame: AnyFrame
    pilots: AnyPilots = DmrsPilots()
    interference: Interference | None = None
    estimator: AnyEstimator = Wiener()
    coding: Coding | None = None
    decoder_iterations: Annotated[Count, Field(le=1000)] = 20
    harq: Harq | None = None

    @model_validator(mode="before")
    @classmethod
    def _usual_pilots(cls, fields: Any) -> Any:
        if not isinstance(fields, dict) or "pilots" in fields:
            return fields
        frame = fields.get("frame")
        table = dict(frame) if isinstance(frame, Mapping | PlainModel) else {}
        standard = table.get("standard")
        return {**fields, "pilots": CombPilots() if standard == "grid" else DmrsPilots()}

    @model_validator(mode="after")
    def _parts_fit(self) -> GridScenario:
        if self.channel.is_real:
            raise invalid("channel.model", self.channel.model, "a complex channel")
        if isinstance(self.frame, NrPusch):
            for field, value, source in (
                ("constellation", self.constellation, "frame.mcs decides it"),
                ("coding", self.coding, "'nr-pusch' has transport blocks"),
            ):
                if value:
                    raise invalid(field, value, f"nothing: {source}")
        elif not self.constellation:
            expected = "a constellation such as '16-qam' with standard = 'grid'"
            raise invalid("constellation", self.constellation, expected)
        if self.harq is not None and not isinstance(self.frame, NrPusch):
            check_harq(self.harq, self.coding)
        # Both refuse parts that do not fit each other.
        assert self.link.grid.num_data
        assert self.slot_code.num_bits
        return self

    @property
    def mcs(self) -> Mcs | None:
        """The modulation and coding scheme of NR; None for a plain grid."""
        if not isinstance(self.frame, NrPusch):
            return None
        return mcs(self.frame.mcs, self.frame.mcs_table)

    def with_mcs(self, index: int) -> GridScenario:
        """Return the same link with another row of its MCS table.

        Args:
            index: row of the MCS table.

        Raises:
            InvalidInputError: for a row that does not exist, and for a plain grid.
        """
        if not isinstance(self.frame, NrPusch):
            raise invalid("mcs", index, "a frame with standard = 'nr-pusch'")
        # In the words of the caller, not in those of the frame that would be built.
        mcs(index, self.frame.mcs_table)
        content: dict[str, Any] = self.model_dump(exclude_none=True)
        content["frame"]["mcs"] = index
        return GridScenario(**content)

    def points(self) -> Constellation:
        """Return the Constellation."""
        scheme = self.mcs
        return as_constellation(scheme.constellation if scheme else self.constellation or "")

    @cached_property
    def link(self) -> SlotLink:
        """The link that draws and receives slots."""
        tables = self.frame, self.pilots, self.channel
        return SlotLink(*tables, self.num_rx_ant, self.num_tx_ant, self.interference)

    @cached_property
    def slot_code(self) -> SlotCode:
        """What encodes and decodes the bits of a slot."""
        grid = self.link.grid
        per_user = grid.num_data * self.num_tx_ant // self.frame.num_ues
        num_bits = per_user * self.points().bits_per_symbol
        if isinstance(self.frame, NrPusch):
            layers = self.num_tx_ant // self.frame.num_ues
            options = layers, self.decoder_iterations, self.harq
            return TransportCode(self.frame, grid, num_bits, *options)
        if self.coding is None:
            return Uncoded(self.frame.num_ues, num_bits)
        return BlockStream(self.coding, self.frame.num_ues, num_bits, self.harq)

    def noise_var(self, snr_db: float) -> float:
        """Compute the noise variance of a receive antenna at an SNR in dB.

        Args:
            snr_db: in dB, of the scenario's definition.

        Raises:
            InvalidInputError: for "per_realisation", which knows no grid.
        """
        if self.snr_definition == "per_realisation":
            expected = "another definition: that one is of a single matrix, not of a grid"
            raise invalid("snr_definition", self.snr_definition, expected)
        code = self.slot_code
        sent = self.frame.num_ues * code.num_bits
        var = noise_variance(
            self.snr_definition,
            snr_db,
            num_tx_ant=self.num_tx_ant,
            num_rx_ant=self.num_rx_ant,
            constellation=self.points(),
            entry_var=self.channel.entry_var(self.num_rx_ant, self.num_tx_ant),
            code_rate=code.info_bits / sent,
        )
        return float(var)

    @property
    def has_blocks(self) -> bool:
        """Whether bits are coded."""
        return self.slot_code.num_blocks > 0

    @property
    def channel_reuse(self) -> int:
        """Vectors that share one channel: 1, each element has its own."""
        return 1

    @property
    def vectors_per_cluster(self) -> int:
        """Vectors of a slot, which are not independent."""
        return self.link.grid.num_data

    @property
    def blocks_per_cluster(self) -> int:
        """Blocks of a slot, which are not independent."""
        return self.slot_code.num_blocks

    @property
    def slot_duration_s(self) -> float:
        """Duration of a slot, s."""
        raster = self.link.grid.raster
        return raster.num_symbols * raster.symbol_duration_s

    @property
    def bandwidth_hz(self) -> float:
        """Bandwidth of all subcarriers, Hz."""
        raster = self.link.grid.raster
        return raster.num_subcarriers * raster.subcarrier_spacing_hz

    def key(self) -> str:
        """Return 16 hex digits that identify the link: SHA-256 of its JSON and a schema number."""
        return self._digest(self._content())

    def draw_key(self) -> str:
        """Return what channels and noise are drawn by: the same for all rows of an MCS table."""
        content = self._content()
        for name in ("mcs", "mcs_table"):
            content["frame"].pop(name, None)
        for name in ("constellation", "coding", "decoder_iterations", "estimator", "harq"):
            content.pop(name, None)
        return self._digest(content)

    def bits_key(self) -> str:
        """Return what information bits are drawn by: the same with and without retransmissions."""
        content = self._content()
        content.pop("harq", None)
        return self._digest(content)

    def _content(self) -> dict[str, Any]:
        left_out: dict[str, Any] = {"channel": set(self.channel.not_in_key)}
        if self.harq is None:
            # Older keys do not have it.
            left_out["harq"] = True
        content = self._key_fields(left_out)
        if self.coding is not None:
            # They do have this field.
            content["coding"]["transmissions"] = 1
        return content

    @staticmethod
    def _digest(content: dict[str, Any]) -> str:
        text = json.dumps({"schema": GRID_SCHEMA, **content}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]
