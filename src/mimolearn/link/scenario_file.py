"""What scenarios of all kinds have in common: they are TOML files with a ``[run]`` table beside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field

from mimolearn.constellation import PointTable
from mimolearn.constellation.given import with_points_from
from mimolearn.foundation.errors import InvalidInputError, user_path
from mimolearn.foundation.plainmodel import Count, PlainModel
from mimolearn.foundation.shipped import read_shipped_toml
from mimolearn.foundation.tomlfile import read_toml, write_toml
from mimolearn.link.channels import with_paths_from


class ScenarioFile(PlainModel):
    """A scenario as a TOML file.

    Attributes:
        name: a title for people, at most 80 characters; not part of the key.
        replicate: 1 (default), or the number of an independent repetition: it draws other channels,
            symbols and noise, and its results have a key of their own.
    """

    shipped_in: ClassVar[str] = "data/scenarios"
    """Folder of the package that holds the shipped ones."""

    name: Annotated[str, Field(max_length=80)] = ""
    replicate: Annotated[Count, Field(le=1_000_000)] = 1

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read a scenario file and ignore its ``[run]`` table.

        Args:
            path: of the TOML file. A relative path of recorded channels starts at its folder.

        Raises:
            InvalidInputError: for a file that is missing or not such a scenario.
        """
        return cls.from_content(read_toml(path), str(path), user_path(path).parent)

    @classmethod
    def shipped(cls, name: str) -> Self:
        """Load a scenario that comes with the library.

        Args:
            name: of the scenario; ``mimolearn list scenarios`` has all.

        Raises:
            InvalidInputError: for a name that does not exist, or of another kind of scenario.
        """
        return cls.from_content(read_shipped_toml("scenario", cls.shipped_in, name), name)

    @classmethod
    def from_content(cls, content: dict[str, Any], source: str, folder: str | Path = ".") -> Self:
        """Build a scenario from a parsed file.

        Args:
            content: the parsed TOML; its ``[run]`` table is ignored.
            source: the name of the file in errors.
            folder: where a relative path of recorded channels starts; default ".".

        Raises:
            InvalidInputError: for content that is not such a scenario.
        """
        fields = {key: value for key, value in content.items() if key != "run"}
        try:
            return cls(**with_paths_from(with_points_from(fields, Path(folder)), Path(folder)))
        except InvalidInputError as error:
            raise InvalidInputError(f"{source}: {error}") from None

    def _key_fields(self, left_out: dict[str, Any]) -> dict[str, Any]:
        """Return the fields that decide what is drawn and received, as plain JSON values.

        Args:
            left_out: further fields that are in no key, as pydantic's ``exclude``.
        """
        not_in_key = {"name": True, **left_out}
        if isinstance(getattr(self, "constellation", None), PointTable):
            not_in_key["constellation"] = {"name"}
        if self.replicate == 1:
            # Older keys do not have it.
            not_in_key["replicate"] = True
        return self.model_dump(mode="json", exclude=not_in_key)

    def to_toml(self) -> str:
        """Return TOML text that ``from_toml`` reads back to an equal scenario."""
        return write_toml(self.model_dump(mode="json", exclude_none=True))
