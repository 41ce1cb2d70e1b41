"""Single precision finds what double precision finds, and knows where it cannot."""

import pytest
import torch

from mimolearn import InvalidInputError, make_detector
from mimolearn.kernels.search import calls as search_kernels
from mimolearn.kernels.search.calls import Leaves

# constellation, Nt, Nr, noise_var, channels
SYSTEMS = [
    ("bpsk", 1, 1, 0.5, 40),
    ("bpsk", 6, 4, 0.5, 300),
    ("qpsk", 3, 2, 0.5, 300),
    ("qpsk", 4, 4, 0.5, 300),
    ("16-qam", 3, 4, 0.2, 300),
    ("16-qam", 3, 2, 0.1, 300),
    ("64-qam", 2, 3, 0.05, 100),
    ("64-qam", 2, 1, 0.02, 100),
]


def draw(name, tx, rx, noise_var, channels, vectors=2, seed=5):
    generator = torch.Generator().manual_seed(seed)
    constellation = make_detector("ml", name).constellation
    h = torch.randn(channels, rx, tx, dtype=torch.complex64, generator=generator)
    sent = torch.randint(constellation.num_points, (channels, vectors, tx), generator=generator)
    noise = torch.randn(channels, vectors, rx, dtype=torch.complex64, generator=generator)
    y = constellation.map(sent) @ h.mT + noise * noise_var**0.5
    return y, h, torch.full((channels,), noise_var)


def double(y, h, noise_var):
    return y.to(torch.complex128), h.to(torch.complex128), noise_var.double()


@pytest.mark.parametrize(("name", "tx", "rx", "noise_var", "channels"), SYSTEMS)
def test_exact_sums_agree_with_enumeration(name, tx, rx, noise_var, channels):
    inputs = draw(name, tx, rx, noise_var, channels)
    ml = make_detector("ml", name)
    fast, expected = ml(*inputs), ml(*double(*inputs))
    torch.testing.assert_close(fast.llr().double(), expected.llr(), rtol=2e-5, atol=2e-4)
    soft_bits = torch.sigmoid(fast.llr().double()) - torch.sigmoid(expected.llr())
    assert soft_bits.abs().max() < 4e-6
    means = expected.soft_symbols()
    torch.testing.assert_close(fast.soft_symbols().to(means), means, rtol=0, atol=1e-5)
    assert torch.equal(fast.indices(), expected.indices())


@pytest.mark.parametrize(("name", "tx", "rx", "noise_var", "channels"), SYSTEMS)
def test_all_searches_agree_with_enumeration(name, tx, rx, noise_var, channels):
    inputs = draw(name, tx, rx, noise_var, channels)
    ml = make_detector("ml", name, demapping="max-log")
    expected = ml(*double(*inputs))
    fast = ml(*inputs)
    torch.testing.assert_close(fast.llr().double(), expected.llr(), rtol=1e-5, atol=2e-3)
    means = expected.soft_symbols()
    torch.testing.assert_close(fast.soft_symbols().to(means), means, rtol=0, atol=1e-3)
    assert torch.equal(fast.indices(), expected.indices())
    sphere = make_detector("sphere", name)
    assert torch.equal(sphere(*inputs).indices(), expected.indices())
    wide = make_detector("k-best", name, k=4096, llr_clip=1e9)(*inputs)
    torch.testing.assert_close(wide.llr().double(), expected.llr(), rtol=1e-5, atol=2e-3)
    assert torch.equal(wide.indices(), expected.indices())
    if tx > rx and name not in ("bpsk", "qpsk"):
        return
    soft = make_detector("soft-sphere", name)(*inputs)
    torch.testing.assert_close(soft.llr().double(), expected.llr(), rtol=1e-5, atol=2e-3)


@pytest.mark.parametrize(
    ("name", "tx", "rx", "noise_var"),
    [("bpsk", 32, 64, 3.2), ("qpsk", 20, 24, 1.0), ("16-qam", 5, 6, 0.2)],
)
def test_large_trees_agree_with_double_precision(name, tx, rx, noise_var):
    inputs = draw(name, tx, rx, noise_var, channels=37)
    sphere = make_detector("sphere", name)
    fast, slow = sphere(*inputs), sphere(*double(*inputs))
    assert torch.equal(fast.indices(), slow.indices())
    assert fast.work is not None
    assert slow.work is not None
    assert int(fast.work.sum()) == pytest.approx(int(slow.work.sum()), rel=1e-3)
    for k in (5, 16, 40):
        k_best = make_detector("k-best", name, k=k)
        gap = k_best(*inputs).llr().double() - k_best(*double(*inputs)).llr()
        # A tie within rounding may choose another survivor.
        assert (gap.abs() < 2e-3).double().mean() > 0.995


@pytest.mark.parametrize(("tx", "rx", "noise_var"), [(32, 64, 20.0), (17, 18, 2.0), (64, 70, 4.0)])
def test_lanes_that_need_a_search_get_one(tx, rx, noise_var):
    inputs = draw("bpsk", tx, rx, noise_var, channels=21, vectors=3)
    sphere = make_detector("sphere", "bpsk")
    fast, slow = sphere(*inputs), sphere(*double(*inputs))
    assert torch.equal(fast.indices(), slow.indices())
    assert fast.work is not None
    # Straight down, back up, and nothing else: less than any search that finds a nearer leaf.
    direct = fast.work == fast.work.min()
    assert direct.any()
    assert not direct.all()
    cut = make_detector("sphere", "bpsk", max_nodes=tx)(*inputs)
    assert cut.incomplete is not None
    assert cut.incomplete.all()


def test_what_single_precision_cannot_be_trusted_with():
    y, h, noise_var = draw("16-qam", 3, 4, 0.2, channels=40)
    h[0, :, 1] = h[0, :, 0]
    h[1, :, 2] = 0
    noise_var[2] = 1e-6
    y[3] *= 1e4
    h[4] *= 1e20
    for found in (
        search_kernels.k_best(
            y, h, noise_var, make_detector("ml", "16-qam").constellation, 16, 20.0
        ),
        search_kernels.sphere(y, h, noise_var, make_detector("ml", "16-qam").constellation, 10**6),
        search_kernels.soft_sphere(
            y, h, noise_var, make_detector("ml", "16-qam").constellation, 20.0, 10**6
        ),
        search_kernels.ml(y, h, noise_var, make_detector("ml", "16-qam").constellation, "exact"),
    ):
        # The triangle of the MMSE receiver has no pivot near 0.
        dependent = isinstance(found[2], Leaves)
        assert found[-1].tolist() == [dependent] * 2 + [False] * 3 + [True] * 35
    kept = [0, 1, 2, 3, *range(5, 40)]
    inputs = y[kept], h[kept], noise_var[kept]
    for name, options in (
        ("k-best", {}),
        ("sphere", {}),
        ("soft-sphere", {}),
        ("ml", {"demapping": "max-log"}),
    ):
        detector = make_detector(name, "16-qam", **options)
        alone = detector.detect(detector.prepare(inputs[1][:4], inputs[2][:4]), inputs[0][:4])
        # The first two channels have ties, which the two precisions need not break alike.
        first = 2 if name == "k-best" else 0
        assert torch.equal(detector(*inputs).indices()[first:4], alone.indices()[first:])


def test_clipped_and_cut_soft_searches_agree_with_double_precision():
    inputs = draw("16-qam", 5, 6, 0.2, channels=60)
    for options in ({"llr_clip": 6.0}, {"max_nodes": 40}):
        detector = make_detector("soft-sphere", "16-qam", **options)
        fast, slow = detector(*inputs), detector(*double(*inputs))
        gap = fast.llr().double() - slow.llr()
        assert (gap.abs() < 2e-3).double().mean() > 0.995
        assert torch.equal(fast.incomplete, slow.incomplete)
        assert int(fast.work.sum()) == pytest.approx(int(slow.work.sum()), rel=1e-2)


@pytest.mark.parametrize("name", ["k-best", "sphere", "soft-sphere", "ml"])
def test_non_finite_inputs_are_refused(name):
    options = {"demapping": "max-log"} if name == "ml" else {}
    detector = make_detector(name, "qpsk", **options)
    y, h, noise_var = draw("qpsk", 3, 4, 0.2, channels=20)
    for broken in (float("nan"), float("inf")):
        bad_y, bad_h = y.clone(), h.clone()
        bad_y[17, 1, 2] = broken
        bad_h[3, 2, 1] = broken
        with pytest.raises(InvalidInputError, match=r"^y: "):
            detector(bad_y, h, noise_var)
        with pytest.raises(InvalidInputError, match=r"^h: "):
            detector(y, bad_h, noise_var)


def test_node_limit_is_reported_in_single_precision():
    inputs = draw("qpsk", 10, 10, 10.0, channels=20)
    full = make_detector("sphere", "qpsk")(*inputs)
    capped = make_detector("sphere", "qpsk", max_nodes=100)(*inputs)
    assert full.incomplete is not None
    assert capped.incomplete is not None
    assert not full.incomplete.any()
    assert capped.incomplete.any()
    assert torch.equal(capped.indices()[~capped.incomplete], full.indices()[~capped.incomplete])


@pytest.mark.parametrize("batch", [(), (3,), (2, 9)])
@pytest.mark.parametrize("vectors", [1, 5])
def test_any_shape(batch, vectors):
    generator = torch.Generator().manual_seed(2)
    h = torch.randn(*batch, 4, 3, dtype=torch.complex64, generator=generator)
    y = torch.randn(*batch, vectors, 4, dtype=torch.complex64, generator=generator)
    noise_var = 0.2 + torch.rand(batch, generator=generator)
    for name, options in (
        ("k-best", {}),
        ("sphere", {}),
        ("soft-sphere", {}),
        ("ml", {"demapping": "max-log"}),
    ):
        detector = make_detector(name, "16-qam", **options)
        expected = detector(*double(y, h, noise_var)).indices()
        assert torch.equal(detector(y, h, noise_var).indices(), expected)
