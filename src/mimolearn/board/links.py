"""The set of links that a board is made of: which are drawn, how often, and by which keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from mimolearn.foundation.errors import InvalidInputError, check_one_of, invalid, user_path
from mimolearn.foundation.plainmodel import Count, PlainModel
from mimolearn.foundation.shipped import shipped_folder
from mimolearn.foundation.tomlfile import read_toml
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.plans.contender import Contender
from mimolearn.plans.plan import (
    AnyScenario,
    Metric,
    RunPlan,
    adjust_plan,
    canonical_snr,
    check_metric,
    load_comparison,
)
from mimolearn.studies.kinds.base import Kind
from mimolearn.studies.kinds.counts import error_counts
from mimolearn.studies.kinds.slots import SlotCounts

BOARD_SCHEMA = 1
BOARD_NAME = "board.toml"
LINKS_FOLDER, SUBMISSIONS_FOLDER = "links", "submissions"

Csi = Literal["ideal", "noisy", "estimated"]
CSI_WORDS: dict[Csi, str] = {
    "ideal": "the receiver is told the channel",
    "noisy": "the receiver is told the channel with an error of known variance",
    "estimated": "the receiver estimates the channel from pilots",
}
_NEVER = 10**9


class _Entry(PlainModel):
    """A link in the table of a board.

    Attributes:
        name: of its file, ``links/NAME.toml``.
        about: what it is there for.
        reference: a contender that all others are compared with.
        chunks: that are drawn at every SNR.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=60)]
    about: Annotated[str, Field(max_length=200)]
    reference: Annotated[str, Field(max_length=80)]
    chunks: Annotated[Count, Field(le=10_000)]


class _BoardFile(PlainModel):
    """The file of a board.

    Attributes:
        title: for people.
        version: is raised by a change of what is drawn.
        yardstick: a contender that is timed beside every other.
        links: in the order of the board.
    """

    title: Annotated[str, Field(max_length=80)]
    version: Count
    yardstick: Annotated[str, Field(max_length=80)]
    links: Annotated[tuple[_Entry, ...], Field(min_length=1, max_length=100)]


@dataclass(frozen=True, eq=False)
class BoardLink:
    """A link of a board, with the SNRs and the number of chunks that everybody runs.

    Attributes:
        name: of the link.
        about: what it is there for.
        scenario: what is drawn.
        snr_db: SNRs in dB, ascending.
        metric: of the error rate.
        target: error rate at which receivers are compared.
        reference: the contender that all others are compared with.
        chunks: drawn at every SNR, whatever the errors.
    """

    name: str
    about: str
    scenario: AnyScenario
    snr_db: tuple[float, ...]
    metric: Metric
    target: float
    reference: Contender
    chunks: int

    def kind(self, contenders: Sequence[Contender] = ()) -> Kind:
        """The kind of study that counts its errors."""
        if isinstance(self.scenario, GridScenario):
            return SlotCounts(self.scenario, contenders)
        return error_counts(self.scenario, contenders)

    @cached_property
    def vectors(self) -> int:
        """Vectors at every SNR."""
        return self.chunks * self.kind().chunk_vectors

    def plan(self, contenders: Sequence[Contender]) -> RunPlan:
        """The plan by which contenders run: all chunks at all SNRs, with no rule that stops it.

        Args:
            contenders: with unique labels and keys.
        """
        return RunPlan(
            snr_db=self.snr_db,
            contenders=tuple(contenders),
            metric=self.metric,
            target=self.target,
            min_errors=_NEVER,
            min_channels=1,
            max_vectors=self.vectors,
            floor=0.0,
        )

    def csi(self, contender: Contender) -> Csi:
        """What a contender knows of the channel.

        A receiver over a grid that is told the channel, or the covariance of the interference,
        has ideal knowledge, whatever the link is for.
        """
        if isinstance(self.scenario, GridScenario):
            told = contender.receiver.is_bound(self.scenario.estimator)
            return "ideal" if told else "estimated"
        return "ideal" if self.scenario.csi.error_var == 0 else "noisy"

    def identity(self) -> dict[str, Any]:
        """All that decides what is drawn and counted, as plain values."""
        scenario = self.scenario.model_dump(mode="json", exclude={"name"})
        return {
            "name": self.name,
            "scenario": scenario,
            "scenario_key": self.scenario.key(),
            "chunk_channels": self.kind().chunk_channels,
            "chunks": self.chunks,
            "snr_db": [canonical_snr(snr) for snr in self.snr_db],
            "metric": self.metric,
            "target": self.target,
        }


@dataclass(frozen=True, eq=False)
class Board:
    """A set of links that never changes: another one has another version and digest.

    Attributes:
        title: for people.
        version: of the set.
        yardstick: the contender that is timed beside every other.
        links: in their order.
        folder: that it was read from.
    """

    title: str
    version: int
    yardstick: Contender
    links: tuple[BoardLink, ...]
    folder: Path

    @cached_property
    def digest(self) -> str:
        """64 hex digits of SHA-256 over all that decides what is drawn and counted."""
        links = [link.identity() for link in self.links]
        return digest_of({"schema": BOARD_SCHEMA, "version": self.version, "links": links})

    def link(self, name: str) -> BoardLink:
        """The link of a name.

        Raises:
            InvalidInputError: for an unknown name.
        """
        names = [link.name for link in self.links]
        return self.links[names.index(check_one_of("link", name, names))]

    def chosen(self, names: Sequence[str] | None) -> tuple[BoardLink, ...]:
        """The links of some names, in the order of the board; all without names.

        Raises:
            InvalidInputError: for an unknown name.
        """
        wanted = {self.link(name).name for name in names or ()}
        return tuple(link for link in self.links if not wanted or link.name in wanted)


def load_board(folder: str | Path | None = None) -> Board:
    """Read a board.

    Args:
        folder: with ``board.toml`` and ``links/NAME.toml``; default the board that ships.

    Raises:
        InvalidInputError: one line that names the file and the field.
    """
    base = Path(str(shipped_folder("data/board"))) if folder is None else user_path(folder)
    path = base / BOARD_NAME
    content = read_toml(path)
    try:
        file = _BoardFile(**content)
        names = [entry.name for entry in file.links]
        for name in names:
            if names.count(name) > 1:
                raise invalid("links.name", name, "a name that no other link has")
        yardstick = Contender.parse(file.yardstick)
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}") from None
    links = tuple(_read_link(base, entry) for entry in file.links)
    return Board(file.title, file.version, yardstick, links, base)


def _read_link(base: Path, entry: _Entry) -> BoardLink:
    path = base / LINKS_FOLDER / f"{entry.name}.toml"
    scenario, plan = load_comparison(path)
    try:
        plan = adjust_plan(plan, contenders=[entry.reference])
        check_metric(plan.metric, scenario)
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}") from None
    (reference,) = plan.contenders
    values = plan.snr_db, plan.metric, plan.target, reference, entry.chunks
    return BoardLink(entry.name, entry.about, scenario, *values)


def digest_of(content: Any) -> str:
    """64 hex digits of SHA-256 over plain JSON values in one form."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
