"""guarded: the inner answer where it is plausible, else the one that leaves less of y."""

import math

import pytest
import torch

from mimolearn import InvalidInputError, Scenario, load
from mimolearn.detectors import Guarded, make_detector
from mimolearn.link.channels import Kronecker


def draw(constellation="16-qam", snr_db=22.0, channels=40, r=0.6):
    scenario = Scenario(
        num_tx_ant=6,
        num_rx_ant=8,
        constellation=constellation,
        channel=Kronecker(rx_correlation=r, tx_correlation=r),
        channel_reuse=3,
    )
    return scenario, scenario.draw(
        snr_db, channels, torch.Generator().manual_seed(4), torch.complex128
    )


def left(detection, block):
    x = detection.constellation.map(detection.indices(), block.y.dtype)
    rest = (block.y - (block.h_hat @ x.mT).mT).abs().square().sum(-1)
    return rest / block.noise_var[:, None]


@pytest.mark.parametrize("doubt", [-100.0, 0.0, 2.0, 1e9])
def test_each_vector_has_the_answer_that_the_rule_says(doubt):
    _, block = draw()
    args = block.y, block.h_hat, block.noise_var
    detector = Guarded("16-qam", inner="zf", fallback="ep", doubt=doubt)
    found, zf, ep = (d(*args) for d in (detector, detector.inner, detector.fallback))
    asked = left(zf, block) > 8 + doubt * math.sqrt(8)
    second = asked & (left(ep, block) < left(zf, block))
    assert 0 < int(second.sum()) < second.numel() or doubt == 1e9
    expected = torch.where(second[..., None], ep.indices(), zf.indices())
    assert torch.equal(found.indices(), expected)
    llr = torch.where(second[..., None, None], ep.llr(), zf.llr())
    torch.testing.assert_close(found.llr(), llr, rtol=1e-4, atol=1e-3)
    test, again = 4 * 6 * 8, sum(detector.fallback.cost(8, 6))
    own = detector.inner.cost(8, 6).per_vector + test
    assert torch.equal(found.work, own + asked * (again + test))


def test_as_many_vectors_are_in_doubt_as_the_noise_says():
    scenario, _ = draw()
    block = scenario.draw(60.0, 4000, torch.Generator().manual_seed(5), torch.complex128)
    detector = Guarded("16-qam", inner="zf", fallback="lmmse")
    work = detector(block.y, block.h_hat, block.noise_var).work
    share = float((work > work.min()).double().mean())
    # P(Gamma(8, 1) > 8 + 2 sqrt 8), all decisions being right.
    expected = math.exp(-13.6569) * sum(13.6569**k / math.factorial(k) for k in range(8))
    assert share == pytest.approx(expected, abs=4 * math.sqrt(expected / 12_000))


def test_one_set_of_weights_holds_where_it_does_not_alone():
    scenario = Scenario(
        num_tx_ant=16,
        num_rx_ant=32,
        constellation="64-qam",
        channel=Kronecker(rx_correlation=0.7, tx_correlation=0.7, entry_variance="1/Nr"),
    )
    block = scenario.draw(31.0, 600, torch.Generator().manual_seed(6))
    alone = load("tap-net-any", "64-qam")
    guarded = Guarded("64-qam", inner=alone)
    errors = {
        d.name: int((d(block.y, block.h_hat, block.noise_var).indices() != block.indices).sum())
        for d in (alone, guarded, make_detector("lmmse", "64-qam"))
    }
    assert errors["guarded"] < errors["lmmse"] / 5 < errors["tap-net"] / 5


@pytest.mark.parametrize("constellation", ["bpsk", "qpsk", "16-qam"])
def test_a_tree_search_may_be_asked(constellation):
    _, block = draw(constellation, snr_db=14.0, channels=30)
    args = block.y, block.h_hat, block.noise_var
    # Every vector is asked about.
    detector = Guarded(constellation, inner="mrc", fallback="k-best:k=64", doubt=-1e9)
    found, first, search = (d(*args) for d in (detector, detector.inner, detector.fallback))
    second = left(search, block) < left(first, block)
    assert float(second.double().mean()) > 0.5
    assert torch.equal(found.indices()[second], search.indices()[second])
    llr, expected = found.llr()[second], search.llr()[second]
    assert torch.equal(llr > 0, expected > 0)
    c = detector.constellation
    # The least certain bit of each axis keeps its LLR, the others are no more certain than that.
    by_axis = [x.abs().unflatten(-1, (c.bits_per_axis, -1)).amin(-2) for x in (llr, expected)]
    if constellation == "16-qam":
        # Exact demapping of one level among four knows more than one neighbour.
        assert torch.allclose(*by_axis, rtol=0.02, atol=0.7)
    else:
        torch.testing.assert_close(llr, expected, rtol=1e-4, atol=2e-3)
    assert torch.equal(left(found, block), torch.minimum(left(search, block), left(first, block)))


def test_an_unfinished_search_is_told():
    _, block = draw("qpsk", snr_db=6.0, channels=30)
    args = block.y, block.h_hat, block.noise_var
    search = make_detector("soft-sphere", "qpsk", max_nodes=40)
    detector = Guarded("qpsk", inner="zf", fallback=search, doubt=-1e9)
    found, zf, second = (d(*args) for d in (detector, detector.inner, search))
    kept = left(second, block) < left(zf, block)
    assert 0 < int((second.incomplete & kept).sum()) < kept.numel()
    assert torch.equal(found.incomplete, second.incomplete & kept)
    again = Guarded("qpsk", inner=search, fallback="zf", doubt=1e9)(*args)
    assert torch.equal(again.incomplete, second.incomplete)


def test_what_is_not_finite_is_asked_about():
    _, block = draw("qpsk", channels=2)
    h = block.h_hat.clone()
    # Zero forcing has no answer where two columns are the same.
    h[0, :, 1] = h[0, :, 0]
    found = Guarded("qpsk", inner="zf", fallback="lmmse", doubt=1e9)(block.y, h, block.noise_var)
    assert found.finite().all()


def test_what_does_not_fit_is_refused():
    with pytest.raises(InvalidInputError, match=r"^inner: .*expected a detector of"):
        Guarded("bpsk", inner=make_detector("lmmse", "qpsk"))
    _, block = draw("qpsk", channels=1)
    with pytest.raises(InvalidInputError, match=r"^inner: .*soft outputs"):
        Guarded("qpsk", inner="sphere")(block.y, block.h_hat, block.noise_var)
