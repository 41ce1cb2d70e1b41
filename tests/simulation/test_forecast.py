"""Forecasts against closed forms, and against the run that they foretell."""

import math

import pytest

from mimolearn import InvalidInputError
from mimolearn.link.scenario import Scenario
from mimolearn.studies import Contender, forecast, simulate

FADING = Scenario(num_tx_ant=1, num_rx_ant=2, constellation="bpsk", snr_definition="per_stream")


def two_branch_ber(snr_db):
    """BPSK over two Rayleigh branches (Proakis, eq. 14.4-15)."""
    snr = 10 ** (snr_db / 10)
    mu = math.sqrt(snr / (1 + snr))
    return ((1 - mu) / 2) ** 2 * (2 + mu)


def test_fading_link_to_a_rate_that_the_pilot_cannot_see():
    found = forecast(FADING, ["mrc"], range(0, 13, 3), target_error=1e-6, pilot_s=0.3)
    (curve,) = found.curves
    assert curve.measured_rate == pytest.approx(two_branch_ber(curve.measured_snr_db), rel=0.5)
    exact = next(s for s in (k / 100 for k in range(5000)) if two_branch_ber(s) < 1e-6)
    assert curve.required_snr_db.low < exact < curve.required_snr_db.high + 1.0
    assert found.max_vectors == 100 * 10**6
    assert found.snr_db[-1] >= exact - 1.0


def test_forecast_is_what_the_run_takes():
    snrs = [0, 3, 6, 9, 12, 15, 18]
    found = forecast(FADING, ["mrc", "zf"], snrs, target_error=1e-3, min_errors=400, pilot_s=0.2)
    run = simulate(
        FADING,
        ["mrc", "zf"],
        found.snr_db,
        target=1e-3,
        min_errors=400,
        max_vectors=found.max_vectors,
    )
    for curve in found.curves:
        points = run.curve(curve.label).points
        taken = sum(point.counts.vectors for point in points)
        # A run ends with whole chunks.
        rounding = sum(point.counts.vectors / point.counts.chunks for point in points)
        assert curve.vectors.low * 0.6 < taken < curve.vectors.high * 1.6 + rounding
    alone = [curve.cpu_s.high for curve in found.curves]
    assert max(alone) * 0.99 <= found.cpu_s.high <= sum(alone) * 1.01
    assert found.machines(hours=1e-9, processors=1) > found.machines(hours=1, processors=1) == 1


def test_curve_that_does_not_fall_is_named():
    found = forecast(FADING, ["mrc"], [60, 63], pilot_s=0.05)
    assert found.unknown == ("mrc",)
    assert found.curves[0].note.startswith("no falling curve in the pilot")
    assert found.snr_db == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target_error": 0.0}, "target_error: got 0.0"),
        ({"target_error": 2.0}, "target_error: got 2.0"),
        ({"pilot_s": -1.0}, "pilot_s: got -1.0"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(InvalidInputError, match=message):
        forecast(FADING, ["mrc"], [0], **options)


def test_each_contender_is_built_once(monkeypatch):
    built = []
    build = Contender.build

    def spy(self, *arguments):
        built.append(self.label)
        return build(self, *arguments)

    monkeypatch.setattr(Contender, "build", spy)
    forecast(FADING, ["mrc", "zf"], [0, 3], target_error=1e-2, pilot_s=0.05)
    assert built == ["mrc", "zf"]
