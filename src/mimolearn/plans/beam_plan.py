"""How beamformers are run: SNRs, contenders, channels. The ``[run]`` table of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, field_validator

from mimolearn.foundation.errors import user_path
from mimolearn.foundation.plainmodel import Count, PlainModel
from mimolearn.foundation.tomlfile import is_toml_file, read_toml
from mimolearn.link.beam_scenario import BeamScenario, read_shipped_beams
from mimolearn.plans.beam_contender import BeamContender, unique_beam_contenders
from mimolearn.plans.plan import adjust_plan, parse_snr_db, read_run_table


class BeamPlan(PlainModel):
    """How a scenario is run: its ``[run]`` table.

    Attributes:
        snr_db: SNRs in dB, of the scenario's own definition.
        contenders: what is compared.
        channels: drawn once, the same for all contenders and SNRs; rounded up to whole chunks of
            64.
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
        """Inverse of ``to_dict``.

        Args:
            content: what ``to_dict`` gave.
        """
        contenders = [BeamContender.from_dict(item) for item in content["contenders"]]
        return cls(**{**content, "contenders": contenders})


def load_beam_comparison(source: str | Path, **fields: Any) -> tuple[BeamScenario, BeamPlan]:
    """A scenario of beamformers, and the one plan by which it is run.

    Args:
        source: a TOML file with a ``[run]`` table (optional), or the name of one that ships.
        **fields: new values of the plan, by field; None leaves a field as it is.

    Returns:
        (scenario, plan).

    Raises:
        InvalidInputError: one line that names the file and the field.
    """
    name = str(source)
    content = read_toml(source) if is_toml_file(source) else read_shipped_beams(name)
    scenario = BeamScenario.from_content(content, name, user_path(source).parent)
    return scenario, adjust_plan(read_run_table(BeamPlan, content, name), **fields)
