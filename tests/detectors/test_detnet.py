"""DetNet and the WeSNet family against written-out references, closed forms and their own cuts."""

import copy
import math

import numpy as np
import pytest
import torch

from mimolearn import InvalidInputError, Scenario, make_detector
from mimolearn.detectors.networks.fully_connected.detnet_layers import soft_sign
from mimolearn.detectors.networks.fully_connected.wesnet_cut import profile, units_kept
from mimolearn.detectors.networks.normal_equations import normal_equations, right_side, zero_forcing
from mimolearn.foundation.tensors.linalg import stack_real_matrix, stack_real_vector
from mimolearn.kernels.linear import calls as linear_kernels
from mimolearn.kernels.machine.compile import reads_halves

LOGITS = {"output": "logits", "activation": "gelu", "residual": 0.5}


def block(nt=4, nr=8, constellation="bpsk", channels=3, vectors=2, dtype=torch.complex128, seed=1):
    scenario = Scenario(
        num_tx_ant=nt, num_rx_ant=nr, constellation=constellation, channel_reuse=vectors
    )
    return scenario.draw(8.0, channels, torch.Generator().manual_seed(seed), dtype)


def test_normal_equations_are_those_of_the_stacked_real_system():
    b = block(constellation="16-qam")
    detector = make_detector("equi-net", "16-qam")
    equations = normal_equations(detector.constellation, b.h, b.noise_var)
    h, y = stack_real_matrix(b.h), stack_real_vector(b.y)
    energy = h.square().sum(-2).mean(-1)[:, None, None]
    torch.testing.assert_close(equations.matrix, h.mT @ h / energy)
    q = right_side(detector.constellation, equations, b.y)
    torch.testing.assert_close(q, y @ h / energy * math.sqrt(10))
    expected = torch.linalg.lstsq(h, y.mT).solution.mT * math.sqrt(10)
    torch.testing.assert_close(zero_forcing(equations, q), expected)


def written_out(detector, b):
    """DetNet version 1 for one vector, as the paper has it, in numpy."""
    p = {name: value.detach().double().numpy() for name, value in detector.named_parameters()}
    h = np.concatenate([b.h[0].real, b.h[0].imag])
    y = np.concatenate([b.y[0, 0].real, b.y[0, 0].imag])
    energy = (h**2).sum(0).mean()
    gram, q = h.T @ h / energy, h.T @ y / energy
    x, v, r = np.zeros(len(q)), np.zeros(p["b3"].shape[1]), detector.form.residual
    for k in range(detector.num_layers):
        u = np.maximum(p["w1"][k] @ np.concatenate([q, gram @ x, x, v]) + p["b1"][k], 0)
        a, t = p["w2"][k] @ u + p["b2"][k], p["slope"][k, 0]
        width = abs(t) + 1e-5
        psi = -1 + np.maximum(a + t, 0) / width - np.maximum(a - t, 0) / width
        x = r * x + (1 - r) * psi
        v = r * v + (1 - r) * (p["w3"][k] @ u + p["b3"][k])
    return x


def test_version_1_is_the_paper_s_recursion():
    b = block()
    detector = make_detector("detnet", "bpsk", num_tx_ant=4, num_layers=3).double()
    last = detector.iterates(detector.prepare(b.h, b.noise_var), b.y)[-1]
    np.testing.assert_allclose(last[0, 0].real.detach(), written_out(detector, b), atol=1e-12)


def test_soft_sign_is_a_ramp_of_half_width_t():
    a = torch.tensor([-1.0, -0.1, 0.0, 0.05, 0.1, 3.0])
    expected = torch.tensor([-1.0, -1.0, 0.0, 0.5, 1.0, 1.0])
    torch.testing.assert_close(soft_sign(a, torch.tensor(0.1)), expected, atol=3e-4, rtol=0)


def test_parameters_are_those_of_the_papers():
    assert make_detector("detnet", "bpsk", num_layers=90).num_parameters() == 5_213_790
    other = make_detector("detnet", "bpsk", version=2, num_layers=29)
    assert other.num_parameters() == 737_818
    # LcgNet's section V-C: 32 Nt^2 + 8 Nt + 2 a layer, sizes 4 Nt and 2 Nt at QPSK.
    sizes = {"hidden_factor": 2, "state_factor": 1, "output": "logits", "version": 2}
    qpsk = make_detector("detnet", "qpsk", num_tx_ant=32, num_layers=1, **sizes)
    assert qpsk.num_parameters() == 32 * 32**2 + 8 * 32 + 2


@pytest.mark.parametrize(("width", "saved"), [(0.5, 49.92), (0.3, 69.89), (0.2, 79.87)])
def test_savings_are_those_of_the_paper(width, saved):
    full = make_detector("wesnet", "bpsk", num_layers=1, width=1.0).num_parameters()
    cut = make_detector("wesnet", "bpsk", num_layers=1, width=width).num_parameters()
    assert 100 * (1 - cut / full) == pytest.approx(saved, abs=0.01)


def test_profiles_are_equations_23_and_24():
    linear, half = profile("linear", 8, 8), profile("half-exponential", 8, 8)
    assert linear.tolist() == pytest.approx([7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8, 0])
    tail = [math.exp(-j) for j in (2, 3, 4, 5)]
    assert half.tolist() == pytest.approx([1, 1, 1, 1, *tail])
    assert profile("linear", 8, 3).tolist() == linear[:3].tolist()
    assert [units_kept(w, 240) for w in (0.001, 0.1, 0.3, 0.55, 1.0)] == [1, 24, 72, 132, 240]


@pytest.mark.parametrize("options", [LOGITS, {}], ids=["logits", "soft-sign"])
@pytest.mark.parametrize("name", ["wesnet", "l-wesnet", "r-wesnet", "slim-wesnet"])
def test_a_cut_network_is_the_smaller_one_with_the_leading_weights(name, options):
    b = block()
    sizes = {"num_tx_ant": 4, "num_layers": 5, "width": 1.0, **options}
    full = make_detector(name, "bpsk", **sizes, init_seed=3).double()
    cut = full.at(width=0.25, num_layers=3)
    other = make_detector(name, "bpsk", **{**sizes, "width": 0.25, "num_layers": 3}).double()
    with torch.no_grad():
        for key, own in other.named_parameters():
            own.copy_(full.state_dict()[key][tuple(slice(0, n) for n in own.shape)])
        if name == "l-wesnet":
            tail = full.beta()[:3, own.shape[1] - 1]
            own[:, -1] = torch.log(torch.expm1(tail))
    assert cut.num_parameters() == other.num_parameters() < 0.2 * full.num_parameters()
    expected = other(b.y, b.h, b.noise_var).llr()
    torch.testing.assert_close(cut(b.y, b.h, b.noise_var).llr(), expected)
    # A hidden unit whose outgoing weights are zero is as good as not there.
    with torch.no_grad():
        full.w2[:, :, 8:] = 0
        full.w3[:, :, 8:] = 0
    shallow = full.at(num_layers=3)
    torch.testing.assert_close(shallow(b.y, b.h, b.noise_var).llr(), expected)


def test_last_or_first_layers_are_dropped():
    full = make_detector("r-wesnet", "bpsk", num_tx_ant=4, num_layers=5, width=0.5)
    kept, first = full.at(num_layers=2), full.at(num_layers=2, first=True)
    assert torch.equal(kept.w1, full.w1[:2])
    assert torch.equal(first.w1, full.w1[3:])


def test_readings_differ_as_they_say():
    kinds = {
        r: make_detector("wesnet", "bpsk", reading=r, width=0.2)
        for r in ("hidden", "output", "input")
    }
    shapes = {r: d.w1.shape[1:] + d.w3.shape[1:] for r, d in kinds.items()}
    assert shapes["hidden"] == (48, 150, 60, 48)
    assert shapes["output"] == (48, 102, 12, 48)
    assert shapes["input"] == (240, 30, 60, 48)
    # To the letter of equation 25, 20 % of the inputs are H^T y: no layer sees H otherwise.
    b = block(30, 60, channels=1, dtype=torch.complex64)
    literal = kinds["input"]
    prepared = literal.prepare(b.h, b.noise_var)
    equations = prepared.equations
    blind = prepared._replace(
        equations=equations._replace(matrix=torch.rand_like(equations.matrix))
    )
    assert torch.equal(literal.detect(prepared, b.y).llr(), literal.detect(blind, b.y).llr())


def test_half_exponential_up_to_half_is_a_narrower_detnet():
    b = block()
    narrow = make_detector("wesnet", "bpsk", num_tx_ant=4, num_layers=3, width=0.5)
    detnet = make_detector("detnet", "bpsk", num_tx_ant=4, num_layers=3, hidden_factor=4)
    detnet.load_state_dict(narrow.state_dict())
    expected = detnet.double()(b.y, b.h, b.noise_var).llr()
    torch.testing.assert_close(narrow.double()(b.y, b.h, b.noise_var).llr(), expected)


def test_learned_profile_falls_whatever_its_parameters_are():
    network = make_detector("l-wesnet", "bpsk", num_tx_ant=4, num_layers=3)
    with torch.no_grad():
        network.falls.copy_(
            torch.randn(network.falls.shape, generator=torch.Generator().manual_seed(2))
        )
    assert bool((network.beta().diff(dim=-1) < 0).all())
    assert network.beta().shape == (3, 16)


def test_penalty_is_equation_29():
    network = make_detector("r-wesnet", "bpsk", num_tx_ant=2, num_layers=3, penalised_from=2)
    beta = profile("half-exponential", 16, 16).double()
    total = 0.0
    for r in (2, 3):
        w1, w2, w3 = (
            getattr(network, w)[r - 1].detach().double().abs() for w in ("w1", "w2", "w3")
        )
        total += math.log(1 + (r - 1) * float(w1.sum() + (w2 * beta).sum() + (w3 * beta).sum()))
    assert network.penalty().item() == pytest.approx(total, rel=1e-6)


def test_slim_views_share_parameters_and_are_its_cuts():
    b = block()
    network = make_detector("slim-wesnet", "bpsk", num_tx_ant=4, num_layers=3).double()
    views = [view for view, _ in network.views(torch.Generator().manual_seed(1))]
    assert views[0].shape.hidden == 32
    assert views[-1].shape.hidden == units_kept(0.2, 32)
    assert 7 < views[1].shape.hidden < 32
    for view in views:
        assert view.w1 is network.w1
        width = view.shape.hidden / 32
        got = view(b.y, b.h, b.noise_var).llr()
        torch.testing.assert_close(got, network.at(width=width)(b.y, b.h, b.noise_var).llr())


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("name", ["detnet", "l-wesnet"])
def test_written_out_gradients_are_autograd_s(name, activation):
    options = {**LOGITS, "activation": activation}
    detector = make_detector(name, "bpsk", num_tx_ant=4, num_layers=4, **options).double()
    b = block()
    prepared = detector.prepare(b.h, b.noise_var)
    weights = torch.randn(4, 3, 2, 4, 1, generator=torch.Generator().manual_seed(4)).double()
    fused = detector.layer_logits(prepared, b.y)
    plain = torch.stack([layer.logits for layer in detector._unfold(prepared, b.y)])
    torch.testing.assert_close(fused, plain)
    parameters = [p for p in detector.parameters() if p.numel()]
    ours = torch.autograd.grad((fused * weights).sum(), parameters)
    theirs = torch.autograd.grad((plain * weights).sum(), parameters)
    for a, c in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, c)


@pytest.mark.parametrize("activation", ["gelu", "relu"])
@pytest.mark.parametrize(("low", "tolerance"), [(None, 1e-5), (torch.bfloat16, 0.06)])
def test_compiled_gradients_are_those_of_double_precision(activation, low, tolerance):
    options = {**LOGITS, "activation": activation, "num_tx_ant": 9, "num_layers": 3}
    exact = make_detector("detnet", "bpsk", **options)
    weights = torch.randn(3, 5, 2, 9, 1, generator=torch.Generator().manual_seed(4))
    b, found = block(9, 17, channels=5), []
    for single in (True, False):
        kinds = (torch.complex64, torch.float32) if single else (torch.complex128, torch.float64)
        y, h, noise_var = b.y.to(kinds[0]), b.h.to(kinds[0]), b.noise_var.to(kinds[1])
        detector = copy.deepcopy(exact).to(kinds[1]).train()
        detector.training_dtype = low if single else None
        logits = detector.layer_logits(detector.prepare(h, noise_var), y)
        # A sum hands its gradient on as one number that stands for all.
        loss = (logits * weights).sum() + logits.sum()
        used = [p for p in detector.parameters() if p.numel()]
        found.append([logits.detach(), *torch.autograd.grad(loss, used)])
    for ours, wanted in zip(*found, strict=True):
        assert (ours - wanted).norm() < tolerance * wanted.norm()


@pytest.mark.parametrize("sizes", [(1, 3, 1), (2, 3, 64, 32), (33, 5, 17)])
def test_compiled_normal_equations_are_the_plain_ones(sizes):
    h = torch.randn(*sizes, dtype=torch.complex64, generator=torch.Generator().manual_seed(2))
    for channel in (h, h.real + 0j):
        got = linear_kernels.real_gram(channel)
        assert got is not None
        exact = channel.to(torch.complex128)
        torch.testing.assert_close(got.double(), (exact.mH @ exact).real, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("vectors", [1, 3])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("detnet", {}),
        ("detnet", LOGITS),
        ("wesnet", {"width": 0.7, "profile": "linear"}),
        ("wesnet", {"width": 0.4, "reading": "output", "profile": "linear"}),
        ("l-wesnet", {"width": 0.3, **LOGITS}),
        ("slim-wesnet", {"width": 0.3, "least_width": 0.1, "activation": "gelu"}),
    ],
)
def test_compiled_layers_are_the_plain_ones(name, options, vectors):
    b = block(11, 17, channels=7, vectors=vectors, dtype=torch.complex64)
    detector = make_detector(name, "bpsk", num_tx_ant=11, num_layers=4, **options)
    prepared = detector.prepare(b.h, b.noise_var)
    *_, plain = detector.layer_detections(prepared, b.y)
    with torch.no_grad():
        split, whole = detector.detect(prepared, b.y), detector(b.y, b.h, b.noise_var)
    for got in (split, whole):
        torch.testing.assert_close(got.llr(), plain.llr().detach(), atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("vectors", [1, 3])
@pytest.mark.parametrize(("name", "options"), [("detnet", LOGITS), ("slim-wesnet", {"width": 0.5})])
def test_half_precision_weights_are_read_as_they_are(name, options, vectors):
    b = block(11, 17, channels=7, vectors=vectors, dtype=torch.complex64)
    detector = make_detector(name, "bpsk", num_tx_ant=11, num_layers=4, **options)
    detector.load_state_dict({k: v.half() for k, v in detector.state_dict().items()})
    *_, plain = detector.layer_detections(detector.prepare(b.h, b.noise_var), b.y)
    with torch.no_grad():
        got = detector(b.y, b.h, b.noise_var)
    assert detector._pack().sizes[-1] == reads_halves()
    torch.testing.assert_close(got.llr(), plain.llr().detach(), atol=2e-5, rtol=2e-5)
    with torch.no_grad():
        detector.w1 += 1e-4
    assert detector._pack().sizes[-1] == 0


def test_packed_weights_follow_every_change():
    b = block(dtype=torch.complex64)
    detector = make_detector("detnet", "bpsk", num_tx_ant=4, num_layers=3)
    other = make_detector("detnet", "bpsk", num_tx_ant=4, num_layers=3, init_seed=5)
    with torch.no_grad():
        first, wanted = (d(b.y, b.h, b.noise_var).llr() for d in (detector, other))
        detector.load_state_dict(other.state_dict())
        assert torch.equal(detector(b.y, b.h, b.noise_var).llr(), wanted)
        assert not torch.equal(first, wanted)
        torch.optim.SGD(detector.parameters(), lr=0.1)
        detector.w2.mul_(0.5)
        assert not torch.equal(detector(b.y, b.h, b.noise_var).llr(), wanted)
        assert torch.equal(copy.deepcopy(other)(b.y, b.h, b.noise_var).llr(), wanted)


@pytest.mark.parametrize(
    ("name", "constellation", "options", "message"),
    [
        ("detnet", "16-qam", {}, "^output: .*more than two levels"),
        ("detnet", "bpsk", {"version": 3}, "^version: "),
        ("detnet", "bpsk", {"residual": 1.0}, "^residual: "),
        ("wesnet", "bpsk", {"width": 0.0}, "^width: "),
        ("wesnet", "bpsk", {"profile": "square"}, "^profile: "),
        ("slim-wesnet", "bpsk", {"width": 0.1}, "^least_width: "),
        ("r-wesnet", "bpsk", {"penalised_from": 21}, "^penalised_from: "),
    ],
)
def test_bad_options_are_named(name, constellation, options, message):
    with pytest.raises(InvalidInputError, match=message):
        make_detector(name, constellation, **options)


def test_another_number_of_streams_is_refused_and_cuts_only_shrink():
    b = block()
    with pytest.raises(InvalidInputError, match=r"^h: .*Nt = 30"):
        make_detector("detnet", "bpsk")(b.y, b.h, b.noise_var)
    with pytest.raises(InvalidInputError, match=r"^num_layers: .*at most 20"):
        make_detector("detnet", "bpsk").at(num_layers=21)
    with pytest.raises(InvalidInputError, match=r"^width: "):
        make_detector("wesnet", "bpsk", width=0.3).at(width=0.4)


def test_a_nan_that_meets_only_zeros_is_still_seen():
    scenario = Scenario.shipped("detnet-30x60-bpsk")
    b = scenario.draw(10.0, 2, torch.Generator().manual_seed(1))
    detector = make_detector("detnet", "bpsk", num_layers=1).requires_grad_(False)
    y = b.y.clone()
    y[1, 0, 3] = complex(0.0, float("nan"))
    with pytest.raises(InvalidInputError, match=r"^y: got <1 of 120 entries NaN"):
        detector(y, b.h, b.noise_var)
    h = b.h.clone()
    h[0, 1, 2] = complex(0.0, float("nan"))
    with pytest.raises(InvalidInputError, match=r"^h: got <1 of 3600 entries NaN"):
        detector(b.y, h, b.noise_var)
