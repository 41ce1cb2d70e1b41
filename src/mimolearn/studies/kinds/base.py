"""What a kind of study is: how its chunks are drawn and measured, and how results are packed."""

from __future__ import annotations

import copy
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Protocol, Self

from mimolearn.foundation.errors import InvalidInputError


class Task(NamedTuple):
    """One chunk: canonical SNR, its number, and which contenders (by position) still need it."""

    snr: str
    chunk: int
    contenders: tuple[int, ...]


class Result(Protocol):
    """What one contender gave on one chunk, or on several that are joined."""

    @property
    def channels(self) -> int:
        """Channels that it is of."""
        ...

    def pack(self) -> bytes:
        """The result as bytes, as a results file and its checksums take it."""
        ...

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Inverse of ``pack``; ValueError for bytes that it did not make."""
        ...

    @classmethod
    def join(cls, parts: Sequence[Any]) -> Self:
        """At least one chunk, one behind the other."""
        ...

    def same(self, other: Any) -> bool:
        """Whether two results say the same."""
        ...


class Competitor(Protocol):
    """A contender as plain values."""

    @property
    def label(self) -> str:
        """What people read."""
        ...

    @property
    def is_object(self) -> bool:
        """True where no plain values tell how to build it."""
        ...

    def key(self) -> str:
        """What its results are stored under."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values that ``from_dict`` of its class reads back."""
        ...


class Kind(ABC):
    """Contenders on a scenario, and how they are measured there.

    name: what a results file and a worker know the kind by. words: what messages call its results.
    result: the class of its results. shares_draws: True where one task serves all contenders,
    because drawing costs as much as measuring; else every contender has tasks of its own.
    scenario, contenders: what is measured. keys: of the contenders. study_key: what all results
    are stored under.
    """

    name: ClassVar[str]
    words: ClassVar[str]
    result: ClassVar[type[Result]]
    shares_draws: ClassVar[bool] = True

    def __init__(self, scenario: Any, contenders: Sequence[Any]) -> None:
        self.scenario = scenario
        self.contenders: tuple[Competitor, ...] = tuple(contenders)
        self.keys = tuple(contender.key() for contender in self.contenders)
        self.study_key = self._study_key()

    @cached_property
    def built(self) -> list[Any]:
        """What the contenders stand for, each built and checked once.

        Raises InvalidInputError, one line, for one that cannot run here.
        """
        return self._build()

    def alone(self, contender: int) -> Self:
        """The same study with one of its contenders, which is not built again.

        Args:
            contender: its position.
        """
        kind = copy.copy(self)
        kind.contenders, kind.keys = (self.contenders[contender],), (self.keys[contender],)
        kind.built = [self.built[contender]]
        return kind

    @property
    @abstractmethod
    def chunk_channels(self) -> int:
        """Channels in a chunk."""

    @property
    def chunk_vectors(self) -> int:
        """Vectors in a chunk; channels, where no vectors are counted."""
        return self.chunk_channels

    @abstractmethod
    def measure(self, task: Task) -> list[Any]:
        """Draw a chunk; one result for each of the task's contenders, in their order."""

    @abstractmethod
    def _build(self) -> list[Any]:
        """Build and check the contenders."""

    def _study_key(self) -> str:
        return self.scenario.key()

    @classmethod
    @abstractmethod
    def scenario_from(cls, content: Mapping[str, Any]) -> Any:
        """The scenario of a kind from plain values."""

    @classmethod
    @abstractmethod
    def contender_from(cls, content: Mapping[str, Any]) -> Any:
        """A contender of a kind from plain values."""

    def to_text(self) -> tuple[str, str, str]:
        """(name, scenario, contenders): plain text, from which workers make the kind again.

        Raises InvalidInputError for a contender that cannot be built from text.
        """
        for contender in self.contenders:
            if contender.is_object:
                raise InvalidInputError(
                    f"workers: contender {contender.label!r} is a detector object, which cannot "
                    "be sent to worker processes; use workers=1"
                )
        content = [contender.to_dict() for contender in self.contenders]
        return self.name, self.scenario.model_dump_json(), json.dumps(content)

    @classmethod
    def from_text(cls, scenario: str, contenders: str) -> Self:
        """From what ``to_text`` gave, with everything built."""
        parsed = [cls.contender_from(content) for content in json.loads(contenders)]
        kind = cls(cls.scenario_from(json.loads(scenario)), parsed)
        assert len(kind.built) == len(parsed)
        return kind
