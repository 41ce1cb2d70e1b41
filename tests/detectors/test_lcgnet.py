"""The unfolded conjugate-gradient networks against conjugate gradient itself, and their claims."""

import math

import pytest
import torch
from torch import Generator

from mimolearn import InvalidInputError, Scenario, load, make_detector
from mimolearn.detectors import UnfoldedDetector, detector_class, detector_names, quantize_lcgnet
from mimolearn.detectors.linear.chebyshev import Edges, chebyshev_steps, marchenko_pastur_edges
from mimolearn.detectors.unfolded.parameter_levels import (
    lloyd_max_levels,
    nearest_codes,
    pack,
    uniform_levels,
    unpack,
)
from mimolearn.foundation.tensors.linalg import stack_real_matrix


def draw(snr_db, channels=64, name="lcgnet-32x64-bpsk", reuse=8):
    scenario = Scenario.shipped(name).model_copy(update={"channel_reuse": reuse})
    return scenario.draw(snr_db, channels, Generator().manual_seed(1))


def nmse_db(detector, block):
    x = detector.constellation.map(block.indices)
    with torch.no_grad():
        prepared = detector.prepare(block.h_hat, block.noise_var)
        x_hat = detector.iterates(prepared, block.y)[-1]
    return 10 * math.log10((x_hat - x).abs().square().sum() / x.abs().square().sum())


def cg_steps(system, b, count):
    """alpha and beta of Hestenes and Stiefel for one real system."""
    residual = direction = b
    alpha, beta = [], []
    for _ in range(count):
        image = system @ direction
        alpha.append(residual @ residual / (direction @ image))
        after = residual - alpha[-1] * image
        beta.append(after @ after / (residual @ residual))
        residual, direction = after, after + beta[-1] * direction
    return torch.stack(alpha), torch.stack(beta)[:-1]


def test_scalar_network_with_cg_steps_is_cg():
    generator = Generator().manual_seed(1)
    h = torch.randn(8, 4, generator=generator, dtype=torch.complex128)
    y = torch.randn(1, 8, generator=generator, dtype=torch.complex128)
    network = make_detector("lcgnet-s", "qpsk", num_layers=5).double()
    prepared = network.prepare(h, 0.3)
    b = y @ h.conj() * prepared.inverse_diagonal
    steps = cg_steps(stack_real_matrix(prepared.system), torch.cat([b.real, b.imag], -1)[0], 5)
    with torch.no_grad():
        for parameter, values in zip((network.alpha, network.beta), steps, strict=True):
            parameter.copy_(values[:, None])
        found = network.iterates(prepared, y)
    cg = make_detector("cg", "qpsk", num_iter=5)
    for ours, theirs in zip(found, cg.iterates(cg.prepare(h, 0.3), y), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_masked_network_is_good_before_training():
    block = draw(30.0)
    assert nmse_db(make_detector("lcgnet-m", "bpsk", num_layers=7), block) < -32
    # LMMSE, which does not know that symbols are real, ends at -30.0 dB.
    assert nmse_db(make_detector("cg", "bpsk", num_iter=32), block) > -30.3


def test_mask_of_ones_makes_the_vector_network():
    block = draw(10.0, channels=4)
    vector = make_detector("lcgnet-v", "bpsk", num_layers=4)
    masked = make_detector("lcgnet-m", "bpsk", num_layers=4)
    masked.load_state_dict({**vector.state_dict(), "gamma": torch.ones(64)})
    for a, b in zip(
        vector.iterates(vector.prepare(block.h, block.noise_var), block.y),
        masked.iterates(masked.prepare(block.h, block.noise_var), block.y),
        strict=True,
    ):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", ["lcgnet-v-32x64-bpsk", "lcgnet-m-32x64-bpsk"])
def test_many_vectors_take_the_matrix_and_few_the_layers(name):
    network = load(name)
    block = draw(6.0, channels=2, reuse=100)
    prepared = network.prepare(block.h, block.noise_var)
    with torch.no_grad():
        many = network.detect(prepared, block.y).x_hat
        few = network.detect(prepared, block.y[:, :3]).x_hat
    torch.testing.assert_close(many[:, :3], few, rtol=1e-4, atol=1e-4)


def test_network_is_linear_in_y():
    network = load("lcgnet-v-32x64-bpsk").double()
    block = draw(6.0, channels=1, reuse=2)
    h, y = block.h.to(torch.complex128), block.y.to(torch.complex128)
    prepared = network.prepare(h, block.noise_var.double())
    with torch.no_grad():
        of_sum = network.iterates(prepared, y[:, :1] + 3 * y[:, 1:])[-1]
        one, two = network.iterates(prepared, y)[-1].unbind(1)
    torch.testing.assert_close(of_sum[:, 0], one + 3 * two)


def test_trained_vector_network_belongs_to_its_streams():
    network = load("lcgnet-v-32x64-bpsk")
    block = draw(0.0, channels=4)
    swapped = network(block.y, block.h.flip(-1), block.noise_var).x_hat.flip(-1)
    assert not torch.allclose(swapped, network(block.y, block.h, block.noise_var).x_hat)
    with pytest.raises(InvalidInputError, match=r"^h: .*expected Nt = 32"):
        network(block.y, block.h[..., :16], block.noise_var)


def test_zeros_is_the_start_of_the_paper():
    network = make_detector("lcgnet-v", "bpsk", num_tx_ant=4, start="zeros")
    assert all((parameter == 0).all() for parameter in network.parameters())
    half = make_detector("lcgnet-v", "bpsk", num_tx_ant=4, start="half-imaginary")
    torch.testing.assert_close(half.alpha[:, 4:], half.alpha[:, :4] / 2)


def test_chebyshev_steps_give_chebyshev_polynomials():
    edges, count = Edges(0.3, 2.1), 6
    alpha, beta = chebyshev_steps(edges, count)
    spectrum = torch.linspace(0.1, 2.5, 9, dtype=torch.float64)
    residual, direction = torch.ones(9, dtype=torch.float64), torch.ones(9, dtype=torch.float64)
    for k in range(count):
        residual = residual - alpha[k] * spectrum * direction
        if k < count - 1:
            direction = residual + beta[k] * direction

    def chebyshev(x):
        return torch.special.chebyshev_polynomial_t(x, count)

    def mapped(x):
        return (edges.high + edges.low - 2 * x) / (edges.high - edges.low)

    zero = torch.zeros((), dtype=torch.float64)
    torch.testing.assert_close(residual, chebyshev(mapped(spectrum)) / chebyshev(mapped(zero)))


def test_marchenko_pastur_edges():
    assert marchenko_pastur_edges(0.25, 10) == Edges(0.25, 2.25)
    assert marchenko_pastur_edges(1.0, 10) == Edges(0.04, 4.0)


LEARNED = [
    name
    for name in detector_names()
    if issubclass(detector_class(name), UnfoldedDetector)
    and "num_layers" in detector_class(name).option_names()
]


@pytest.mark.parametrize("name", LEARNED)
def test_a_layer_gives_an_estimate_and_rows_of_parameters(name):
    cls = detector_class(name)
    options = {"num_tx_ant": 3} if "num_tx_ant" in cls.option_names() else {}
    network = make_detector(name, "qpsk", num_layers=4, **options)
    h = torch.randn(2, 6, 3, generator=Generator().manual_seed(1), dtype=torch.complex64)
    y = torch.randn(2, 5, 6, generator=Generator().manual_seed(2), dtype=torch.complex64)
    iterates = network.iterates(network.prepare(h, 0.1), y)
    assert [tuple(x.shape) for x in iterates] == [(2, 5, 3)] * 4
    assert all(x.dtype == torch.complex64 for x in iterates)
    for parameter, first in network.layer_parameters():
        assert parameter.shape[0] == 4 - first


@pytest.mark.parametrize("bits", [1, 3, 4, 7])
def test_codes_are_packed_to_the_bit(bits):
    codes = torch.randint(2**bits, (11, 5), generator=Generator().manual_seed(bits))
    packed = pack(codes, bits)
    assert packed.numel() == math.ceil(55 * bits / 8)
    assert torch.equal(unpack(packed, bits, 55).reshape(11, 5), codes)


def test_lloyd_max_levels_are_those_of_a_gaussian():
    values = torch.randn(200_000, generator=Generator().manual_seed(1))
    # Max 1960, Table I: 4 levels.
    expected = torch.tensor([-1.510, -0.4528, 0.4528, 1.510], dtype=torch.float64)
    torch.testing.assert_close(lloyd_max_levels(values, 4), expected, rtol=0, atol=0.02)
    levels = uniform_levels(torch.tensor([-3.5, 1.0]), 7)
    torch.testing.assert_close(levels, torch.arange(-3, 4).double())
    assert nearest_codes(torch.tensor([-9.0, 0.4, 0.6, 9.0]), levels).tolist() == [0, 3, 4, 6]


def test_quantised_networks():
    network, block = load("lcgnet-v-32x64-bpsk"), draw(6.0, channels=32)
    full = nmse_db(network, block)
    four, three = (quantize_lcgnet(network, "lloyd-max", bits) for bits in (4, 3))
    assert nmse_db(four, block) < full + 0.03
    assert nmse_db(three, block) < full + 0.08
    # One table for alpha and beta leaves alpha, which is small, few levels: of equal steps, none.
    one, equal = (quantize_lcgnet(network, s, 3, tables=1) for s in ("lloyd-max", "uniform"))
    assert full + 0.15 < nmse_db(one, block) < nmse_db(equal, block) - 3
    # 15 + 14 rows of 64 step sizes, and the levels.
    assert one.stored_bits() == 29 * 64 * 3 + 8 * 32
    assert four.stored_bits() == 29 * 64 * 4 + 2 * 16 * 32


@pytest.mark.parametrize("start", ["uniform", "lloyd-max"])
def test_soft_staircase_sharpens_into_the_stored_one(start):
    network = load("lcgnet-v-32x64-bpsk")
    soft = make_detector("qlcgnet-v-soft", "bpsk", bits=4, quantizer_start=start)
    soft.start_from(network)
    block = draw(6.0, channels=4)
    hard = soft.eval()(block.y, block.h, block.noise_var).x_hat
    stored = soft.finished()(block.y, block.h, block.noise_var).x_hat
    torch.testing.assert_close(hard, stored, rtol=1e-5, atol=1e-5)
    soft.train().set_sharpness(1e6)
    sharp = soft(block.y, block.h, block.noise_var).x_hat
    torch.testing.assert_close(sharp, hard, rtol=1e-2, atol=1e-2)
    soft.set_sharpness(10.0)
    assert not torch.allclose(soft(block.y, block.h, block.noise_var).x_hat, hard, atol=1e-2)


def test_soft_quantiser_takes_its_own_network_only():
    soft = make_detector("qlcgnet-v-soft", "bpsk", num_layers=4)
    with pytest.raises(InvalidInputError, match=r"^start_from: got <LcgNetV>, expected an lcgnet"):
        soft.start_from(load("lcgnet-v-32x64-bpsk"))
