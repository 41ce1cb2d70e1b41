"""Which inputs compiled code gets, and that the others are served too."""

import pytest
import torch

from mimolearn import make_detector

_HALVES = [
    ("zf", {}, "interleaved"),
    ("lmmse", {}, "interleaved"),
    ("cg", {}, "fused"),
    ("tap-net", {}, "interleaved"),
    ("lcgnet-s", {}, "compiled"),
    ("deep-cg", {}, "compiled"),
    ("detnet", {"num_tx_ant": 3, "num_layers": 2}, "torch"),
]


def _problem(channels, vectors, tx=3):
    generator = torch.Generator().manual_seed(0)
    h = torch.randn(channels, 4, tx, dtype=torch.complex64, generator=generator)
    y = torch.randn(channels, vectors, 4, dtype=torch.complex64, generator=generator)
    return y, h, torch.full((channels,), 0.3)


@pytest.mark.parametrize(("name", "options", "path"), _HALVES)
@torch.no_grad()
def test_one_block_of_vectors_for_all_channels(name, options, path):
    """Kernels would read beyond the vectors; torch repeats them."""
    detector = make_detector(name, "bpsk", **options)
    y, h, noise_var = _problem(20, 2)
    assert detector._path(h, noise_var) == path
    prepared = detector.prepare(h, noise_var)
    shared = detector.detect(prepared, y[:1]).llr()
    repeated = detector.detect(prepared, y[:1].expand_as(y)).llr()
    torch.testing.assert_close(shared, repeated, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["k-best", "sphere", "soft-sphere", "ml"])
def test_searches_take_any_number_of_vectors(name):
    detector = make_detector(name, "bpsk")
    y, h, noise_var = _problem(1, 4097, tx=2)
    whole = detector(y, h, noise_var)
    assert torch.equal(
        whole.indices(), detector.detect(detector.prepare(h, noise_var), y).indices()
    )
    if name == "k-best":
        many = make_detector(name, "64-qam", k=2**17)
        y, h, noise_var = _problem(1, 1)
        halves = many.detect(many.prepare(h, noise_var), y)
        assert torch.equal(many(y, h, noise_var).llr(), halves.llr())
