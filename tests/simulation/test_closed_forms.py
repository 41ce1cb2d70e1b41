"""Simulated rates against closed forms, all points judged together."""

import math

import numpy as np
import pytest

from mimolearn.link.scenario import Scenario
from mimolearn.studies import simulate

# One false alarm in a thousand runs of the whole table.
FALSE_ALARM = 1e-3


def bpsk_over_branches(branches, snr_db):
    """BPSK, one stream, L Rayleigh branches, maximum-ratio combining (Proakis, eq. 14.4-15)."""
    snr = 10 ** (snr_db / 10)
    mu = math.sqrt(snr / (1 + snr))
    return ((1 - mu) / 2) ** branches * sum(
        math.comb(branches - 1 + k, k) * ((1 + mu) / 2) ** k for k in range(branches)
    )


def cases():
    """(scenario, contender, metric, SNRs, exact rate as a function of SNR in dB)."""
    for branches in (1, 2, 3, 4, 6):
        single = {"num_tx_ant": 1, "num_rx_ant": branches, "snr_definition": "per_stream"}

        def bpsk(snr_db, branches=branches):
            return bpsk_over_branches(branches, snr_db)

        def qpsk(snr_db, branches=branches):
            # A Gray-mapped axis has half the power and half the noise.
            return bpsk_over_branches(branches, snr_db - 10 * math.log10(2))

        levels = [float(s) for s in np.linspace(-4, 14 / branches, 6)]
        yield Scenario(constellation="bpsk", **single), "mrc", levels, bpsk
        yield Scenario(constellation="qpsk", **single), "lmmse", levels, qpsk
    for num_rx, num_tx in ((2, 2), (4, 2), (4, 4), (6, 3)):
        # Zero forcing leaves each stream Nr - Nt + 1 branches (Winters, Salz and Gitlin 1994).
        def streams(snr_db, order=num_rx - num_tx + 1):
            return bpsk_over_branches(order, snr_db)

        levels = [float(s) for s in np.linspace(-2, 8, 10)]
        scenario = Scenario(
            num_tx_ant=num_tx,
            num_rx_ant=num_rx,
            constellation="bpsk",
            snr_definition="per_stream",
        )
        yield scenario, "zf", levels, streams


@pytest.mark.soak
def test_every_point_meets_its_closed_form(trials):
    """Each interval at the level that leaves FALSE_ALARM to the whole table (Bonferroni)."""
    table = list(cases())
    points = sum(len(levels) for _, _, levels, _ in table)
    assert points == 100
    errors = trials(f"errors at each of {points} closed-form points, corrected", 200, 5_000)
    missed = []
    for scenario, contender, levels, exact in table:
        run = simulate(scenario, [contender], levels, min_errors=errors, max_vectors=10**8, floor=0)
        for point in run.curves[0].points:
            low, high = point.interval("ber", 1 - FALSE_ALARM / points)
            if not low <= exact(point.snr_db) <= high:
                missed.append((scenario.constellation, contender, point.snr_db, low, high))
    assert not missed
