"""A training says how its network stands beside the classical receiver of its scenario."""

from __future__ import annotations

import pytest

from mimolearn import make_detector
from mimolearn.training import BesideClassical, beside_classical, measure


def test_the_linear_receiver_is_measured_on_the_same_draws(recipe):
    plan = recipe(measure={"snr_db": [-6.0, 0.0, 40.0], "channels": 64})
    link = plan.scenario
    linear = measure(make_detector("wl-lmmse", "bpsk"), link, plan.measure, plan.seed)
    beside = beside_classical(plan, linear)
    assert beside is not None
    # Bit for bit the same receiver; where nothing is wrong nothing can be told.
    assert (beside.name, beside.snr_db) == ("wl-lmmse", 0.0)
    assert beside.errors == beside.classical_errors >= 20
    assert beside.bits == 64 * plan.measure.vectors * 4
    assert str(beside).endswith("about as good as wl-lmmse, which needs no training.")
    worse = measure(make_detector("mrc", "bpsk"), link, plan.measure, plan.seed)
    assert "times the errors of wl-lmmse; train on." in str(beside_classical(plan, worse))
    assert beside_classical(plan, ()) is None


@pytest.mark.parametrize(
    ("errors", "classical", "said"),
    [
        (280, 20, "14 times the errors of lmmse; train on."),
        (20, 280, "lmmse makes 14 times as many errors."),
        (3, 7, "too few errors to tell them apart."),
        (50, 0, "50 times the errors of lmmse; train on."),
    ],
)
def test_words(errors, classical, said):
    assert str(BesideClassical("lmmse", 12.0, errors, classical, 10_000)).endswith(said)
