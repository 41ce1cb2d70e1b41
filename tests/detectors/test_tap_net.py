"""tap-net against its equations in plain numpy, its symmetries, and what its parameters do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from mimolearn.detection import AxisGaussianDetection
from mimolearn.detectors import LcgNetS, TapNet, make_detector
from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.channels import Kronecker, Rayleigh
from mimolearn.link.scenario import Block, Scenario
from mimolearn.studies import Contender, simulate
from mimolearn.training import Recipe, measure
from mimolearn.zoo import card, load, zoo_names

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]


def draw(
    nt: int,
    nr: int,
    constellation: str,
    snr_db: float,
    num: int = 6,
    reuse: int = 3,
    r: float = 0.0,
) -> Block:
    channel = Rayleigh(entry_variance="1/Nr")
    if r:
        channel = Kronecker(entry_variance="1/Nr", rx_correlation=r, tx_correlation=r)
    scenario = Scenario(
        num_tx_ant=nt,
        num_rx_ant=nr,
        constellation=constellation,  # pyright: ignore[reportArgumentType]  # parametrised
        channel=channel,
        channel_reuse=reuse,
    )
    return scenario.draw(snr_db, num, torch.Generator().manual_seed(3), torch.complex128)


def posterior(r: Real, var: Real, levels: Real) -> tuple[Real, Real]:
    log_weight = -((r[:, None] - levels) ** 2) / (2 * var[:, None])
    weight = np.exp(log_weight - log_weight.max(-1, keepdims=True))
    weight /= weight.sum(-1, keepdims=True)
    mean = weight @ levels
    return mean, (weight * (levels - mean[:, None]) ** 2).sum(-1)


def reference(
    h: Complex, y: Complex, noise_var: float, detector: TapNet, rows: Real
) -> tuple[Real, Real]:
    """r and tau of the last layer for one vector, the equations written as they stand."""
    c = detector.constellation
    levels = c.axis(torch.float64).levels.numpy()
    if c.is_real:
        matrix = np.concatenate([h.real, h.imag])
    else:
        matrix = np.block([[h.real, -h.imag], [h.imag, h.real]])
    observed = np.concatenate([y.real, y.imag])
    gram, b = matrix.T @ matrix, matrix.T @ observed
    n, energy, v, prior = len(b), np.diag(gram), noise_var / 2, float((levels**2).mean())
    squares = gram**2 * (1 - np.eye(n))
    x, nu = np.zeros(n), np.full(n, prior)
    if detector.start == "lmmse":
        inverse = np.linalg.inv(gram + v / prior * np.eye(n))
        mu = 1 - np.diag(inverse) * v / prior
        x, nu = posterior(inverse @ b / mu, prior * (1 - mu) / mu, levels)
    u, gain = np.zeros(n), np.zeros(n)
    r = tau = x
    for delta, alpha, beta, onsager in rows:
        if detector.form == "vector":
            s_nu, s_gain = squares @ nu, squares @ gain
        else:
            s_nu, s_gain = squares.sum(1) * nu.mean(), squares.sum(1) * gain.mean()
        u = b - gram @ x + onsager * s_gain / energy * u
        tau = (beta * v + alpha * s_nu / energy) / energy
        r = x + u / energy
        mean, remaining = posterior(r, tau, levels)
        x, nu = x + delta * (mean - x), nu + delta * (remaining - nu)
        gain = remaining / (tau * energy)
    return r, tau


@pytest.mark.parametrize("constellation", ["bpsk", "qpsk", "16-qam"])
@pytest.mark.parametrize("form", ["vector", "scalar"])
@pytest.mark.parametrize("start", ["lmmse", "zero"])
def test_layers_are_the_equations(constellation: str, form: str, start: str) -> None:
    detector = TapNet(constellation, num_layers=4, form=form, start=start)
    perturb(detector, 0.1)
    block = draw(5, 8, constellation, 6.0)
    with torch.no_grad():
        detection = detector(block.y, block.h, block.noise_var)
        base = detector.scalars.base.double().numpy()
    assert isinstance(detection, AxisGaussianDetection)
    rows = base.copy()
    rows[:, 0] = 1 / (1 + np.exp(-rows[:, 0]))
    rows[:, 1:3] = np.exp(rows[:, 1:3])
    for i in range(len(block.h)):
        for t in range(block.y.shape[1]):
            r, tau = reference(
                block.h[i].numpy(), block.y[i, t].numpy(), float(block.noise_var[i]), detector, rows
            )
            found = detection.values[i, t].mT.reshape(-1), detection.error_var[i, t].mT.reshape(-1)
            np.testing.assert_allclose(found[0].numpy(), r, rtol=1e-6, atol=1e-7)
            np.testing.assert_allclose(found[1].numpy(), tau, rtol=1e-6)


def perturb(detector: TapNet, size: float) -> None:
    """Move all parameters, so that no test sees the starting values alone."""
    generator = torch.Generator().manual_seed(8)
    with torch.no_grad():
        for parameter in detector.parameters():
            parameter += size * torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize("adaptive", [False, True])
def test_streams_are_alike(adaptive: bool) -> None:
    detector = TapNet("16-qam", adaptive=adaptive).double()
    perturb(detector, 0.05)
    block = draw(5, 8, "16-qam", 12.0)
    order = torch.tensor([3, 0, 4, 1, 2])
    with torch.no_grad():
        plain = detector(block.y, block.h, block.noise_var).llr()
        permuted = detector(block.y, block.h[..., order], block.noise_var).llr()
    torch.testing.assert_close(permuted, plain[..., order, :], rtol=1e-7, atol=1e-7)


def test_adaptive_scalars_start_as_the_plain_ones_and_follow_the_channel() -> None:
    plain, adaptive = TapNet("qpsk"), TapNet("qpsk", adaptive=True)
    block = draw(5, 8, "qpsk", 6.0)

    def llr(detector: TapNet, noise_var: Tensor) -> Tensor:
        with torch.no_grad():
            return detector(block.y, block.h, noise_var).llr()

    torch.testing.assert_close(llr(adaptive, block.noise_var), llr(plain, block.noise_var))
    perturb(adaptive, 0.05)
    with torch.no_grad():
        rows = adaptive.prepare(block.h, block.noise_var).scalars
    assert rows.shape == (6, 8, 4)
    assert (rows[0] != rows[1]).any()


@pytest.mark.parametrize("constellation", ["bpsk", "qpsk", "64-qam"])
@pytest.mark.parametrize("options", [{}, {"form": "scalar"}, {"start": "zero"}, {"adaptive": True}])
def test_compiled_layers_agree_with_torch(constellation: str, options: dict[str, Any]) -> None:
    """Kernel in float32 against the layers in float64; sizes with a remainder after fours."""
    detector = TapNet(constellation, num_layers=4, **options)
    perturb(detector, 0.02)
    block = draw(5, 9, constellation, 10.0)
    with torch.no_grad():
        exact = detector(block.y, block.h, block.noise_var)
        single = detector(
            block.y.to(torch.complex64), block.h.to(torch.complex64), block.noise_var.float()
        )
    assert isinstance(exact, AxisGaussianDetection)
    assert isinstance(single, AxisGaussianDetection)
    torch.testing.assert_close(single.values.double(), exact.values, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(single.error_var.double(), exact.error_var, rtol=1e-3, atol=1e-6)


def test_compiled_layers_carry_nan_to_the_output() -> None:
    detector = TapNet("qpsk")
    block = draw(5, 9, "qpsk", 10.0)
    y, h = block.y.to(torch.complex64), block.h.to(torch.complex64)
    with torch.no_grad():
        prepared = detector.prepare(h, block.noise_var.float())
        assert prepared.start is not None
        broken = prepared.start.matrix.clone()
        broken[2, 0, 0] = float("nan")
        prepared = prepared._replace(start=prepared.start._replace(matrix=broken))
        finite = detector.detect(prepared, y).finite()
    assert finite.all(-1).tolist() == [True, True, False, True, True, True]


def test_gradients_reach_the_scalars_in_single_precision() -> None:
    detector = TapNet("bpsk")
    block = draw(5, 9, "bpsk", 6.0)
    y, h = block.y.to(torch.complex64), block.h.to(torch.complex64)
    loss = detector(y, h, block.noise_var.float()).llr().square().mean()
    (gradient,) = torch.autograd.grad(loss, detector.scalars.base)
    # The last layer's delta and the first one's o reach no output: 4 L - 2 are live.
    assert int((gradient != 0).sum()) == 4 * detector.num_layers - 2


TRAINED = [name for name in zoo_names() if name.startswith("tap-net")]


class TestTrained:
    """What training has to show: on fixed draws, paired, against the starting values."""

    @pytest.mark.parametrize("name", TRAINED)
    def test_beats_its_starting_values(self, name: str) -> None:
        scenario = Scenario.shipped("lcgnet-32x32-bpsk")
        trained = load(name)
        assert isinstance(trained, TapNet)
        untrained = TapNet("bpsk", trained.num_layers, trained.form, trained.start)
        rivals = [own(trained, "trained"), own(untrained, "plain")]
        found = simulate(scenario, rivals, [7.0], min_channels=8192)
        paired = found.paired("trained", "plain", 7.0)
        assert paired.high < 0
        assert paired.p_value < 1e-2

    def test_one_set_serves_other_sizes_and_constellations(self) -> None:
        """Half of the LMMSE bit errors or fewer, wherever it is tried."""
        for constellation, nt, nr, snr_db, r in (
            ("bpsk", 8, 8, 8.0, 0.0),
            ("qpsk", 16, 32, 8.0, 0.0),
            ("16-qam", 24, 48, 14.0, 0.0),
            ("64-qam", 16, 32, 21.0, 0.3),
            ("qpsk", 32, 64, 10.0, 0.5),
            ("bpsk", 16, 32, 9.0, 0.7),
        ):
            detector, linear = (
                load("tap-net-any", constellation),
                make_detector("wl-lmmse", constellation),
            )
            block = draw(nt, nr, constellation, snr_db, 100, 8, r)
            errors = []
            for rival in (detector, linear):
                decided = rival(block.y, block.h, block.noise_var).bits()
                errors.append(
                    int((decided != linear.constellation.indices_to_bits(block.indices)).sum())
                )
            assert errors[0] < 0.5 * errors[1], (constellation, nt, nr, errors)

    @pytest.mark.parametrize(("name", "snr_db"), [("tap-net-8v", 6.0), ("tap-net-any", 3.0)])
    def test_llrs_say_how_often_they_are_wrong(self, name: str, snr_db: float) -> None:
        """Among bits with |llr| near l, a share 1 / (1 + e^l) is wrong."""
        block = draw(32, 32, "bpsk", snr_db, 800, 4)
        detection = load(name)(
            block.y.to(torch.complex64), block.h.to(torch.complex64), block.noise_var.float()
        )
        llr = detection.llr().double().flatten()
        wrong = (
            detection.bits() != detection.constellation.indices_to_bits(block.indices)
        ).flatten()
        for low, high in ((0.0, 1.0), (1.0, 2.0), (2.0, 4.0)):
            inside = (llr.abs() >= low) & (llr.abs() < high)
            expected = float(torch.sigmoid(-llr.abs()[inside]).mean())
            count = int(inside.sum())
            # Errors of one vector come together: a factor of 2 on the binomial deviation.
            tolerance = 4 * 2 * (expected * (1 - expected) / count) ** 0.5
            assert abs(float(wrong[inside].double().mean()) - expected) < tolerance + 0.02

    @pytest.mark.parametrize("name", TRAINED)
    def test_card_reproduces(self, name: str) -> None:
        recipe, told = Recipe.shipped(name), card(name)
        assert told.recipe_key == recipe.key()
        assert told.options == recipe.network_options()
        plan = recipe.measure.model_copy(update={"snr_db": recipe.measure.snr_db[:1]})
        (found,) = measure(load(name), recipe.scenario, plan, recipe.seed)
        # Rounding of another processor may move a decision or two.
        assert found.ber == pytest.approx(told.measured[0].ber, rel=0.02)


def own(detector: TapNet, label: str) -> Contender:
    return Contender.from_detector(label, detector)


def test_weights_serve_other_constellations_by_name() -> None:
    detector = load("tap-net-8v", "16-qam")
    assert detector.constellation.name == "16-qam"
    assert Contender("tap-net-8v").build("qpsk").constellation.name == "qpsk"
    with pytest.raises(InvalidInputError, match=r"^constellation: "):
        load("lcgnet-v-32x64-bpsk", "qpsk")


def test_another_constellation_shares_the_parameters() -> None:
    detector = TapNet("bpsk")
    other = detector.serving("qpsk")
    assert detector.constellation.name == "bpsk"
    assert other.scalars.base is detector.scalars.base
    with pytest.raises(InvalidInputError, match=r"^constellation: "):
        LcgNetS("bpsk").serving("qpsk")
