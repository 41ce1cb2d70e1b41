"""How beamformers are run: SNRs, contenders, channels. The ``[run]`` table of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, field_validator

from mimolearn.foundation.plainmodel import Count, PlainModel
from mimolearn.foundation.tomlfile import read_toml
from mimolearn.link.beam_scenario import BeamScenario, read_shipped_beams
from mimolearn.plans.beam_contender import BeamContender, unique_beam_contenders
from mimolearn.plans.plan import parse_snr_db, read_run_table


class BeamPlan(PlainModel):
    """How a scenario is run: its ``[run]`` table.

    snr_db: SNRs of the scenario. contenders: what is compared. channels: drawn once, the same for
    all contenders and SNRs; rounded up to whole chunks of 64.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    snr_db: tuple[float, ...] = (5.0, 15.0, 25.0)
    contenders: tuple[BeamContender, ...] = ()
    channels: Annotated[Count, Field(le=1_000_000)] = 256

    @field_validator("snr_db", mode="before")
    @classmethod
    def _read_snr_db(cls, value: object) -> tuple[float, ...]:
        return parse_snr_db(value)

    @field_validator("contenders", mode="before")
    @classmethod
    def _read_contenders(cls, value: object) -> tuple[BeamContender, ...]:
        return unique_beam_contenders(value)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; ``from_dict`` reads them back."""
        content = self.model_dump(mode="json", exclude={"contenders"})
        return {**content, "contenders": [contender.to_dict() for contender in self.contenders]}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> BeamPlan:
        """Inverse of ``to_dict``."""
        contenders = [BeamContender.from_dict(item) for item in content["contenders"]]
        return cls(**{**content, "contenders": contenders})

    def adjusted(self, **fields: Any) -> BeamPlan:
        """With fields replaced; None leaves a field as it is."""
        kept = {name: getattr(self, name) for name in type(self).model_fields}
        return BeamPlan(**kept | {k: v for k, v in fields.items() if v is not None})


def load_beam_comparison(source: str | Path) -> tuple[BeamScenario, BeamPlan]:
    """A scenario file with its ``[run]`` table, or one that ships, by name.

    Raises InvalidInputError, one line naming the file and the field.
    """
    name = str(source)
    content = read_toml(source) if name.endswith(".toml") else read_shipped_beams(name)
    scenario = BeamScenario.from_content(content, name, Path(source).parent)
    return scenario, read_run_table(BeamPlan, content, name)
