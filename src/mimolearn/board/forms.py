"""A submission as plain values: what the JSON file of one contender holds."""

from __future__ import annotations

import json
import shlex
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from mimolearn.board.links import Csi, digest_of
from mimolearn.board.packing import StoredPoint
from mimolearn.foundation.errors import InvalidInputError, is_plain_text
from mimolearn.foundation.plainmodel import Count, PlainModel, Real
from mimolearn.results.costs import Timing

FORMAT = "mimolearn-board-submission/1"

Words = Annotated[str, Field(max_length=300)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Times(PlainModel):
    """Microseconds on one thread, as ``Timing`` has them.

    Attributes:
        vector_us: of a vector in a batch.
        latency_us: of one vector alone.
        estimate_us: of channel estimation, a slot; 0 without a grid, as the two that follow.
        soft_us: of detection, a slot.
        decode_us: of decoding, a slot.
        batch: channels in a call.
        channel_reuse: vectors of a channel.
        snr_db: where they were taken, in dB.
        machine: that they were taken on.
    """

    vector_us: Annotated[Real, Field(gt=0)]
    latency_us: Annotated[Real, Field(gt=0)]
    estimate_us: Annotated[Real, Field(ge=0)] = 0.0
    soft_us: Annotated[Real, Field(ge=0)] = 0.0
    decode_us: Annotated[Real, Field(ge=0)] = 0.0
    batch: Count
    channel_reuse: Count
    snr_db: Real
    machine: Words

    @classmethod
    def of(cls, timing: Timing) -> Times:
        """Those of a measurement."""
        kept = {name: value for name, value in timing._asdict().items() if name in cls.model_fields}
        rounded: dict[str, Any] = {
            name: float(f"{value:.6g}") if isinstance(value, float) else value
            for name, value in kept.items()
        }
        return cls(**rounded)

    @property
    def whole_us(self) -> float:
        """Microseconds a slot over a grid, else a vector."""
        return self.estimate_us + self.soft_us + self.decode_us or self.vector_us


class Cost(PlainModel):
    """Counted work, as ``CostReport`` has it.

    Attributes:
        per_channel: real multiplications a channel.
        per_vector: real multiplications a vector; None where they depend on the data.
        parameters: stored numbers.
        parameter_bytes: their size.
    """

    per_channel: Annotated[int, Field(strict=True, ge=0)]
    per_vector: Annotated[int, Field(strict=True, ge=0)] | None
    parameters: Annotated[int, Field(strict=True, ge=0)]
    parameter_bytes: Annotated[int, Field(strict=True, ge=0)]


class LinkEntry(PlainModel):
    """What a contender did on one link.

    Attributes:
        scenario_key: of the link.
        csi: what it knew of the channel.
        points: one for each SNR of the link.
        times: of the contender; None where not measured.
        yardstick: of the yardstick, measured in the same run.
        cost: None where the contender does not count its work.
    """

    scenario_key: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    csi: Csi
    points: tuple[StoredPoint, ...]
    times: Times | None = None
    yardstick: Times | None = None
    cost: Cost | None = None


class Submission(PlainModel):
    """What one contender did on a board.

    Attributes:
        format: of the file.
        board_version: of the board.
        board_sha256: digest of the board.
        contender: plain values of ``Contender``.
        key: of the contender.
        spec: the contender as the command line takes it.
        about: what it is, for people.
        source: where its code or its paper is.
        library: versions by name.
        code_sha256: over the library's code that decides counts.
        date: UTC, ISO 8601.
        links: by name.
        refused: why the contender does not serve a link, by name.
        sha256: over all the rest.
    """

    format: Literal["mimolearn-board-submission/1"]
    board_version: Count
    board_sha256: Sha256
    contender: dict[str, Any]
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    spec: Words
    about: Words = ""
    source: Words = ""
    library: dict[str, Annotated[str, Field(max_length=80)]]
    code_sha256: Sha256
    date: Annotated[str, Field(max_length=40)]
    links: dict[str, LinkEntry]
    refused: dict[str, Words]
    sha256: Sha256

    @field_validator("spec", "about", "source")
    @classmethod
    def _is_plain(cls, value: str) -> str:
        if not is_plain_text(value):
            raise InvalidInputError("text: has control characters")
        return value

    @property
    def label(self) -> str:
        """The contender's label."""
        return str(self.contender["label"])

    def command(self, link: str = "") -> str:
        """The command that counts a link again, or all of them."""
        words = ["mimolearn", "board", "run", self.spec, *(["--link", link] if link else [])]
        return shlex.join(words)

    def digest(self) -> str:
        """64 hex digits of SHA-256 over all but ``sha256``."""
        return digest_of(self.model_dump(mode="json", exclude={"sha256"}))

    def to_json(self) -> str:
        """The text of the file."""
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
