"""SNRs that are chosen around the target."""

from __future__ import annotations

import json

import pytest

from mimolearn import InvalidInputError, RunPlan, Scenario, simulate
from mimolearn.cli.app import _run
from mimolearn.studies import snr_around_target

LINK = Scenario(num_tx_ant=2, num_rx_ant=4, constellation="qpsk")


@pytest.mark.parametrize("target", [0.1, 1e-3])
def test_the_target_is_crossed_inside(target):
    plan = RunPlan(contenders=["zf", "lmmse"], target=target)
    chosen = snr_around_target(LINK, plan)
    assert chosen == snr_around_target(LINK, plan)
    assert 4 <= len(chosen) <= 9
    result = simulate(LINK, plan=plan, snr_db=chosen, max_vectors=200_000)
    for label in ("zf", "lmmse"):
        estimate = result.required_snr(label)
        assert estimate.value_db is not None
        assert chosen[0] < estimate.value_db < chosen[-1]


def test_a_curve_with_an_error_floor_has_no_say():
    floored = LINK.with_(csi={"error_var": 0.5}, constellation="256-qam")
    with pytest.raises(InvalidInputError, match=r"^snr_db: got 'auto', but no contender cross"):
        snr_around_target(floored, RunPlan(contenders=["zf"]))


def test_the_command_line_takes_auto(tmp_path, capsys):
    words = ["simulate", "-s", "oamp-4x4-16qam", "-c", "zf", "--snr-db", "auto", "--target", "0.05"]
    words += ["--min-errors", "50", "--json", "-q", "-o", str(tmp_path)]
    assert _run(words, debug=False) == 0
    (curve,) = json.loads(capsys.readouterr().out)["curves"]
    assert curve["required_snr"]["value_db"] is not None
