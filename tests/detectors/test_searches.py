"""The enumerating and searching detectors against an enumeration written apart from them."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor

from mimolearn import Constellation, InvalidInputError, make_detector
from mimolearn.link.scenario import Block, Scenario

# constellation, Nt, Nr, per-stream SNR in dB
SYSTEMS = [
    ("bpsk", 3, 4, 2.0),
    ("bpsk", 4, 2, 3.0),
    ("qpsk", 2, 2, 5.0),
    ("qpsk", 3, 2, 8.0),
    ("16-qam", 2, 2, 12.0),
    ("16-qam", 2, 1, 14.0),
    ("64-qam", 2, 3, 15.0),
]


def draw(constellation: str, nt: int, nr: int, snr_db: float, num_channels: int = 60) -> Block:
    scenario = Scenario(
        num_tx_ant=nt,
        num_rx_ant=nr,
        constellation=constellation,
        channel_reuse=3,
        snr_definition="per_stream",
    )
    return scenario.draw(snr_db, num_channels, torch.Generator().manual_seed(11), torch.complex128)


def enumerate_all(block: Block, constellation: Constellation) -> tuple[dict[str, Tensor], Tensor]:
    """LLRs of both demappings and ML decisions, in plain NumPy, one vector at a time."""
    points, labels = constellation.points_as(torch.complex128).numpy(), constellation.labels.numpy()
    num_streams = block.h.shape[-1]
    grid = np.array(list(itertools.product(range(len(points)), repeat=num_streams)))
    bits = labels[grid].reshape(len(grid), -1)
    shape = (*block.y.shape[:-1], bits.shape[1])
    llr = {"exact": np.empty(shape), "max-log": np.empty(shape)}
    decided = np.empty(block.indices.shape, dtype=np.int64)
    for c, h in enumerate(block.h.numpy()):
        sent = points[grid] @ h.T
        for t, y in enumerate(block.y[c].numpy()):
            metric = -(np.abs(y - sent) ** 2).sum(-1) / float(block.noise_var[c])
            decided[c, t] = grid[metric.argmax()]
            for b in range(bits.shape[1]):
                one, zero = metric[bits[:, b] == 1], metric[bits[:, b] == 0]
                llr["max-log"][c, t, b] = one.max() - zero.max()
                llr["exact"][c, t, b] = np.logaddexp.reduce(one) - np.logaddexp.reduce(zero)
    bit_shape = (*block.indices.shape, constellation.bits_per_symbol)
    return {k: torch.from_numpy(v).reshape(bit_shape) for k, v in llr.items()}, torch.from_numpy(
        decided
    )


@pytest.mark.parametrize(("name", "nt", "nr", "snr_db"), SYSTEMS)
def test_agree_with_enumeration(name: str, nt: int, nr: int, snr_db: float) -> None:
    block = draw(name, nt, nr, snr_db)
    llr, decided = enumerate_all(block, Constellation(name))
    inputs = block.y, block.h, block.noise_var
    for demapping, expected in llr.items():
        ml = make_detector("ml", name, demapping=demapping)(*inputs)
        torch.testing.assert_close(ml.llr(), expected, rtol=0, atol=1e-10)
        assert torch.equal(ml.indices(), decided)
    sphere = make_detector("sphere", name)(*inputs)
    assert torch.equal(sphere.indices(), decided)
    assert sphere.incomplete is not None
    assert not sphere.incomplete.any()
    wide = make_detector("k-best", name, k=10_000, llr_clip=1e9)(*inputs)
    torch.testing.assert_close(wide.llr(), llr["max-log"], rtol=0, atol=1e-10)
    assert torch.equal(wide.indices(), decided)
    if nt > nr and name not in ("bpsk", "qpsk"):
        return
    soft = make_detector("soft-sphere", name)(*inputs)
    torch.testing.assert_close(soft.llr(), llr["max-log"], rtol=0, atol=1e-10)
    assert soft.incomplete is not None
    assert not soft.incomplete.any()
    clipped = make_detector("soft-sphere", name, llr_clip=4.0)(*inputs)
    torch.testing.assert_close(clipped.llr(), llr["max-log"].clamp(-4, 4), rtol=0, atol=1e-10)
    assert clipped.work is not None
    assert soft.work is not None
    assert clipped.work.sum() < soft.work.sum()


def test_ml_symbol_means_are_posterior_means() -> None:
    block = draw("16-qam", 2, 2, 8.0, num_channels=5)
    points = Constellation("16-qam").points_as(torch.complex128)
    grid = torch.cartesian_prod(torch.arange(16), torch.arange(16))
    gap = block.y.unsqueeze(-2) - (points[grid] @ block.h.mT).unsqueeze(1)
    weight = torch.softmax(-gap.abs().square().sum(-1) / block.noise_var[:, None, None], -1)
    means = make_detector("ml", "16-qam")(block.y, block.h, block.noise_var).soft_symbols()
    torch.testing.assert_close(means, weight.to(points.dtype) @ points[grid])


@pytest.mark.parametrize(
    ("name", "constellation", "nt", "nr"),
    [("sphere", "bpsk", 20, 20), ("sphere", "qpsk", 10, 10), ("soft-sphere", "16-qam", 4, 4)],
)
def test_node_limit_is_reported(name: str, constellation: str, nt: int, nr: int) -> None:
    block = draw(constellation, nt, nr, -8.0, num_channels=20)
    inputs = block.y, block.h, block.noise_var
    full = make_detector(name, constellation)(*inputs)
    capped = make_detector(name, constellation, max_nodes=100)(*inputs)
    assert full.incomplete is not None
    assert capped.incomplete is not None
    assert full.work is not None
    assert capped.work is not None
    assert not full.incomplete.any()
    assert capped.incomplete.any()
    assert capped.finite().all()
    # Where the limit was not met, the answer is the full one; elsewhere it cost less.
    done = ~capped.incomplete
    assert torch.equal(capped.indices()[done], full.indices()[done])
    assert (capped.work < full.work)[capped.incomplete].all()
    # Even a limit below one path gives a decision, the first leaf.
    least = make_detector(name, constellation, max_nodes=1)(*inputs)
    assert least.incomplete is not None
    assert least.incomplete.all()
    assert least.finite().all()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sphere", {}),
        ("soft-sphere", {"llr_clip": 6.0}),
        ("k-best", {"k": 5}),
        ("sdr", {"seed": 3}),
        ("ml", {}),
        ("mmse-sic", {"order": "sorted"}),
    ],
)
def test_answers_do_not_depend_on_the_batch(name: str, options: dict[str, object]) -> None:
    block = draw("qpsk", 4, 4, 3.0, num_channels=12)
    detector = make_detector(name, "qpsk", **options)
    whole = detector(block.y, block.h, block.noise_var)
    for size in (1, 5):
        parts = [
            detector(y, h, noise_var)
            for y, h, noise_var in zip(
                block.y.split(size), block.h.split(size), block.noise_var.split(size), strict=True
            )
        ]
        assert torch.equal(torch.cat([part.indices() for part in parts]), whole.indices())
        if whole.work is not None:
            work = [part.work for part in parts if part.work is not None]
            assert torch.equal(torch.cat(work), whole.work)


def test_ml_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    block = draw("qpsk", 3, 3, 4.0, num_channels=7)
    detector = make_detector("ml", "qpsk")
    whole = detector(block.y, block.h, block.noise_var)
    for chunk in (64, 130, 500):
        monkeypatch.setattr("mimolearn.detectors.search.ml._CHUNK", chunk)
        parts = detector(block.y, block.h, block.noise_var)
        torch.testing.assert_close(parts.llr(), whole.llr(), rtol=1e-12, atol=1e-12)
        assert torch.equal(parts.indices(), whole.indices())


def test_more_survivors_make_fewer_errors() -> None:
    block = draw("16-qam", 4, 4, 14.0, num_channels=1500)
    errors = []
    for k in (1, 4, 16):
        detection = make_detector("k-best", "16-qam", k=k)(block.y, block.h, block.noise_var)
        errors.append(int((detection.indices() != block.indices).sum()))
    exact = make_detector("sphere", "16-qam")(block.y, block.h, block.noise_var)
    errors.append(int((exact.indices() != block.indices).sum()))
    assert errors[0] > 1.5 * errors[1] > 1.5 * errors[3]
    assert errors[3] <= errors[2] < 1.1 * errors[3]


def test_k_best_fills_missing_counter_hypotheses_and_clips() -> None:
    block = draw("16-qam", 3, 3, 10.0)
    inputs = block.y, block.h, block.noise_var
    detection = make_detector("k-best", "16-qam", k=1, llr_clip=7.0)(*inputs)
    single = detection.llr()
    # The list has one vector. Bits have its signs unless lmmse is surer of the others.
    assert float(((single > 0) == detection.bits()).float().mean()) > 0.9
    linear = make_detector("lmmse", "16-qam")(*inputs).llr()
    differs = (single > 0) != detection.bits()
    assert torch.equal(single[differs] > 0, linear[differs] > 0)
    assert float(single.abs().max()) == 7.0
    assert float(single.abs().min()) < 1.0
    several = make_detector("k-best", "16-qam", k=8, llr_clip=7.0)(*inputs).llr()
    assert (several.abs() <= 7).all()
    assert (several.abs() < 7).any()


@pytest.mark.parametrize("scale", [1.0, 1e-140, 1e140])
def test_degenerate_channels_and_extreme_scales(scale: float) -> None:
    """Equal and zero columns tie; the smallest distance and the LLRs must still be found."""
    block = draw("16-qam", 3, 4, 12.0, num_channels=8)
    h = block.h.clone()
    h[:4, :, 2] = h[:4, :, 0]
    h[4:, :, 1] = 0
    scaled = block.y * scale, h * scale, block.noise_var * scale**2
    ml = make_detector("ml", "16-qam", demapping="max-log")(block.y, h, block.noise_var)
    points = Constellation("16-qam").points_as(torch.complex128)
    sphere = make_detector("sphere", "16-qam")(*scaled)
    reached, smallest = (
        (block.y - points[d.indices()] @ h.mT).abs().square().sum(-1) for d in (sphere, ml)
    )
    torch.testing.assert_close(reached, smallest)
    for name, options in (("soft-sphere", {}), ("k-best", {"k": 4096, "llr_clip": 1e9})):
        soft = make_detector(name, "16-qam", **options)(*scaled)
        torch.testing.assert_close(soft.llr(), ml.llr(), rtol=0, atol=1e-9)


def test_overflow_is_flagged() -> None:
    h = torch.full((1, 2, 2), 1e200, dtype=torch.complex128)
    for name in ("sphere", "soft-sphere", "k-best"):
        detection = make_detector(name, "qpsk")(h, h, 1e-200)
        assert not detection.finite().any()
        assert detection.indices().shape == (1, 2, 2)


def test_refusals_are_one_line() -> None:
    wide = torch.ones(2, 3, dtype=torch.complex64)
    with pytest.raises(InvalidInputError, match=r"^h: .*Nt <= Nr for 'soft-sphere' with 16-qam"):
        make_detector("soft-sphere", "16-qam").prepare(wide, 0.1)
    large = torch.ones(8, 8, dtype=torch.complex64)
    with pytest.raises(InvalidInputError, match=r"^h: got <8 streams .* 16\^8 .*use 'sphere'"):
        make_detector("ml", "16-qam").prepare(large, 0.1)
    for option in ({"max_nodes": 0}, {"max_nodes": 1.5}):
        with pytest.raises(InvalidInputError, match=r"^max_nodes: "):
            make_detector("sphere", "qpsk", **option)
    with pytest.raises(InvalidInputError, match=r"^llr_clip: "):
        make_detector("k-best", "qpsk", llr_clip=0)
    with pytest.raises(InvalidInputError, match=r"^option of detector 'k-best': got 'klist'"):
        make_detector("k-best", "qpsk", klist=3)


def test_the_compiler_is_not_loaded_by_the_package() -> None:
    code = "import sys, mimolearn; sys.exit('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
