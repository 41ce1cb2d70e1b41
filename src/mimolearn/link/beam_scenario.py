"""The downlink on which beamformers are compared: array, channels, SNR and channel knowledge."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import torch
from pydantic import Field, model_validator
from torch import Tensor

from mimolearn.constellation import Constellation, as_constellation
from mimolearn.foundation.errors import check_positive_int, invalid
from mimolearn.foundation.plainmodel import Real
from mimolearn.foundation.shipped import read_shipped_toml, shipped_names
from mimolearn.link.array import HybridArray
from mimolearn.link.channels import AnyChannel, Clustered
from mimolearn.link.randomness import RandomSource, complex_normal
from mimolearn.link.scenario_file import ScenarioFile

BEAM_SCHEMA = 1


class BeamBlock(NamedTuple):
    """Channels of N drops.

    Attributes:
        h: (N, K, Nr, Nt) complex; the channels of all users.
        h_hat: (N, K, Nr, Nt) complex; the channels that the beamformers are designed from.
    """

    h: Tensor
    h_hat: Tensor


class BeamScenario(ScenarioFile):
    """A downlink y_k = H_k F V s + n_k of unit-power symbols and total power 1.

    SNR is the transmit power over the noise power of one receive antenna, with E|h_ij|^2 = 1.

    Attributes:
        name: a title for people, at most 80 characters; not part of the key.
        replicate: 1 (default), or the number of an independent repetition, which draws anew.
        kind: "beamforming".
        array: sizes of the hybrid array.
        constellation: "qpsk" (default), "16-qam" or "64-qam".
        channel: a complex channel model with entry_variance "1"; default ``Clustered`` of two
            clusters.
        snr_offset_db: dB added to every SNR, for publications whose definition differs by a
            constant; default 0.
        csi_error_var: variance of e; beamformers are designed from h + e, e ~ CN(0, csi_error_var),
            and error rates are those of h. Default 0, perfect knowledge.

    >>> BeamScenario(array=HybridArray(num_users=3, num_streams=2)).noise_var(10.0)
    0.1
    >>> BeamScenario.shipped("mser-qpsk").array.num_tx_ant
    64
    """

    shipped_in: ClassVar[str] = "data/beam_scenarios"

    kind: Literal["beamforming"] = "beamforming"
    array: HybridArray = HybridArray()
    constellation: Literal["qpsk", "16-qam", "64-qam"] = "qpsk"
    channel: AnyChannel = Clustered(num_clusters=2)
    snr_offset_db: Annotated[Real, Field(ge=-100, le=100)] = 0.0
    csi_error_var: Annotated[Real, Field(ge=0, le=10)] = 0.0

    @model_validator(mode="after")
    def _channel_fits(self) -> BeamScenario:
        a = self.array
        self.channel.check_size(a.num_rx_ant, a.num_tx_ant)
        self.channel.check_users(a.num_users)
        if self.channel.is_real:
            raise invalid("channel", self.channel.model, "a complex channel")
        if self.channel.entry_variance != "1":
            got = self.channel.entry_variance
            raise invalid("channel.entry_variance", got, "'1', by which SNR is defined here")
        return self

    def key(self) -> str:
        """Return 16 hex digits that identify the downlink: SHA-256 of its JSON and a schema."""
        fields = self._key_fields({"channel": set(self.channel.not_in_key)})
        content = {"schema": BEAM_SCHEMA, **fields}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def points(self) -> Constellation:
        """Return the Constellation."""
        return as_constellation(self.constellation)

    def noise_var(self, snr_db: float) -> float:
        """Return the noise variance of one receive antenna at an SNR in dB.

        Args:
            snr_db: in dB, of the scenario's definition.
        """
        return float(10 ** (-(snr_db + self.snr_offset_db) / 10))

    def draw(
        self,
        num_channels: int,
        generator: RandomSource,
        dtype: torch.dtype = torch.complex64,
    ) -> BeamBlock:
        """Draw channels of all users, then their errors; both are the same at every SNR.

        Args:
            num_channels: N.
            generator: the only source of randomness.
            dtype: complex64 (default) or complex128.
        """
        check_positive_int("num_channels", num_channels, 10**8)
        a = self.array
        sizes = a.num_users, a.num_rx_ant, a.num_tx_ant
        h = self.channel.draw_users(num_channels, *sizes, generator, dtype)
        if self.csi_error_var == 0:
            return BeamBlock(h, h)
        error = complex_normal(tuple(h.shape), generator, dtype, self.csi_error_var)
        return BeamBlock(h, h + error)


def shipped_beam_scenarios() -> tuple[str, ...]:
    """Names of the beamforming scenarios that come with the library."""
    return shipped_names("data/beam_scenarios")


def read_shipped_beams(name: str) -> dict[str, Any]:
    """Read a shipped scenario file as parsed TOML, with its ``[run]`` table."""
    return read_shipped_toml("scenario", "data/beam_scenarios", name)
