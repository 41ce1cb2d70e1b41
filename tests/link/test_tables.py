"""The tables [frame], [pilots], [interference] and [estimator] as fields of a model."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.foundation.plainmodel import PlainModel
from mimolearn.foundation.tomlfile import write_toml
from mimolearn.link.estimators import AnyEstimator, LsLinear, Perfect, Wiener
from mimolearn.link.frames import (
    AnyFrame,
    AnyPilots,
    CombPilots,
    DmrsPilots,
    Interference,
    NrPusch,
    PlainGrid,
)


class Tables(PlainModel):
    """A part of a scenario."""

    frame: AnyFrame
    pilots: AnyPilots = DmrsPilots()
    interference: Interference | None = None
    estimator: AnyEstimator = Perfect()


UPLINK = """
[frame]
standard = "nr-pusch"
num_ues = 2
num_prb = 8
subcarrier_spacing_khz = 30
mcs = 14
mcs_table = 1
ue_power_db = [0, -3.5]
[pilots]
dmrs_type = 1
dmrs_length = 2
additional_positions = 1
[interference]
num = 1
inr_db = 10
[estimator]
name = "wiener"
statistics = "flat"
max_delay_s = 2e-6
covariance = "residual"
covariance_prb = 2
"""
PLAIN = """
[frame]
standard = "grid"
num_symbols = 14
num_subcarriers = 52
subcarrier_spacing_khz = 312.5
cyclic_prefix_s = 0.8e-6
[pilots]
pattern = "comb"
symbols = [0, 7]
spacing = 4
[estimator]
name = "ls-linear"
reuse_subcarriers = 4
"""


def test_tables_are_read_and_written() -> None:
    uplink, plain = (Tables(**tomllib.loads(text)) for text in (UPLINK, PLAIN))
    assert uplink.frame == NrPusch(num_ues=2, num_prb=8, ue_power_db=(0, -3.5))
    assert uplink.pilots == DmrsPilots(dmrs_length=2)
    assert isinstance(uplink.estimator, Wiener)
    assert isinstance(plain.frame, PlainGrid)
    assert plain.pilots == CombPilots(symbols=(0, 7), spacing=4)
    assert plain.estimator == LsLinear(reuse_subcarriers=4)
    for tables in (uplink, plain):
        text = write_toml(tables.model_dump(mode="json"))
        assert Tables(**tomllib.loads(text)) == tables
        assert hash(tables.estimator) == hash(tables.estimator.model_copy())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("num_prb = 8", "num_prb = 300", "frame.num_prb: got 300, expected a value at most 275"),
        ("num_prb = 8", "prb = 8", "frame.prb: unknown key"),
        ("mcs = 14", "mcs = 29", "frame.mcs: got 29, expected a value at most 28"),
        ('"nr-pusch"', '"lte"', "frame.standard: got 'lte', expected one of nr-pusch, grid"),
        ("dmrs_type = 1", "dmrs_type = 3", "pilots.dmrs_type: got 3, expected 1 or 2"),
        ("dmrs_type = 1", 'pattern = "comp"', "pilots.pattern: got 'comp', expected one of dmrs"),
        ("additional_positions = 1", "additional_positions = 2", "pilots.additional_positions"),
        ("[0, -3.5]", "[0]", "frame.ue_power_db: got [0.0], expected 2 numbers"),
        ('"wiener"', '"winer"', "estimator.name: got 'winer', expected one of perfect"),
        ('statistics = "flat"', 'statistics = "true"', "estimator.max_delay_s: got 2e-06"),
        ("inr_db = 10", "inr_db = true", "interference.inr_db: got True"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(old: str, new: str, message: str) -> None:
    assert old in UPLINK
    content: dict[str, Any] = tomllib.loads(UPLINK.replace(old, new))
    with pytest.raises(InvalidInputError) as error:
        Tables(**content)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
