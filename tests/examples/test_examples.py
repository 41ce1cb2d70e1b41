"""Every example runs, at a small setting, and comes to the conclusion that it shows."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def box_beats_lmmse(result: Any) -> bool:
    mine, linear = (result.curve(label).points[-1] for label in ("box-descent", "lmmse"))
    return mine.rate("ber") < linear.rate("ber")


def direct_path_costs(results: Any) -> bool:
    rates = (result.curve("lmmse").points[1].rate("ber") for result in results.values())
    recorded, rayleigh = rates
    return recorded > 1.5 * rayleigh


def soft_bits_survive(result: Any) -> bool:
    interval = result.curve("unquantised").points[0].interval("bler")
    return result.curve("eq-net 30 bit").points[0].rate("bler") < interval.high + 0.1


# name, arguments of its main() in a test, and what has to come out.
CASES: list[tuple[str, dict[str, Any], Callable[[Any], bool]]] = [
    ("recorded_channels", {"num_channels": 200, "min_errors": 100}, direct_path_costs),
    ("own_detector", {"min_errors": 400}, box_beats_lmmse),
    (
        "fine_tune_online",
        {"rounds": 1, "steps": 4, "snr_db": 4.0, "min_errors": 200},
        lambda rates: list(rates) == ["as trained", "after 4 steps", "wl-lmmse"],
    ),
    ("quantise_llrs_harq", {"snr_db": 8.0, "min_errors": 40}, soft_bits_survive),
    ("hybrid_beamformer", {"num_channels": 4}, lambda r: r["mmse-gd"] < r["svd-phase"]),
]


@pytest.mark.parametrize(("name", "small", "holds"), CASES, ids=[case[0] for case in CASES])
def test_example_runs(name, small, holds, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main = runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]
    assert holds(main(**small))
    assert capsys.readouterr().out.count("\n") >= 3


def test_every_example_is_tested():
    # One of them may have a test file of its own.
    own = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert {path.stem for path in EXAMPLES.glob("*.py")} <= {case[0] for case in CASES} | own
