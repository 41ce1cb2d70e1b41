"""What is simulated: a frozen description with a stable key, to and from TOML."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Generator, Tensor

from mimolearn.channels import AnyChannel, Rayleigh, complex_normal
from mimolearn.constellation import Constellation
from mimolearn.errors import InvalidInputError
from mimolearn.snr import SnrDefinition, noise_variance

SCENARIO_SCHEMA = 1


class ChannelKnowledge(BaseModel):
    """What the receiver knows of the channel.

    error_var: variance of the estimation error of one entry relative to E|h_ij|^2:
    h_hat = h + e, e ~ CN(0, error_var E|h_ij|^2), independent of h; 0 is perfect knowledge.
    noise: what the receiver takes for noise_var: "thermal" alone, or "with-error", which adds the
    variance Nt error_var E|h_ij|^2 that the error puts on each antenna.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    error_var: float = Field(0.0, ge=0, le=10)
    noise: Literal["thermal", "with-error"] = "thermal"


class Block(NamedTuple):
    """A batch of independent channels with their vectors.

    indices: (N, T, Nt) sent symbol indices; h, h_hat: (N, Nr, Nt) true and known channel;
    y: (N, T, Nr); noise_var: (N) as the receiver takes it.
    """

    indices: Tensor
    h: Tensor
    h_hat: Tensor
    y: Tensor
    noise_var: Tensor


class Scenario(BaseModel):
    """A MIMO link y = H x + n, described by plain values.

    num_tx_ant, num_rx_ant: Nt, Nr. constellation: its name. channel: a channel model.
    channel_reuse: T, consecutive vectors that share one channel. snr_definition: see
    ``mimolearn.snr``. csi: what the receiver knows. name: for people; not part of the key.

    >>> s = Scenario(num_tx_ant=4, num_rx_ant=8, constellation="qpsk")
    >>> s.key() == Scenario(num_tx_ant=4, num_rx_ant=8, constellation="qpsk", name="mine").key()
    True
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field("", max_length=80)
    num_tx_ant: int = Field(ge=1, le=4096, strict=True)
    num_rx_ant: int = Field(ge=1, le=4096, strict=True)
    constellation: Literal["bpsk", "qpsk", "16-qam", "64-qam", "256-qam"]
    channel: AnyChannel = Rayleigh()
    channel_reuse: int = Field(1, ge=1, le=100_000, strict=True)
    snr_definition: SnrDefinition = "per_symbol"
    csi: ChannelKnowledge = ChannelKnowledge()

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise InvalidInputError(describe_validation_error(error)) from None

    @model_validator(mode="after")
    def _channel_fits(self) -> Scenario:
        self.channel.check_size(self.num_rx_ant, self.num_tx_ant)
        return self

    def key(self) -> str:
        """A stable digest: 16 hex digits of SHA-256 over canonical JSON and a schema number."""
        content = {"schema": SCENARIO_SCHEMA, **self.model_dump(mode="json", exclude={"name"})}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def points(self) -> Constellation:
        """The constellation itself."""
        return Constellation(self.constellation)

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
        generator: Generator,
        dtype: torch.dtype = torch.complex64,
    ) -> Block:
        """Draw channels, symbols and noise, in this order, from the generator alone."""
        nr, nt, reuse = self.num_rx_ant, self.num_tx_ant, self.channel_reuse
        h = self.channel.draw(num_channels, nr, nt, generator, dtype)
        indices = torch.randint(
            self.points().num_points, (num_channels, reuse, nt), generator=generator
        )
        x = self.points().map(indices, dtype)
        noise_var = self.noise_var(snr_db, h).to(h.real.dtype).expand(num_channels)
        noise = complex_normal((num_channels, reuse, nr), generator, dtype)
        y = x @ h.mT + noise * noise_var.sqrt()[:, None, None]
        h_hat, known_noise = h, noise_var
        if self.csi.error_var > 0:
            error_var = self.csi.error_var * self.channel.entry_var(nr, nt)
            error = complex_normal(tuple(h.shape), generator, dtype)
            if self.channel.is_real:
                error = error.real.mul(2**0.5).to(dtype)
            h_hat = h + error * error_var**0.5
            if self.csi.noise == "with-error":
                known_noise = noise_var + nt * error_var
        return Block(indices, h, h_hat, y, known_noise)

    @classmethod
    def from_toml(cls, path: str | Path) -> Scenario:
        """Read a scenario file; a ``[run]`` table, which says how to run it, is left aside."""
        content = read_toml(path)
        content.pop("run", None)
        try:
            return cls(**content)
        except InvalidInputError as error:
            raise InvalidInputError(f"{path}: {error}") from None

    def to_toml(self) -> str:
        """The scenario as TOML text that ``from_toml`` reads back to an equal scenario."""
        return write_toml(self.model_dump(mode="json"))


def read_toml(path: str | Path) -> dict[str, Any]:
    """Parse a TOML file; every failure is one line that names the file."""
    try:
        return tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path}: not valid TOML: {error}") from None


def write_toml(content: dict[str, Any]) -> str:
    """Plain values, lists of them, and tables of those, as TOML."""
    plain = {k: v for k, v in content.items() if not isinstance(v, dict) and v is not None}
    tables = {k: v for k, v in content.items() if isinstance(v, dict)}
    # JSON strings, numbers, booleans and arrays of these are TOML values too.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in plain.items()]
    for key, table in tables.items():
        lines += ["", f"[{key}]", write_toml(table).rstrip()]
    return "\n".join(lines) + "\n"


def describe_validation_error(error: ValidationError) -> str:
    """The first problem of a pydantic error in one line: field, value, expectation."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "scenario"
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return f"{field}: unknown key; it is not part of this table"
    if first["type"] == "missing":
        return f"{field}: missing, a value is required"
    if first["type"] == "value_error":
        return message
    return f"{field}: got {first['input']!r}, {message[0].lower()}{message[1:]}"
