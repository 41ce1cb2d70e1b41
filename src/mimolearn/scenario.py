"""What is simulated: a frozen description with a stable key, to and from TOML."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import torch
from pydantic import Field, model_validator
from torch import Tensor

from mimolearn.channels import AnyChannel, Rayleigh
from mimolearn.channels.reduced import draw_reduced, is_reducible
from mimolearn.constellation import Constellation, as_constellation
from mimolearn.errors import InvalidInputError, check_one_of, check_positive_int, invalid
from mimolearn.kernels.sending import send
from mimolearn.plainmodel import Count, PlainModel, Real
from mimolearn.randomness import CounterGenerator, RandomSource, complex_normal, integers
from mimolearn.snr import SnrDefinition, noise_variance
from mimolearn.tomlfile import parse_toml, read_toml, write_toml

SCENARIO_SCHEMA = 1


class ChannelKnowledge(PlainModel):
    """What the receiver knows of the channel.

    error_var: variance of the estimation error of one entry relative to E|h_ij|^2:
    h_hat = h + e, e ~ CN(0, error_var E|h_ij|^2), independent of h; 0 is perfect knowledge.
    noise: what the receiver takes for noise_var: "thermal" alone, or "with-error", which adds the
    variance Nt error_var E|h_ij|^2 that the error puts on each antenna.
    """

    error_var: Annotated[Real, Field(ge=0, le=10)] = 0.0
    noise: Literal["thermal", "with-error"] = "thermal"


class Block(NamedTuple):
    """A batch of independent channels with their vectors.

    indices: (N, T, Nt) sent symbol indices; h, h_hat: (N, Nr, Nt) true and known channel;
    y: (N, T, Nr); noise_var: (N) as the receiver takes it. Reduced draws have Nt rows, not Nr.
    """

    indices: Tensor
    h: Tensor
    h_hat: Tensor
    y: Tensor
    noise_var: Tensor


class Scenario(PlainModel):
    """A MIMO link y = H x + n, described by plain values.

    num_tx_ant, num_rx_ant: Nt, Nr. constellation: its name. channel: a channel model.
    channel_reuse: T, consecutive vectors that share one channel. snr_definition: see
    ``mimolearn.snr``. csi: what the receiver knows. name: for people; not part of the key.
    draws: "full", or "reduced" to draw (R, Q^H y), H = Q R, in place of (H, y): the same error
    rates at a fraction of the cost (see ``channels.reduced``), for independent Gaussian channels
    with Nr >= Nt, known perfectly, and for detectors that are ``rotation_invariant``.

    >>> s = Scenario(num_tx_ant=4, num_rx_ant=8, constellation="qpsk")
    >>> s.key() == Scenario(num_tx_ant=4, num_rx_ant=8, constellation="qpsk", name="mine").key()
    True
    """

    name: Annotated[str, Field(max_length=80)] = ""
    num_tx_ant: Annotated[Count, Field(le=4096)]
    num_rx_ant: Annotated[Count, Field(le=4096)]
    constellation: Literal["bpsk", "qpsk", "16-qam", "64-qam", "256-qam"]
    channel: AnyChannel = Rayleigh()
    channel_reuse: Annotated[Count, Field(le=100_000)] = 1
    snr_definition: SnrDefinition = "per_symbol"
    csi: ChannelKnowledge = ChannelKnowledge()
    draws: Literal["full", "reduced"] = "full"

    @model_validator(mode="after")
    def _channel_fits(self) -> Scenario:
        self.channel.check_size(self.num_rx_ant, self.num_tx_ant)
        if self.draws == "reduced" and not self.is_reducible():
            needs = "'rayleigh' or 'real-gaussian' channel, Nr >= Nt, csi.error_var = 0"
            raise invalid("draws", self.draws, f"'full': reduced draws need a {needs}")
        return self

    def is_reducible(self) -> bool:
        """Whether ``draws = "reduced"`` stands for this link exactly."""
        reducible = is_reducible(self.channel, self.num_rx_ant, self.num_tx_ant)
        return reducible and self.csi.error_var == 0

    def key(self) -> str:
        """A stable digest: 16 hex digits of SHA-256 over canonical JSON and a schema number."""
        not_in_key: dict[str, Any] = {"name": True, "channel": set(self.channel.not_in_key)}
        if self.draws == "full":
            # Keys from before there was a choice.
            not_in_key["draws"] = True
        content = {"schema": SCENARIO_SCHEMA, **self.model_dump(mode="json", exclude=not_in_key)}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def points(self) -> Constellation:
        """The constellation itself."""
        return as_constellation(self.constellation)

    def noise_var(self, snr_db: float, h: Tensor | None = None) -> Tensor:
        """Noise variance at an SNR of this scenario's definition; see ``snr.noise_variance``."""
        return noise_variance(
            self.snr_definition,
            snr_db,
            num_tx_ant=self.num_tx_ant,
            num_rx_ant=self.num_rx_ant,
            constellation=self.constellation,
            entry_var=self.channel.entry_var(self.num_rx_ant, self.num_tx_ant),
            h=h,
        )

    def draw(
        self,
        snr_db: float,
        num_channels: int,
        generator: RandomSource,
        dtype: torch.dtype = torch.complex64,
    ) -> Block:
        """Draw channels, symbols, noise, then channel errors from the generator alone.

        Scenarios that differ in the noise level or in ``csi`` alone see the same channels, symbols
        and noise realisations.
        """
        check_positive_int("num_channels", num_channels)
        if not dtype.is_complex:
            raise invalid("dtype", dtype, "torch.complex64 or torch.complex128")
        h = self.draw_channels(num_channels, generator, dtype)
        return self.transmit(h, self.noise_var(snr_db, h), self.channel_reuse, generator)

    def draw_channels(
        self, num_channels: int, generator: RandomSource, dtype: torch.dtype = torch.complex64
    ) -> Tensor:
        """Channels (N, Nr, Nt), or triangles (N, Nt, Nt) where ``draws`` is "reduced"."""
        size = num_channels, self.num_rx_ant, self.num_tx_ant
        if self.draws == "reduced":
            return draw_reduced(self.channel, *size, generator, dtype)
        return self.channel.draw(*size, generator, dtype)

    def transmit(
        self, h: Tensor, noise_var: Tensor, num_vectors: int, generator: RandomSource
    ) -> Block:
        """Send ``num_vectors`` random vectors over each given channel, then draw channel errors.

        h: (N, R, Nt), R rows of any number: a reduced channel serves as well. noise_var: () or (N).
        """
        nr, nt = self.num_rx_ant, self.num_tx_ant
        num_channels, rows = h.shape[:2]
        points = self.points()
        shape = (num_channels, num_vectors, nt)
        indices = integers(shape, points.num_points, generator)
        noise_var = noise_var.to(h.real.dtype).expand(num_channels)
        noise = complex_normal((num_channels, num_vectors, rows), generator, h.dtype)
        if isinstance(generator, CounterGenerator) and h.dtype == torch.complex64:
            # A library's product may round each batch size in its own way; a draw must not.
            y = send(h, indices, points, noise, noise_var.sqrt())
        else:
            x = points.map(indices, h.dtype)
            y = noise.mul_(noise_var.sqrt()[:, None, None]).baddbmm_(x, h.mT)
        h_hat, known_noise = h, noise_var
        if self.csi.error_var > 0:
            error_var = self.csi.error_var * self.channel.entry_var(nr, nt)
            error = complex_normal(tuple(h.shape), generator, h.dtype)
            if self.channel.is_real:
                error = error.real.mul(2**0.5).to(h.dtype)
            h_hat = h + error * error_var**0.5
            if self.csi.noise == "with-error":
                known_noise = noise_var + nt * error_var
        return Block(indices, h, h_hat, y, known_noise)

    @classmethod
    def from_toml(cls, path: str | Path) -> Scenario:
        """Read a scenario file; a ``[run]`` table, which says how to run it, is left aside.

        A relative path of recorded channels counts from the folder of the file.
        """
        return cls._from_content(read_toml(path), str(path), Path(path).parent)

    @classmethod
    def shipped(cls, name: str) -> Scenario:
        """One of ``shipped_scenarios()``.

        >>> Scenario.shipped("lcgnet-32x64-bpsk").num_rx_ant
        64
        """
        return cls._from_content(read_shipped(name), name, Path())

    @classmethod
    def _from_content(cls, content: dict[str, Any], source: str, folder: Path) -> Scenario:
        fields = {key: value for key, value in content.items() if key != "run"}
        channel = fields.get("channel")
        if isinstance(channel, dict) and isinstance(channel.get("path"), str):
            fields["channel"] = {**channel, "path": str(folder / channel["path"])}
        try:
            return cls(**fields)
        except InvalidInputError as error:
            raise InvalidInputError(f"{source}: {error}") from None

    def to_toml(self) -> str:
        """The scenario as TOML text that ``from_toml`` reads back to an equal scenario."""
        return write_toml(self.model_dump(mode="json"))


def shipped_scenarios() -> tuple[str, ...]:
    """Names of the scenario files that come with the library, each after its publication."""
    files = (resources.files("mimolearn") / "scenarios").iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml")))


def read_shipped(name: str) -> dict[str, Any]:
    """A shipped scenario file as parsed TOML, with its ``[run]`` table."""
    check_one_of("scenario", name, shipped_scenarios())
    file = resources.files("mimolearn") / "scenarios" / f"{name}.toml"
    return parse_toml(file.read_text("utf-8"), name)
