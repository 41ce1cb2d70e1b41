"""K-best: the MMSE tree without its bias, and the list that it leaves."""

import math

import pytest
import torch

from mimolearn import InvalidInputError, Scenario, make_detector
from mimolearn.detectors.search.k_best import KBest
from mimolearn.link.randomness import CounterGenerator

# constellation, Nt, Nr, SNR in dB
SYSTEMS = [("bpsk", 4, 2, 3.0), ("qpsk", 3, 4, 5.0), ("16-qam", 3, 2, 14.0), ("64-qam", 2, 2, 20.0)]


def draw(constellation, nt, nr, snr_db, channels, seed=11, **options):
    scenario = Scenario(
        num_tx_ant=nt,
        num_rx_ant=nr,
        constellation=constellation,
        snr_definition="received",
        **options,
    )
    return scenario.draw(snr_db, channels, torch.Generator().manual_seed(seed), torch.complex128)


def symbols(constellation, levels):
    """(..., A) levels -> (...) complex."""
    values = constellation.axis(torch.float64).levels[levels.to(torch.int64)]
    return torch.view_as_complex(torch.nn.functional.pad(values, (0, 2 - values.shape[-1])))


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize(("name", "nt", "nr", "snr_db"), SYSTEMS)
def test_the_list_has_distances_and_the_evidence_in_one_unit(name, nt, nr, snr_db, dtype):
    block = draw(name, nt, nr, snr_db, 20, channel_reuse=3)
    detector = KBest(name, k=12)
    given = block.y.to(dtype), block.h.to(dtype), block.noise_var.to(dtype.to_real())
    found, c = detector.survivors(*given), detector.constellation
    axes = 1 if c.is_real else 2
    assert found.metrics.shape == (20, 3, 12)
    assert found.metrics.dtype == dtype.to_real()
    assert found.levels.shape == (20, 3, 12, nt, axes)
    x = symbols(c, found.levels)
    rest = block.y.unsqueeze(-2) - x @ block.h.mT.unsqueeze(-3)
    exact = rest.abs().square().sum(-1) / block.noise_var[:, None, None]
    tol = 1e-9 if dtype == torch.complex128 else 1e-3
    shared = (exact - found.metrics).mean(-1, keepdim=True)
    torch.testing.assert_close(found.metrics.double() + shared, exact, rtol=0, atol=tol)
    # All different, and the nearest of them is the decision.
    assert (x.unsqueeze(-2) != x.unsqueeze(-3)).any(-1).sum((-1, -2)).eq(12 * 11).all()
    nearest = x.gather(-2, found.metrics.argmin(-1)[..., None, None].expand(-1, -1, 1, nt))
    assert torch.equal(c.nearest(nearest.squeeze(-2)), detector(*given).indices())
    # p(y) of a Gaussian x over p(y|x=0) e^{|y|^2/noise_var}, times the number of vectors.
    h, y = block.h, block.y
    h = torch.cat([h.real, h.imag], -2)
    if axes == 2:
        h = torch.cat([h, torch.cat([-block.h.imag, block.h.real], -2)], -1)
    y = torch.cat([y.real, y.imag], -1)
    noise = block.noise_var[:, None, None] / 2
    covariance = h @ h.mT / axes + noise * torch.eye(2 * nr)
    power = (y @ torch.linalg.inv(covariance) * y).sum(-1) / 2
    log_p = (2 * nr * noise.log()[:, 0] - torch.linalg.slogdet(covariance)[1][:, None]) / 2 - power
    expected = log_p + nt * axes * math.log(c.num_levels) + shared.squeeze(-1)
    torch.testing.assert_close(found.log_evidence.double(), expected, rtol=0, atol=tol)


def test_the_evidence_is_close_to_the_sum_over_all_vectors():
    """At low SNR, where levels are as good as Gaussian."""
    block = draw("64-qam", 2, 2, -12.0, 30)
    found = KBest("64-qam", k=4096).survivors(block.y, block.h, block.noise_var)
    total = torch.logsumexp(-found.metrics, -1)
    torch.testing.assert_close(found.log_evidence, total, rtol=0, atol=0.02)


def test_few_survivors_are_enough():
    """Ratios that the plain triangle misses by far: it makes 1.3 to 14 times the errors of ML."""
    cases = (("16-qam", 8, 8, 20.0, 8000, 16, 1.03), ("64-qam", 4, 4, 29.0, 5000, 32, 1.03))
    for name, nt, nr, snr_db, channels, k, most in cases:
        block = draw(name, nt, nr, snr_db, channels)
        given = block.y.to(torch.complex64), block.h.to(torch.complex64), block.noise_var.float()
        ml = int((make_detector("sphere", name)(*given).indices() != block.indices).sum())
        tree = int((make_detector("k-best", name, k=k)(*given).indices() != block.indices).sum())
        assert ml > 30
        assert tree <= most * ml


def test_more_streams_than_antennas():
    block = draw("16-qam", 6, 4, 24.0, 600)
    given = block.y.to(torch.complex64), block.h.to(torch.complex64), block.noise_var.float()
    ml = make_detector("sphere", "16-qam")(*given)
    tree = make_detector("k-best", "16-qam", k=64)(*given)
    errors = [int((d.indices() != block.indices).sum()) for d in (ml, tree)]
    assert not ml.incomplete.any()
    assert errors[1] <= 1.1 * errors[0]
    assert errors[0] < 0.04 * block.indices.numel()


def test_columns_that_double_precision_cannot_tell_apart():
    """The prior is rounded away beside such energies; its bias must not choose the level."""
    block = draw("16-qam", 3, 4, 20.0, 6)
    h = block.h.clone()
    h[:3, :, 2] = h[:3, :, 0]
    h[3:, :, 1] = 0
    y = make_detector("ml", "16-qam").constellation.map(block.indices, h.dtype) @ h.mT
    found = KBest("16-qam", k=4096, llr_clip=1e9)(y, h, 1e-17)
    c = found.constellation
    rest = (y - c.map(found.indices(), h.dtype) @ h.mT).abs().square().sum(-1)
    assert (rest < 1e-20).all()
    # A stream that is not received has no level that is better than another.
    llr = found.llr()[3:, :, 1]
    torch.testing.assert_close(llr, torch.zeros_like(llr), rtol=0, atol=1e-6)
    assert KBest("16-qam").survivors(y, h, 1e-17).log_evidence.isfinite().all()


def test_what_does_not_fit_is_refused():
    detector = KBest("qpsk")
    h = torch.ones(2, 3, 2, dtype=torch.complex64)
    with pytest.raises(InvalidInputError, match=r"^y: .*Nr = 3"):
        detector.survivors(torch.ones(2, 1, 4, dtype=torch.complex64), h, 0.1)
    with pytest.raises(InvalidInputError, match=r"^noise_var: "):
        detector.survivors(torch.ones(2, 1, 3, dtype=torch.complex64), h, -1.0)
    for dtype in (torch.complex64, torch.complex128):
        broken = torch.full((2, 1, 3), math.nan, dtype=dtype)
        with pytest.raises(InvalidInputError, match=r"^y: "):
            detector.survivors(broken, h.to(dtype), 0.1)


@pytest.mark.parametrize(
    ("sizes", "snr_db", "slack"), [((4, 16), -5.0, 0.003), ((4, 4), 3.0, 0.001), ((8, 8), 5.0, 0.0)]
)
def test_soft_bits_of_a_short_list_are_worth_those_of_lmmse(
    sizes: tuple[int, int], snr_db: float, slack: float
) -> None:
    """Few vectors are all but the whole mass only at high SNR; a clip alone would lose 0.4."""
    nt, nr = sizes
    scenario = Scenario(
        num_tx_ant=nt, num_rx_ant=nr, constellation="16-qam", snr_definition="per_stream"
    )
    block = scenario.draw(snr_db, 1500, CounterGenerator(5))
    signs = 2.0 * scenario.points().indices_to_bits(block.indices) - 1
    gmi = {}
    for name in ("k-best", "lmmse"):
        llr = make_detector(name, "16-qam")(block.y, block.h, block.noise_var).llr()
        gmi[name] = 1 - float(torch.nn.functional.softplus(-llr * signs).mean()) / math.log(2)
    assert gmi["k-best"] > gmi["lmmse"] - slack


def test_what_a_list_does_not_hold_hardly_matters_at_high_snr() -> None:
    """At 8 x 8 and 20 dB the soft bits of lmmse are far below those of the list."""
    scenario = Scenario(
        num_tx_ant=8, num_rx_ant=8, constellation="16-qam", snr_definition="per_stream"
    )
    block = scenario.draw(20.0, 300, CounterGenerator(6))
    detection = make_detector("k-best", "16-qam")(block.y, block.h, block.noise_var)
    right = detection.llr() * (2.0 * scenario.points().indices_to_bits(block.indices) - 1)
    assert float(right.median()) == 20.0
    assert float((right > 15).float().mean()) > 0.95


def test_soft_bits_are_those_of_the_inputs_as_they_were() -> None:
    """The linear detector that fills them waits until they are asked for."""
    block = Scenario(num_tx_ant=4, num_rx_ant=4, constellation="16-qam").draw(
        12.0, 40, torch.Generator().manual_seed(7)
    )
    detector = make_detector("k-best", "16-qam", k=4)
    expected = detector(block.y, block.h, block.noise_var).llr()
    y, h, noise_var = (t.clone() for t in (block.y, block.h, block.noise_var))
    late = detector(y, h, noise_var)
    prepared = detector.prepare(h, noise_var)
    halves = detector.detect(prepared, y)
    wanted = halves.llr()
    for tensor in (y, h, noise_var):
        tensor.zero_()
    assert torch.equal(late.llr(), expected)
    assert torch.equal(halves.llr(), wanted)
