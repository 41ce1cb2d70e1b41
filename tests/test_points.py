"""Constellations of any points: tables, brute force over all points, and files."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pytest
import torch

from mimolearn import Constellation, InvalidInputError, Scenario, load_results, simulate
from mimolearn.detection import GaussianDetection
from mimolearn.detectors import detector_class, detector_names, make_detector
from mimolearn.kernels.link import symbol_errors
from mimolearn.quantizers import make_quantizer

SETS = [Constellation(n) for n in Constellation.names() if not Constellation(n).is_separable]
by_set = pytest.mark.parametrize("c", SETS, ids=lambda c: c.name)
DIAMOND = [1, 1j, -1j, -1]


def estimates(c: Constellation, vectors: int = 17) -> tuple[torch.Tensor, torch.Tensor]:
    """(3, vectors, 5) noisy points, and one error variance a stream and block."""
    generator = torch.Generator().manual_seed(1)
    index = torch.randint(c.num_points, (3, vectors, 5), generator=generator)
    noise = torch.randn(3, vectors, 5, generator=generator, dtype=torch.complex64)
    error_var = 0.02 + torch.rand(3, 1, 5, generator=generator) / 5
    return c.map(index) + error_var.sqrt() * noise, error_var


def log_likelihoods(c: Constellation, x: torch.Tensor, error_var: torch.Tensor) -> torch.Tensor:
    points = c.points_as(torch.complex128)
    x = x.to(torch.complex128)
    return -(x.unsqueeze(-1) - points).abs().square() / error_var.double().unsqueeze(-1)


# Tables


def test_rings_have_the_radii_and_numbers_of_dvb_s2() -> None:
    rings = {"16-apsk": ([4, 12], [2.85]), "32-apsk": ([4, 12, 16], [2.84, 5.27])}
    for name, (numbers, ratios) in rings.items():
        radii = Constellation(name).points_as(torch.complex128).abs().sort().values
        starts = [sum(numbers[:i]) for i in range(len(numbers))]
        for start, number in zip(starts, numbers, strict=True):
            ring = radii[start : start + number]
            torch.testing.assert_close(ring, ring[:1].expand(number))
        for start, ratio in zip(starts[1:], ratios, strict=True):
            assert (radii[start] / radii[0]).item() == pytest.approx(ratio)


@pytest.mark.parametrize(("name", "mean"), [("8-psk", 1.0), ("16-apsk", 1.0), ("32-apsk", 1.25)])
def test_neighbours_on_a_ring_differ_in_one_bit(name: str, mean: float) -> None:
    """Of 32-APSK, which has no such labels, four pairs of the outer ring differ in two."""
    c = Constellation(name)
    points = c.points_as(torch.complex128)
    outer = torch.where(points.abs() > points.abs().max() - 1e-9)[0]
    ring = c.labels[outer[points[outer].angle().argsort()]].int()
    assert (ring != ring.roll(1, 0)).sum(-1).float().mean().item() == mean


def test_gray_labels_are_those_of_ieee_802_11() -> None:
    # IEEE 802.11, tables of the 16-QAM and 64-QAM encoding: input bits of I, level of I.
    levels = {
        "16-qam-gray": ["00", "01", "11", "10"],
        "64-qam-gray": ["000", "001", "011", "010", "110", "111", "101", "100"],
    }
    for name, labels in levels.items():
        c = Constellation(name)
        scale = math.sqrt(2 * (c.num_points - 1) / 3)
        for i, real in enumerate(labels):
            for j, imag in enumerate(labels):
                point = c.points_as(torch.complex128)[int(real + imag, 2)] * scale
                expected = complex(2 * i + 1 - len(labels), 2 * j + 1 - len(labels))
                assert point.item() == pytest.approx(expected)


@pytest.mark.parametrize(("name", "side", "corner"), [("32-qam", 6, 1), ("128-qam", 12, 2)])
def test_crosses_are_squares_without_corners(name: str, side: int, corner: int) -> None:
    c = Constellation(name)
    points = torch.view_as_real(c.points_as(torch.complex128)) / (c.min_distance() / 2)
    measured = {tuple(pair) for pair in points.round().int().tolist()}
    levels = range(1 - side, side, 2)
    inside = side - 2 * corner
    expected = {(x, y) for x in levels for y in levels if min(abs(x), abs(y)) < inside}
    assert measured == expected
    # 5 points of 4 in a row: no cross has a Gray code, this one is near.
    gaps = torch.cdist(points.double(), points.double())
    pairs = (gaps > 1) & (gaps < 2.1)
    differing = (c.labels.int().unsqueeze(1) != c.labels.int()).sum(-1)[pairs]
    assert differing.max() == 2
    assert differing.float().mean() < 1.2


@by_set
def test_sets_have_unit_energy_and_are_found_again(c: Constellation) -> None:
    points = c.points_as(torch.complex128)
    assert points.abs().square().mean().item() == pytest.approx(1, abs=1e-14)
    assert abs(points.mean().item()) < 1e-14
    assert Constellation.from_points((3 * points).tolist()) == c
    torch.testing.assert_close(c.bits_to_indices(c.labels), torch.arange(c.num_points))
    assert (c.num_levels, c.bits_per_axis, c.is_real) == (0, 0, False)


# Against sums over all points


@by_set
@pytest.mark.parametrize("method", ["exact", "max-log"])
@pytest.mark.parametrize("vectors", [1, 17])
def test_llrs_are_sums_over_all_points(c: Constellation, method: str, vectors: int) -> None:
    x, error_var = estimates(c, vectors)
    metric = log_likelihoods(c, x, error_var)
    reduce = torch.logsumexp if method == "exact" else torch.amax
    ones = c.labels.T.bool()
    expected = torch.stack(
        [reduce(metric[..., one], -1) - reduce(metric[..., ~one], -1) for one in ones], -1
    )
    compiled = GaussianDetection(c, x, error_var, method).llr()
    torch.testing.assert_close(compiled.double(), expected, atol=2e-3, rtol=1e-4)
    spread = GaussianDetection(c, x, error_var.expand(x.shape).contiguous(), method).llr()
    assert torch.equal(spread, compiled)
    torch.testing.assert_close(c.llr(x.to(torch.complex128), error_var.double(), method), expected)


@by_set
def test_nearest_points_and_means_are_those_of_all_points(c: Constellation) -> None:
    x, error_var = estimates(c)
    metric = log_likelihoods(c, x, error_var)
    indices = metric.argmax(-1)
    assert torch.equal(symbol_errors.nearest(c, x), indices)
    assert torch.equal(c.nearest(x), indices)
    weights = torch.softmax(metric, -1)
    points = c.points_as(torch.complex128)
    mean, var = c.posterior(x.to(torch.complex128), error_var.double())
    torch.testing.assert_close(mean, weights.to(points.dtype) @ points)
    second = weights @ points.abs().square()
    torch.testing.assert_close(var, second - mean.abs().square(), atol=1e-12, rtol=1e-9)
    nothing = torch.full((3,), complex("nan"), dtype=torch.complex64)
    assert symbol_errors.nearest(c, nothing).tolist() == [0, 0, 0]


def test_extreme_estimates_give_finite_llrs() -> None:
    c = Constellation("32-apsk")
    x = torch.tensor([[[1e30 + 0j, -1e-30j]]], dtype=torch.complex64)
    for error_var in (1e-38, 1e30):
        llr = GaussianDetection(c, x, torch.full((1, 1, 2), error_var)).llr()
        assert torch.isfinite(llr).all()
    assert torch.isnan(GaussianDetection(c, x * math.nan, torch.ones(1, 1, 2)).llr()).all()


# Detectors


@pytest.mark.parametrize("name", detector_names())
def test_every_detector_takes_any_points_or_refuses_them_in_one_line(name: str) -> None:
    """The same points under other labels: decisions must be the same points."""
    cls = detector_class(name)
    options = {"num_tx_ant": 2} if "num_tx_ant" in cls.option_names() else {}
    if not cls.any_points:
        with pytest.raises(InvalidInputError) as caught:
            make_detector(name, "16-qam-gray", **options)
        message = str(caught.value)
        expected = f"expected separable axes for {name!r}"
        assert message.startswith(f"constellation: got '16-qam-gray', {expected}")
        assert "\n" not in message
        return
    ours, theirs = (make_detector(name, c, **options) for c in ("16-qam", "16-qam-gray"))
    link = Scenario(num_tx_ant=2, num_rx_ant=4, constellation="16-qam", channel_reuse=3)
    block = link.draw(12.0, 40, torch.Generator().manual_seed(5))
    inputs = block.y, block.h, block.noise_var
    with torch.no_grad():
        first, second = ours(*inputs), theirs(*inputs)
        prepared = theirs.detect(theirs.prepare(*inputs[1:]), block.y)
    points = [d.constellation.map(d.indices()) for d in (first, second, prepared)]
    for other in points[1:]:
        # Rounding may turn the odd decision of an estimate between two points.
        assert (points[0] - other).abs().gt(1e-3).float().mean() < 0.01
    if ours.soft:
        # Both say the same of every point.
        indices = Constellation("16-qam-gray").nearest(Constellation("16-qam").points)
        soft = [d.soft_symbols() for d in (first, second)]
        torch.testing.assert_close(soft[0], soft[1], atol=5e-3, rtol=1e-3)
        assert indices.unique().numel() == 16
        assert second.llr().shape == (40, 3, 2, 4)


def test_ml_is_brute_force_over_any_points() -> None:
    link = Scenario(num_tx_ant=2, num_rx_ant=3, constellation="8-psk")
    block = link.draw(8.0, 30, torch.Generator().manual_seed(2))
    c = link.points()
    pairs = torch.cartesian_prod(torch.arange(8), torch.arange(8))
    sent = c.map(pairs) @ block.h.mT
    metric = -(block.y - sent).abs().square().sum(-1) / block.noise_var.unsqueeze(-1)
    detection = make_detector("ml", "8-psk")(block.y, block.h, block.noise_var)
    assert torch.equal(detection.indices().squeeze(1), pairs[metric.argmax(-1)])
    bits = c.labels[pairs].flatten(1).bool()
    expected = torch.stack(
        [metric[:, one].logsumexp(-1) - metric[:, ~one].logsumexp(-1) for one in bits.T], -1
    )
    torch.testing.assert_close(detection.llr().flatten(1), expected, atol=1e-3, rtol=1e-3)


def test_one_stream_of_psk_has_its_known_error_rate() -> None:
    """Craig 1991: P = 1/pi int_0^(pi - pi/M) exp(-snr sin^2(pi/M) / sin^2 t) dt, in fading."""
    link = Scenario(num_tx_ant=1, num_rx_ant=1, constellation="8-psk")
    point = simulate(link, ["mrc"], [10.0], min_errors=2000, metric="ser").curves[0].points[0]
    angles = torch.linspace(1e-6, math.pi * 7 / 8, 200_001, dtype=torch.float64)
    shift = 10 * math.sin(math.pi / 8) ** 2
    integrand = 1 / (1 + shift / angles.sin().square())
    exact = torch.trapezoid(integrand, angles).item() / math.pi
    low, high = point.interval("ser", 0.999)
    assert low < exact < high


# Points of a user


@pytest.mark.parametrize(
    ("points", "labels", "message"),
    [
        ([1, -1, 2j], None, "points: got <3 points>, expected a power of two"),
        ([1, 1, -1, -1], None, "points: got <1+0j twice>, expected points that differ"),
        ([1, 2], None, "points: got <mean 1.5+0j>, expected a mean of 0"),
        (["a", "b"], None, "points: got ['a', 'b'], expected complex numbers"),
        (DIAMOND, ["00", "01", "10"], "labels: got <3 labels>, expected 4"),
        (DIAMOND, ["00", "01", "10", "10"], "labels: got <3 different ones>"),
        (DIAMOND, ["00", "01", "10", "x"], "labels: got 'x', expected 2 bits, or a number"),
    ],
)
def test_points_that_are_none_are_one_line(points, labels, message: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Constellation.from_points(points, labels)
    assert str(caught.value).startswith(message)


def test_labels_are_read_as_bits_or_numbers() -> None:
    expected = Constellation.from_points([-1j, 1j, 1, -1])
    for labels in (["10", "01", "00", "11"], [2, 1, 0, 3], [[1, 0], [0, 1], [0, 0], [1, 1]]):
        assert Constellation.from_points(DIAMOND, labels) == expected
    assert expected != Constellation.from_points(DIAMOND)
    assert expected.min_distance() == pytest.approx(math.sqrt(2))


def test_a_file_of_points_is_part_of_the_scenario(tmp_path: Path) -> None:
    rows = [f"{i:02b},{2 * p.real},{2 * p.imag}" for i, p in enumerate(map(complex, DIAMOND))]
    (tmp_path / "diamond.csv").write_text("label,real,imag\n" + "\n".join(reversed(rows)) + "\n")
    text = 'num_tx_ant = 1\nnum_rx_ant = 2\n[constellation]\npoints = "diamond.csv"\n'
    (tmp_path / "link.toml").write_text(text)
    link = Scenario.from_toml(tmp_path / "link.toml")
    assert link.points() == Constellation.from_points(DIAMOND)
    assert link.points().name == "diamond"
    assert repr(link.constellation) == "PointTable('diamond', 4 points)"
    assert str(tmp_path) not in link.to_toml()
    assert Scenario(**tomllib.loads(link.to_toml())) == link
    named = link.with_(constellation=Constellation.from_points([2 * p for p in DIAMOND], name="x"))
    assert named.key() == link.key()
    store = tmp_path / "results.sqlite"
    result = simulate(link, ["lmmse", "ml"], [4.0], min_errors=100, store=store)
    (tmp_path / "diamond.csv").unlink()
    loaded = load_results(store)
    assert loaded.scenario == link
    assert loaded.curves[1].points[0].counts == result.curves[1].points[0].counts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,1\n1", "rows of: label, real part, imaginary part"),
        ("00,1,0\n01,x,0\n", "points: got 'x', expected a finite number in"),
    ],
)
def test_a_damaged_file_of_points_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "points.csv").write_text(text)
    for name in ("points.csv", "absent.csv"):
        with pytest.raises(InvalidInputError) as caught:
            Scenario(num_tx_ant=1, num_rx_ant=2, constellation={"points": str(tmp_path / name)})
        expected = message if name == "points.csv" else "cannot be read: No such file"
        assert expected in str(caught.value)
        assert "\n" not in str(caught.value)


def test_points_without_a_name_train_and_quantise_nothing() -> None:
    c = Constellation.from_points(DIAMOND)
    assert make_quantizer("uniform", c, bits=3).bits_per_llr == 3
    with pytest.raises(InvalidInputError, match="expected separable axes for 'deep-llr'"):
        make_quantizer("deep-llr", c)
