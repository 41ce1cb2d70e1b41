"""A first stage in which all streams share one small layer, against small layers themselves."""

import pytest
import torch

from mimolearn import InvalidInputError, Scenario, load
from mimolearn.detectors import DetNet, SlimWeSNet, WeSNet
from mimolearn.detectors.networks.fully_connected.shared_streams import shared_part
from mimolearn.training import Stage, train
from mimolearn.weights import read_weights, write_weights

LOGITS = {"num_layers": 3, "output": "logits", "activation": "gelu", "residual": 0.5}
SHARED = Stage(steps=5, learning_rate=0.02, train="shared")
FAMILY = [
    ("detnet", LOGITS),
    ("detnet", {**LOGITS, "version": 2, "hidden_factor": 2, "state_factor": 1}),
    ("detnet", {"num_layers": 3}),
    ("slim-wesnet", LOGITS),
]


def permuted_alike(detector, scenario):
    """Whether streams in another order give the same LLRs in that order."""
    block = scenario.draw(6.0, 5, torch.Generator().manual_seed(2), torch.complex128)
    order = torch.tensor([2, 0, 3, 1])
    detector = detector.double()
    plain = detector(block.y, block.h, block.noise_var).llr()
    moved = detector(block.y, block.h[..., order], block.noise_var).llr()
    return torch.allclose(moved, plain[..., order, :], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("network", "options"), FAMILY)
@pytest.mark.parametrize("constellation", ["bpsk", "qpsk"])
def test_all_streams_are_treated_alike_until_all_weights_are_trained(
    recipe, network, options, constellation
):
    scenario = Scenario(num_tx_ant=4, num_rx_ant=8, constellation=constellation)
    loss = {"name": "level-entropy" if "output" in options else "mse"}
    common = {"network": network, "options": options, "scenario": scenario, "loss": loss}
    shared = train(recipe(**common, stage=[SHARED]))
    assert permuted_alike(shared.network, scenario)
    assert shared.history[-1]["best_loss"] < shared.history[0]["loss"]
    both = train(recipe(**common, stage=[SHARED, Stage(steps=3)]))
    assert not permuted_alike(both.network, scenario)


def test_a_cut_network_has_the_units_of_its_first_streams():
    full, cut = DetNet("bpsk", num_tx_ant=4, **LOGITS), WeSNet("bpsk", 4, width=0.3, **LOGITS)
    full.share_streams(1)
    cut.share_streams(1)
    # 10 of 32 units: two for every stream and a third for the first two, of 4 + 4 + 4 + 8 inputs.
    assert cut.w1.shape == (3, 10, 20)
    joined = cut.w1[0] != 0
    unit, entry = torch.meshgrid(torch.arange(10), torch.arange(20), indexing="ij")
    assert torch.equal(joined, unit % 4 == entry % 4)
    assert torch.equal(joined, full.w1[0, :10] != 0)


@pytest.mark.parametrize("rows", [4, 6, 8])
def test_gradients_are_those_of_the_small_layers(rows):
    n, columns = 4, 12
    generator = torch.Generator().manual_seed(3)
    small = torch.randn(2, -(-rows // n), columns // n, generator=generator, requires_grad=True)
    whole = torch.stack([torch.kron(layer, torch.eye(n)) for layer in small])[:, :rows]
    target = torch.randn(whole.shape, generator=generator)
    ((whole - target) ** 2).sum().backward()
    found = shared_part(2 * (whole.detach() - target), n)
    torch.testing.assert_close(found[:, ::n, ::n], small.grad)
    off = torch.arange(rows)[:, None] % n != torch.arange(columns) % n
    assert not found[:, off].any()


def test_gradients_of_biases_are_summed_over_streams():
    found = shared_part(torch.tensor([[1.0, 2.0, 4.0, 8.0, 16.0]]), 2)
    assert found.tolist() == [[3.0, 3.0, 12.0, 12.0, 16.0]]


def test_an_interrupted_shared_stage_goes_on_bit_for_bit(recipe, tmp_path, monkeypatch):
    plan = recipe(network="slim-wesnet", options=LOGITS, loss={"name": "level-entropy"},
                  stage=[SHARED, Stage(steps=3)])  # fmt: skip
    straight = train(plan)
    monkeypatch.setattr("mimolearn.training.loop._CHECKPOINT_S", 0.0)

    def stop(event):
        if event.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(plan, out=tmp_path, progress=stop)
    resumed = train(plan, out=tmp_path)
    for name, value in straight.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


@pytest.mark.parametrize(
    "fields",
    [
        {"network": "lcgnet-v", "stage": [SHARED]},
        {"network": "detnet", "stage": [Stage(steps=1), SHARED]},
        {
            "network": "detnet",
            "options": {"output": "logits"},
            "scenario": Scenario(num_tx_ant=4, num_rx_ant=8, constellation="16-qam"),
            "stage": [SHARED],
        },
    ],
)
def test_what_cannot_share_says_so(recipe, fields):
    with pytest.raises(InvalidInputError, match=r"^train: got 'shared', expected") as caught:
        recipe(**{"options": {}, **fields})
    assert "\n" not in str(caught.value)


def test_slim_networks_share_at_every_width():
    detector = SlimWeSNet("bpsk", num_tx_ant=4, **LOGITS)
    detector.share_streams(1)
    half = detector.at(width=0.5)
    assert permuted_alike(half, Scenario(num_tx_ant=4, num_rx_ant=8, constellation="bpsk"))


@pytest.mark.parametrize(
    ("network", "options"),
    [*FAMILY, ("wesnet", {**LOGITS, "width": 0.5}), ("l-wesnet", {**LOGITS, "width": 0.5})],
)
def test_a_file_holds_the_small_layers_alone(recipe, tmp_path, network, options):
    scenario = Scenario(num_tx_ant=4, num_rx_ant=8, constellation="bpsk")
    loss = {"name": "level-entropy" if "output" in options else "mse"}
    common = {"network": network, "options": options, "scenario": scenario, "loss": loss}
    found = train(recipe(**common, stage=[SHARED]), out=tmp_path)
    assert found.card.layout == "small"
    stored = read_weights(found.path).tensors
    assert stored["w1"].numel() * 4 == found.network.w1.count_nonzero()
    again = load(found.path).state_dict()
    for name, tensor in found.network.state_dict().items():
        assert torch.equal(again[name], tensor), name
    both = train(recipe(**common, stage=[SHARED, Stage(steps=3)]), out=tmp_path / "both")
    assert both.card.layout == "whole"


def test_small_layers_that_do_not_fit_are_refused(recipe, tmp_path):
    scenario = Scenario(num_tx_ant=4, num_rx_ant=8, constellation="bpsk")
    plan = recipe(network="detnet", options=LOGITS, scenario=scenario, stage=[SHARED],
                  loss={"name": "level-entropy"})  # fmt: skip
    found = train(plan, out=tmp_path)
    fields = found.card.model_dump(exclude={"layout", "versions", "sha256"})
    small = found.network.small_state()
    tensors = {**small, "w1": small["w1"][:, :-1]}
    write_weights(tmp_path, found.network, fields, small=tensors)
    with pytest.raises(InvalidInputError, match=r"tensor w1 has shape \(3, 7, 5\).* \(3, 8, 5\)"):
        load(found.path)
    tensors = {**small, "b1": small["b1"] / 0}
    write_weights(tmp_path, found.network, fields, small=tensors)
    with pytest.raises(InvalidInputError, match="tensor b1 holds NaN or infinite"):
        load(found.path)


def test_layers_that_are_not_alike_have_no_small_ones():
    plain = DetNet("bpsk", num_tx_ant=4, **LOGITS)
    assert plain.small_state() is None
    plain.share_streams(1)
    assert sum(tensor.numel() for tensor in plain.small_state().values()) == 3 * 75
    with torch.no_grad():
        plain.w3[1, 2, 3] += 1e-3
    assert plain.small_state() is None


def test_a_network_without_small_layers_refuses_their_layout(recipe, tmp_path):
    found = train(recipe(network="equi-net", options={"num_layers": 1}, stage=[Stage(steps=1)],
                         loss={"name": "level-entropy"}), out=tmp_path)  # fmt: skip
    fields = found.card.model_dump(exclude={"layout", "versions", "sha256"})
    write_weights(tmp_path, found.network, fields, small=found.network.state_dict())
    with pytest.raises(InvalidInputError, match="layout: got 'small', expected 'whole'"):
        load(found.path)


def test_a_shared_stage_may_go_on_from_weights_that_are_alike(recipe, tmp_path):
    scenario = Scenario(num_tx_ant=4, num_rx_ant=8, constellation="bpsk")
    common = {"network": "detnet", "options": LOGITS, "scenario": scenario,
              "loss": {"name": "level-entropy"}}  # fmt: skip
    first = train(recipe(**common, stage=[SHARED]), out=tmp_path)
    again = recipe(**common, stage=[SHARED], start_from=str(first.path))
    found = train(again, out=tmp_path / "again")
    assert found.card.layout == "small"
    assert found.history[0]["loss"] < first.history[0]["loss"]
    free = train(recipe(**common, stage=[SHARED, Stage(steps=2)]), out=tmp_path / "free")
    with pytest.raises(InvalidInputError, match=r"^start_from: .*alike for all streams"):
        train(recipe(**common, stage=[SHARED], start_from=str(free.path)))
