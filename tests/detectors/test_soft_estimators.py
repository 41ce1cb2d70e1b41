"""Learned soft-bit estimators: published sizes, what they are untrained, and that they learn."""

import pytest
import torch

from mimolearn import InvalidInputError, Recipe, load, make_detector, train
from mimolearn.link.scenario import Scenario
from mimolearn.training import Descent, SoftBitMeasurement, SoftBitRecipe
from mimolearn.training.losses import symbol_logits

SCENARIO = Scenario(num_tx_ant=2, num_rx_ant=2, constellation="16-qam", snr_definition="per_stream")


def block(num=200):
    return SCENARIO.draw(10.0, num, torch.Generator().manual_seed(1), torch.complex128)


@pytest.mark.parametrize(
    ("constellation", "nt", "blocks", "count"),
    [
        ("64-qam", 2, 3, 139_660),
        ("64-qam", 2, 4, 186_224),
        ("16-qam", 4, 6, 297_832),
        ("16-qam", 4, 10, 496_472),
    ],
)
def test_published_sizes_of_nn_det(constellation, nt, blocks, count):
    net = make_detector("nn-det", constellation, num_tx_ant=nt, num_layers=blocks)
    assert sum(p.numel() for p in net.parameters()) == count


@pytest.mark.parametrize(
    ("constellation", "nt", "form", "count"),
    [
        ("64-qam", 2, "L", 411_462),
        ("64-qam", 2, "P", 1_078_470),
        ("16-qam", 4, "L", 737_548),
        ("16-qam", 4, "P", 1_921_804),
    ],
)
def test_published_sizes_of_eq_net(constellation, nt, form, count):
    net = make_detector("eq-net-published", constellation, num_tx_ant=nt, form=form)
    assert sum(p.numel() for p in net.estimator_parameters()) == count
    decoder = {"64-qam": 117_516, "16-qam": 280_592}[constellation]
    assert sum(p.numel() for p in net.parameters()) == count + decoder


def test_published_blocks_are_those_of_the_figure():
    """One block by hand: three layers down, three up, each with what its like has left."""
    net = make_detector("eq-net-published", "16-qam")
    b = block(5)
    scale = b.h.abs().square().mean((-2, -1), keepdim=True)
    relu, w = torch.relu, [p.to(torch.float64) for p in net.weights]

    def real(values):
        return torch.view_as_real(values.resolve_conj()).flatten(1)

    y, h = b.y[:, 0] / scale[:, 0].sqrt(), b.h / scale.sqrt()
    noise = b.noise_var[:, None] / scale[:, 0]
    parts = [relu(real(y) @ w[0]), relu(real(h).flatten(1) @ w[1]), relu(noise @ w[2])]
    u, left = torch.cat(parts, -1), []
    for i in range(3):
        u = relu(u @ w[3 + i])
        left.append(relu(u @ w[6 + i]))
    for i in range(3):
        u = relu(u @ w[9 + i] + left[i])
    found = net.features(net.prepare(b.h, b.noise_var), b.y)[:, 0]
    torch.testing.assert_close(found, u @ w[12], rtol=1e-9, atol=1e-9)


def test_nn_det_starts_alike_and_leaves_torch_as_it_was():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    a, b = (make_detector("nn-det", "16-qam") for _ in range(2))
    assert torch.equal(torch.rand(2), expected)
    for x, y in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.equal(x, y)


@pytest.mark.parametrize("constellation", ["bpsk", "16-qam"])
def test_oamp_net2_is_oamp_before_training(constellation):
    scenario = Scenario(num_tx_ant=4, num_rx_ant=6, constellation=constellation)
    b = scenario.draw(8.0, 50, torch.Generator().manual_seed(1), torch.complex128)
    net = make_detector("oamp-net2", constellation, num_layers=5)
    plain = make_detector("oamp", constellation, num_iter=5, variances="shared")
    found, expected = (d(b.y, b.h, b.noise_var) for d in (net, plain))
    torch.testing.assert_close(found.llr(), expected.llr(), rtol=1e-6, atol=1e-6)
    assert sum(p.numel() for p in net.parameters()) == 20


@pytest.mark.parametrize("constellation", ["bpsk", "16-qam"])
def test_the_first_layer_with_a_variance_for_each_stream_is_unbiased_lmmse(constellation):
    scenario = Scenario(num_tx_ant=4, num_rx_ant=6, constellation=constellation)
    b = scenario.draw(8.0, 50, torch.Generator().manual_seed(1), torch.complex128)
    net = make_detector("oamp-net2", constellation, num_layers=1, variances="streams")
    # A weak y leaves kappa = 1 times the variance of the symbols for v^2.
    quiet = b.y * 1e-3
    plain = make_detector("wl-lmmse" if constellation == "bpsk" else "lmmse", constellation)
    found, expected = (d(quiet, b.h, b.noise_var) for d in (net, plain))
    torch.testing.assert_close(found.llr(), expected.llr(), rtol=1e-6, atol=1e-9)


def test_one_set_of_oamp_net2_is_ahead_of_published_oamp_on_every_kind_of_link():
    """Counts on common draws: independent and correlated, 16- and 64-QAM, a square system."""
    links = [
        (16, 32, "16-qam", 0.0, 12.0),
        (16, 32, "64-qam", 0.0, 18.5),
        (16, 32, "16-qam", 0.7, 19.0),
        (4, 4, "16-qam", 0.0, 12.0),
    ]
    for nt, nr, constellation, rho, snr_db in links:
        channel = {"model": "kronecker", "rx_correlation": rho, "tx_correlation": rho}
        scenario = Scenario(
            num_tx_ant=nt,
            num_rx_ant=nr,
            constellation=constellation,
            channel=channel,
            snr_definition="received",
        )
        b = scenario.draw(snr_db, 1000, torch.Generator().manual_seed(4))
        net = load("oamp-net2-any", constellation)
        plain = make_detector("oamp", constellation, variances="shared")
        wrong, before = (
            int((d(b.y, b.h, b.noise_var).indices() != b.indices).sum()) for d in (net, plain)
        )
        assert before > 50
        assert wrong < 0.95 * before, (nt, nr, constellation, rho)


@pytest.mark.parametrize("link", ["2x2-64qam", "4x4-16qam"])
def test_oamp_net2_has_more_information_than_lmmse_on_the_coded_links(link):
    scenario = Scenario.shipped(f"eqnet-{link}-coded")
    b = scenario.draw(13.0 if link == "2x2-64qam" else 6.0, 3000, torch.Generator().manual_seed(5))
    signs = 2.0 * scenario.points().indices_to_bits(b.indices) - 1
    detectors = load(f"oamp-net2-{link}"), make_detector("lmmse", scenario.constellation)
    with torch.no_grad():
        losses = [
            torch.nn.functional.softplus(-signs * d(b.y, b.h, b.noise_var).llr()).flatten(1).mean(1)
            for d in detectors
        ]
    gain = losses[1] - losses[0]
    assert gain.mean() > 2 * gain.std() / len(gain) ** 0.5


@pytest.mark.parametrize(("cues", "inner"), [("sic", "lmmse"), ("ep", "ep")])
def test_the_estimator_is_its_base_before_training(cues, inner):
    b = block()
    net = make_detector("eq-net", "16-qam", cues=cues, num_iter=4)
    options = {"num_iter": 4} if inner == "ep" else {}
    plain = make_detector(inner, "16-qam", **options)
    found, expected = (d(b.y, b.h, b.noise_var).llr() for d in (net, plain))
    torch.testing.assert_close(found, expected.clamp(-24, 24), rtol=1e-5, atol=1e-5)


def test_cancelling_right_decisions_leaves_each_stream_alone():
    """At high SNR the cancelled LLRs are those of a stream by itself."""
    b = SCENARIO.draw(40.0, 30, torch.Generator().manual_seed(2), torch.complex128)
    net = make_detector("eq-net", "16-qam")
    prepared = net.prepare(b.h, b.noise_var)
    cues = net.read(prepared, b.y)
    x = SCENARIO.points().map(b.indices, torch.complex128)[:, 0].gather(-1, prepared.order)
    noise = b.y[:, 0] - (prepared.h @ x.unsqueeze(-1)).squeeze(-1)
    z = x + (noise.unsqueeze(-2) @ prepared.h.conj()).squeeze(-2) / prepared.energy[:, 0]
    variance = prepared.noise_var[:, 0] / prepared.energy[:, 0]
    expected = torch.tanh(SCENARIO.points().llr(z, variance) / 2).flatten(1)
    start = cues.features.shape[-1] - 2 * expected.shape[-1]
    found = cues.features[:, 0, start : start + expected.shape[-1]]
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_the_estimator_learns(tmp_path):
    recipe = SoftBitRecipe(
        part="estimator",
        name="tiny",
        network="eq-net",
        scenario=SCENARIO,
        snr={"low_db": 8.0, "high_db": 12.0},
        uses=6000,
        fit=Descent(steps=150, batch=128),
        measure=SoftBitMeasurement(snr_db=(10.0,), uses=2000),
    )
    found = train(recipe, out=tmp_path)
    none = recipe.model_copy(update={"fit": Descent(steps=1, learning_rate=1e-9)})
    before = train(none, out=tmp_path / "before")
    assert found.card.soft_bits[0].kl_mbit < 0.75 * before.card.soft_bits[0].kl_mbit
    assert SoftBitRecipe(**found.card.recipe) == recipe
    again = train(recipe)
    for a, b in zip(found.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(a, b)


def published(tmp_path, loss, stage_one, steps=120, **options):
    recipe = SoftBitRecipe(
        part="estimator",
        name="published",
        network="eq-net-published",
        scenario=SCENARIO,
        snr={"low_db": 14.0, "high_db": 18.0},
        uses=4000,
        options=options,
        stage_one=stage_one,
        fit=Descent(steps=steps, batch=64, learning_rate=1e-3, loss=loss),
        measure=SoftBitMeasurement(snr_db=(16.0,), uses=1000),
    )
    return train(recipe, out=tmp_path / loss)


@pytest.fixture(scope="module")
def first_stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    recipe = SoftBitRecipe(
        name="first",
        network="eq-net-published",
        scenario=SCENARIO,
        snr={"low_db": 14.0, "high_db": 18.0},
        uses=4000,
        bits=3,
        options={"steps": 240, "loss": "kl"},
    )
    return str(train(recipe, out=folder).path)


@pytest.mark.parametrize("loss", ["l1", "mse", "kl"])
def test_the_second_stage_learns_and_keeps_the_decoder(tmp_path, first_stage, loss):
    before = published(tmp_path / "before", loss, first_stage, steps=1)
    after = published(tmp_path, loss, first_stage)
    quantizer = load(first_stage)
    for part in (before, after):
        for a, b in zip(
            part.network.decoder.parameters(), quantizer.decoder.parameters(), strict=True
        ):
            assert torch.equal(a, b)
    assert after.card.soft_bits[0].kl_mbit < 0.9 * before.card.soft_bits[0].kl_mbit
    assert after.card.steps == 120


@pytest.mark.parametrize("options", [{}, {"inputs": "whitened"}, {"noise": "deviation"}])
def test_one_stage_trains_both_parts(tmp_path, options):
    found = published(tmp_path, "weighted-square", "", **options)
    fresh = make_detector("eq-net-published", "16-qam", **options)
    for a, b in zip(found.network.decoder.weights, fresh.decoder.weights, strict=True):
        assert not torch.equal(a, b)
    before = published(tmp_path / "before", "weighted-square", "", steps=1, **options)
    assert found.card.soft_bits[0].kl_mbit < 0.95 * before.card.soft_bits[0].kl_mbit


def test_stages_that_do_not_fit_are_refused(tmp_path, first_stage):
    with pytest.raises(InvalidInputError, match="loss: got 'l1', expected 'kl' or 'weighted"):
        published(tmp_path, "l1", "")
    with pytest.raises(
        InvalidInputError, match=r"stage_one: got 'max-mi.* weights of 'eq-net-publ"
    ):
        published(tmp_path, "l1", "max-mi-4x4-16qam-48")
    with pytest.raises(InvalidInputError, match=r"stage_one: got .* the estimator's decoder"):
        published(tmp_path, "l1", first_stage, hidden=3)
    with pytest.raises(InvalidInputError, match="inputs: got 'cooked'"):
        make_detector("eq-net-published", "16-qam", inputs="cooked")


def test_oamp_net2_trains_where_oamp_fails():
    recipe = Recipe(
        name="oamp-net2-small",
        network="oamp-net2",
        scenario=SCENARIO,
        options={"num_layers": 3},
        snr={"low_db": 10.0, "high_db": 10.0},
        loss={"name": "cross-entropy"},
        batch={"channels": 64, "vectors": 2},
        validation={"channels": 128, "every": 40},
        stage=[{"steps": 80, "learning_rate": 0.03}],
    )
    trained = train(recipe)
    losses = [line["validation_loss"] for line in trained.history]
    b = block(1000)
    b = b._replace(y=b.y.to(torch.complex64), h_hat=b.h_hat.to(torch.complex64))
    plain = make_detector("oamp", "16-qam", num_iter=3, variances="shared")

    def loss(detector):
        logits = symbol_logits(detector(b.y, b.h_hat, b.noise_var.float()))
        log_p = torch.log_softmax(logits, -1).gather(-1, b.indices.unsqueeze(-1))
        return -float(log_p.mean())

    assert loss(trained.network) < 0.8 * loss(plain)
    assert losses[-1] <= losses[0]


def test_logits_of_axes_are_logits_of_points():
    b = block(20)
    net = make_detector("nn-det", "16-qam").eval()
    detection = net(b.y, b.h, b.noise_var)
    logits = symbol_logits(detection)
    assert torch.equal(logits.argmax(-1), detection.indices())
    torch.testing.assert_close(
        SCENARIO.points().logits_to_llr(logits), detection.llr(), rtol=1e-6, atol=1e-6
    )
    torch.testing.assert_close(
        torch.logsumexp(logits, -1), torch.zeros(20, 1, 2, dtype=torch.float64), rtol=0, atol=1e-9
    )


def test_refusals():
    for name in ("eq-net", "eq-net-published", "nn-det"):
        with pytest.raises(InvalidInputError, match="QPSK or larger"):
            make_detector(name, "bpsk")
        with pytest.raises(InvalidInputError, match="2 streams, which the network is made for"):
            make_detector(name, "qpsk")(torch.ones(1, 3) + 0j, torch.ones(3, 3) + 0j, 1.0)
    with pytest.raises(InvalidInputError, match="form: got 'M'"):
        make_detector("eq-net", "qpsk", form="M")
    with pytest.raises(InvalidInputError, match="network: got 'lmmse', expected 'eq-net'"):
        train(
            SoftBitRecipe(
                part="estimator",
                name="wrong",
                network="lmmse",
                scenario=SCENARIO,
                snr={"low_db": 8.0, "high_db": 12.0},
            )
        )
