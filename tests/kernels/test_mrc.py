"""The kernel of maximum ratio combining gives what the plain formulas give."""

import pytest
import torch

from mimolearn import InvalidInputError, make_detector


def _draw(constellation, channels, num_rx, num_tx, vectors):
    generator = torch.Generator().manual_seed(4)
    points = make_detector("mrc", constellation).constellation.points
    h = torch.randn(channels, num_rx, num_tx, dtype=torch.complex64, generator=generator)
    sent = torch.randint(len(points), (channels, vectors, num_tx), generator=generator)
    noise = torch.randn(channels, vectors, num_rx, dtype=torch.complex64, generator=generator)
    y = points[sent].to(h) @ h.mT + 0.5 * noise
    return y, h, torch.linspace(0.2, 0.4, channels)


@pytest.mark.parametrize("constellation", ["bpsk", "16-qam"])
@pytest.mark.parametrize(
    ("channels", "num_rx", "num_tx", "vectors"), [(40, 9, 6, 2), (1, 5, 3, 4), (17, 2, 4, 1)]
)
def test_estimates_and_variances(constellation, channels, num_rx, num_tx, vectors):
    y, h, noise_var = _draw(constellation, channels, num_rx, num_tx, vectors)
    found = make_detector("mrc", constellation)(y, h, noise_var)
    wide = h.to(torch.complex128)
    gram = wide.mH @ wide
    energy = gram.diagonal(dim1=-2, dim2=-1).real
    response = gram / energy.unsqueeze(-1)
    power = 2 * response.real.square() if constellation == "bpsk" else response.abs().square()
    variance = power.sum(-1) - power.diagonal(dim1=-2, dim2=-1)
    variance += noise_var.unsqueeze(-1) / energy
    x_hat = y.to(wide) @ wide.conj() / energy.unsqueeze(-2)
    torch.testing.assert_close(found.x_hat.to(wide), x_hat, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.error_var.squeeze(-2).double(), variance, rtol=1e-5, atol=0)


def test_a_stream_without_a_channel_says_nothing_and_a_nan_is_refused():
    y, h, noise_var = _draw("qpsk", 3, 4, 2, 1)
    h[1, :, 0] = 0
    detector = make_detector("mrc", "qpsk")
    found = detector(y, h, noise_var)
    assert found.finite().all()
    assert found.llr()[1, :, 0].abs().max() < 1e-6
    assert found.llr()[1, :, 1].abs().min() > 1e-3
    y[0, 0, 0] = torch.nan
    with pytest.raises(InvalidInputError, match="y"):
        detector(y, h, noise_var)
