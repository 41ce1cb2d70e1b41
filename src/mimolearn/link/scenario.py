"""The description of a simulated link: a frozen model with a stable key, read from TOML."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from mimolearn.constellation import Constellation, as_constellation
from mimolearn.foundation.errors import InvalidInputError, check_positive_int, invalid
from mimolearn.foundation.plainmodel import Count, PlainModel, Real
from mimolearn.foundation.shipped import read_shipped_toml, shipped_names
from mimolearn.kernels.link.transmission import noise_deviation, transmit
from mimolearn.link.channels import AnyChannel, Rayleigh
from mimolearn.link.channels.reduced import draw_reduced, is_reducible
from mimolearn.link.coding import Coding
from mimolearn.link.harq import Harq, check_harq
from mimolearn.link.names import AnyConstellation
from mimolearn.link.randomness import CounterGenerator, RandomSource, complex_normal, integers
from mimolearn.link.scenario_file import ScenarioFile
from mimolearn.snr import SnrDefinition, noise_variance

SCENARIO_SCHEMA = 1


class ChannelKnowledge(PlainModel):
    """The receiver's knowledge of the channel: h_hat = h + e.

    Attributes:
        error_var: variance of e relative to E|h_ij|^2, e ~ CN(0, error_var E|h_ij|^2), independent
            of h. Default 0, perfect knowledge.
        noise: the noise variance that the receiver assumes. "with-error" (default) adds
            Nt error_var E|h_ij|^2, the power of the error, so that its soft bits are calibrated.
            "thermal" is that of the noise alone, for a receiver that takes its estimate for true.
    """

    error_var: Annotated[Real, Field(ge=0, le=10)] = 0.0
    noise: Literal["thermal", "with-error"] = "with-error"

    @model_validator(mode="before")
    @classmethod
    def _noise_of_an_error(cls, fields: Any) -> Any:
        """Without an error both kinds of noise are one, as two scenarios are then."""
        if isinstance(fields, dict) and fields.get("error_var", 0) == 0:
            known = fields.get("noise") in ("thermal", "with-error")
            return {k: v for k, v in fields.items() if k != "noise" or not known}
        return fields


class Block(NamedTuple):
    """A batch of independent channels with their vectors; reduced draws have Nt rows, not Nr.

    Attributes:
        indices: (N, T, Nt) int64; indices of the transmitted symbols.
        h: (N, Nr, Nt) complex; the channels.
        h_hat: (N, Nr, Nt) complex; the channels as the receiver knows them.
        y: (N, T, Nr) complex; the received vectors.
        noise_var: (N) real; the noise variance that the receiver assumes.
    """

    indices: Tensor
    h: Tensor
    h_hat: Tensor
    y: Tensor
    noise_var: Tensor


class Scenario(ScenarioFile):
    """A MIMO link y = H x + n, described by plain values.

    Attributes:
        name: a title for people, at most 80 characters; not part of the key.
        replicate: 1 (default), or the number of an independent repetition, which draws anew.
        num_tx_ant: Nt, transmit antennas.
        num_rx_ant: Nr, receive antennas.
        constellation: its name, such as "16-qam"; or a table [constellation] of points.
        channel: a channel model; default ``Rayleigh()``.
        channel_reuse: T, consecutive vectors that share one channel; default 1.
        snr_definition: one of ``mimolearn.snr.snr_definitions()``; default "per_symbol".
        csi: the receiver's knowledge of the channel; default perfect.
        draws: "full" (default), or "reduced" to draw (R, Q^H y) of H = Q R in place of (H, y). The
            error rates are the same at a fraction of the cost. It needs independent Gaussian
            channels, known perfectly, with Nr >= Nt, and ``rotation_invariant`` detectors.
        coding: a block code; default None, an uncoded link.
        harq: retransmissions of blocks that failed; default None, one transmission.

    >>> s = Scenario(num_tx_ant=4, num_rx_ant=8, constellation="qpsk")
    >>> s.key() == Scenario(num_tx_ant=4, num_rx_ant=8, constellation="qpsk", name="mine").key()
    True
    """

    num_tx_ant: Annotated[Count, Field(le=4096)]
    num_rx_ant: Annotated[Count, Field(le=4096)]
    constellation: AnyConstellation
    channel: AnyChannel = Rayleigh()
    channel_reuse: Annotated[Count, Field(le=100_000)] = 1
    snr_definition: SnrDefinition = "per_symbol"
    csi: ChannelKnowledge = ChannelKnowledge()
    draws: Literal["full", "reduced"] = "full"
    coding: Coding | None = None
    harq: Harq | None = None

    @model_validator(mode="after")
    def _harq_fits(self) -> Scenario:
        if self.harq is not None:
            check_harq(self.harq, self.coding)
        return self

    @model_validator(mode="after")
    def _channel_fits(self) -> Scenario:
        self.channel.check_size(self.num_rx_ant, self.num_tx_ant)
        if self.draws == "reduced" and not self.is_reducible():
            needs = "'rayleigh' or 'real-gaussian' channel, Nr >= Nt, csi.error_var = 0"
            raise invalid("draws", self.draws, f"'full': reduced draws need a {needs}")
        return self

    def is_reducible(self) -> bool:
        """Whether ``draws = "reduced"`` gives this link the same error rates."""
        sizes = self.num_rx_ant, self.num_tx_ant
        return self.csi.error_var == 0 and is_reducible(self.channel, *sizes)

    @model_validator(mode="after")
    def _block_fits(self) -> Scenario:
        if self.coding is None:
            return self
        per_use = self.num_tx_ant * self.points().bits_per_symbol
        if self.coding.num_coded_bits < per_use:
            expected = f"at least {per_use}, the bits of one channel use"
            raise invalid("coding.num_coded_bits", self.coding.num_coded_bits, expected)
        if self.uses_per_block % self.channel_reuse:
            expected = f"a divisor of {self.uses_per_block}, the channel uses of a coded block"
            raise invalid("channel_reuse", self.channel_reuse, expected)
        return self

    @property
    def code_rate(self) -> float:
        """Information bits per bit of one transmission, less punctured ones; else 1."""
        if self.coding is None:
            return 1.0
        sent = self.uses_per_block * self.num_tx_ant * self.points().bits_per_symbol
        return self.coding.num_info_bits / sent

    @property
    def has_blocks(self) -> bool:
        """Whether bits are coded."""
        return self.coding is not None

    @property
    def vectors_per_cluster(self) -> int:
        """Vectors that are not independent, since they share a channel."""
        return self.channel_reuse

    @property
    def blocks_per_cluster(self) -> int:
        """Coded blocks that are not independent: 1, each has channels of its own."""
        return 1

    @property
    def uses_per_block(self) -> int:
        """Channel uses that a coded block fills; 1 for an uncoded link."""
        if self.coding is None:
            return 1
        per_use = self.num_tx_ant * self.points().bits_per_symbol
        return self.coding.num_coded_bits // per_use

    def key(self) -> str:
        """Return 16 hex digits that identify the link: SHA-256 of its JSON and a schema number."""
        left_out: dict[str, Any] = {"channel": set(self.channel.not_in_key)}
        # Older keys do not have these fields.
        if self.draws == "full":
            left_out["draws"] = True
        if self.coding is None:
            left_out["coding"] = True
        elif self.coding.decoder == "sum-product":
            left_out["coding"] = {"decoder", "decoder_bits"}
        if self.harq is None:
            left_out["harq"] = True
        content = {"schema": SCENARIO_SCHEMA, **self._key_fields(left_out)}
        if self.csi.error_var == 0:
            # Older keys say so where both are the same.
            content["csi"]["noise"] = "thermal"
        if self.coding is not None:
            # Older keys have this field.
            content["coding"]["transmissions"] = 1
        if self.snr_definition == "ebn0" and self.coding and self.code_rate != self.coding.rate:
            # Older results counted the energy of punctured bits, so their noise was another one.
            content["ebn0"] = "of the bits that are sent"
        text = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
        return hashlib.sha256(text).hexdigest()[:16]

    def points(self) -> Constellation:
        """Return the Constellation."""
        return as_constellation(self.constellation)

    def noise_var(self, snr_db: float, h: Tensor | None = None) -> Tensor:
        """Compute the noise variance of an SNR in this scenario's definition.

        Args:
            snr_db: the SNR, dB.
            h: (*C, Nr, Nt) complex; the channels. "per_realisation" alone needs them.

        Returns:
            () float64, or (*C) real for "per_realisation"; see ``snr.noise_variance``.
        """
        return noise_variance(
            self.snr_definition,
            snr_db,
            num_tx_ant=self.num_tx_ant,
            num_rx_ant=self.num_rx_ant,
            constellation=self.points(),
            entry_var=self.channel.entry_var(self.num_rx_ant, self.num_tx_ant),
            code_rate=self.code_rate,
            h=h,
        )

    def draw(
        self,
        snr_db: float,
        num_channels: int,
        generator: RandomSource,
        dtype: torch.dtype = torch.complex64,
    ) -> Block:
        """Draw channels, symbols and noise, then channel errors.

        Scenarios that differ only in the noise level or in ``csi`` get the same channels, symbols
        and noise realisations.

        Args:
            snr_db: the SNR, dB.
            num_channels: N.
            generator: the only source of randomness.
            dtype: complex64 (default) or complex128.

        Raises:
            InvalidInputError: for an SNR, a number or a dtype that is not allowed.
        """
        check_positive_int("num_channels", num_channels, 10**8)
        if not dtype.is_complex:
            raise invalid("dtype", dtype, "torch.complex64 or torch.complex128")
        h = self.draw_channels(num_channels, generator, dtype)
        return self.transmit(h, self.noise_var(snr_db, h), self.channel_reuse, generator)

    def draw_channels(
        self, num_channels: int, generator: RandomSource, dtype: torch.dtype = torch.complex64
    ) -> Tensor:
        """Draw channels (N, Nr, Nt), or triangles (N, Nt, Nt) where ``draws`` is "reduced".

        Args:
            num_channels: N.
            generator: the only source of randomness.
            dtype: complex64 (default) or complex128.
        """
        size = num_channels, self.num_rx_ant, self.num_tx_ant
        if self.draws == "reduced":
            return draw_reduced(self.channel, *size, generator, dtype)
        return self.channel.draw(*size, generator, dtype)

    def transmit(
        self, h: Tensor, noise_var: Tensor, num_vectors: int, generator: RandomSource
    ) -> Block:
        """Transmit random vectors over given channels, then draw channel errors.

        Args:
            h: (N, R, Nt) complex; channels of any number of rows, so reduced ones too.
            noise_var: () or (N) real.
            num_vectors: T, vectors per channel.
            generator: the only source of randomness.
        """
        shape = (h.shape[0], num_vectors, self.num_tx_ant)
        indices = integers(shape, self.points().num_points, generator)
        return self.send(indices, h, noise_var, generator)

    def send(self, indices: Tensor, h: Tensor, noise_var: Tensor, generator: RandomSource) -> Block:
        """Do the same as ``transmit`` with given symbols; indices: (N, T, Nt) int64.

        Args:
            indices: (N, T, Nt) int64; indices of the transmitted points.
            h: (N, R, Nt) complex; channels of any number of rows.
            noise_var: () or (N) real.
            generator: the only source of randomness.
        """
        (num_channels, num_vectors), rows, nt = indices.shape[:2], h.shape[1], self.num_tx_ant
        points = self.points()
        noise_var = noise_var.to(h.real.dtype).expand(num_channels)
        noise = complex_normal((num_channels, num_vectors, rows), generator, h.dtype)
        if isinstance(generator, CounterGenerator) and h.dtype == torch.complex64:
            # The rounding of a BLAS product may depend on the batch size. A draw must not.
            y = transmit(h, indices, points, noise, noise_deviation(noise_var))
        else:
            x = points.map(indices, h.dtype)
            y = noise.mul_(noise_deviation(noise_var)[:, None, None]).baddbmm_(x, h.mT)
        h_hat, known_noise = h, noise_var
        if self.csi.error_var > 0:
            error_var = self.csi.error_var * self.channel.entry_var(self.num_rx_ant, nt)
            error = complex_normal(tuple(h.shape), generator, h.dtype)
            if self.channel.is_real:
                error = error.real.mul(2**0.5).to(h.dtype)
            h_hat = h + error * error_var**0.5
            if self.csi.noise == "with-error":
                known_noise = noise_var + nt * error_var
        return Block(indices, h, h_hat, y, known_noise)

    @classmethod
    def from_content(cls, content: dict[str, Any], source: str, folder: str | Path = ".") -> Self:
        if "frame" in content:
            raise InvalidInputError(f"{source}: frame: got a table, expected a link without a grid")
        return super().from_content(content, source, folder)


def shipped_scenarios() -> tuple[str, ...]:
    """Names of the scenarios that come with the library; a name begins with its publication."""
    return shipped_names("data/scenarios")


def read_shipped(name: str) -> dict[str, Any]:
    """Read a shipped scenario file as parsed TOML, with its ``[run]`` table."""
    return read_shipped_toml("scenario", "data/scenarios", name)
