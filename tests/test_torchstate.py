"""What torch is set to around a simulation does not reach it, and comes back afterwards."""

import threading
from contextlib import ExitStack, contextmanager

import pytest
import torch

from mimolearn import BeamPlan, BeamScenario, Scenario, compare_beams, load, make_detector, simulate
from mimolearn.foundation.tensors.state import clean_torch, evaluating
from mimolearn.studies.kinds.run_chunk import run_chunk
from mimolearn.studies.timing import measure_timing


@contextmanager
def setting(setter, value, before):
    setter(value)
    try:
        yield
    finally:
        setter(before)


AMBIENT = {
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "inference": torch.inference_mode,
    "float64": lambda: setting(torch.set_default_dtype, torch.float64, torch.float32),
    "device": lambda: torch.device("meta"),
    "flush": lambda: setting(torch.set_flush_denormal, True, False),
    "products": lambda: setting(torch.set_float32_matmul_precision, "medium", "highest"),
    "gradients": torch.enable_grad,
}
each_setting = pytest.mark.parametrize("name", AMBIENT)


def state():
    return (
        torch.is_inference_mode_enabled(),
        torch.is_grad_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_default_dtype(),
        torch.empty(0).device.type,
        # A product of two normal numbers that is subnormal.
        bool(torch.tensor([1e-30]).mul(torch.tensor([1e-10])).item() > 0)
        if torch.empty(0).device.type == "cpu"
        else None,
        torch.backends.mkldnn.matmul.fp32_precision,
    )


@each_setting
def test_the_state_is_clean_inside_and_restored_outside(name):
    clean = (False, False, False, torch.float32, "cpu", True)
    with AMBIENT[name]():
        before = state()
        for _ in range(2):
            with pytest.raises(KeyError):
                _look(clean)
            assert state() == before


def _look(clean):
    with clean_torch():
        assert state()[:-1] == clean
        assert state()[-1] in ("none", "ieee")
        raise KeyError


SCENARIO = Scenario(num_tx_ant=2, num_rx_ant=2, constellation="64-qam", snr_definition="per_stream")


@pytest.fixture(scope="module")
def counts():
    detectors = [("nn-det", load("nn-det-2x2-64qam")), ("oamp-net2", load("oamp-net2-2x2-64qam"))]
    detectors += [("lmmse", make_detector("lmmse", "64-qam"))]

    def count():
        results = run_chunk(SCENARIO, "18.000000", 0, detectors)
        return [(result.counts, result.positions.to_bytes()) for result in results]

    return count


@each_setting
def test_counts_do_not_depend_on_the_state(name, counts):
    expected = counts()
    with AMBIENT[name]():
        assert counts() == expected


@pytest.mark.parametrize("name", ["autocast", "float64", "inference"])
def test_whole_runs_do_not_depend_on_the_state(name):
    plan = {"min_errors": 50, "max_vectors": 5000}
    coded = Scenario(**{**SCENARIO.model_dump(), "coding": {"code": "802.11n-ldpc"}})
    labels = ["nn-det-2x2-64qam", "lmmse"]

    def count():
        plain = simulate(SCENARIO, labels, [18], **plan)
        blocks = simulate(coded, labels[1:], [14], max_vectors=500, min_errors=10)
        return [p.counts for run in (plain, blocks) for c in run.curves for p in c.points]

    expected, detector = count(), load(labels[0])
    with AMBIENT[name]():
        assert count() == expected
        assert measure_timing(SCENARIO, detector, 18.0, budget_s=0.01).vector_us > 0


@pytest.mark.parametrize("name", ["autocast", "float64"])
def test_beam_rates_do_not_depend_on_the_state(name):
    scenario = BeamScenario.shipped("mser-qpsk")
    plan = BeamPlan(contenders=["fd-mmse", "svd-phase"], snr_db=[0], channels=64)

    def rates():
        run = compare_beams(scenario, plan, timing=False)
        return [curve.points[0].rates.tolist() for curve in run.curves]

    expected = rates()
    with AMBIENT[name]():
        assert rates() == expected


# Evaluation mode


def test_every_part_comes_back_in_its_own_mode():
    module = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Dropout())
    module[0].eval()
    with evaluating(module):
        with evaluating(module):
            assert not any(part.training for part in module.modules())
        assert not any(part.training for part in module.modules())
    assert [part.training for part in module.modules()] == [True, False, True]


def test_threads_that_overlap_leave_the_mode_as_it_was():
    module, modes = torch.nn.Dropout(), []
    entered, left = threading.Event(), threading.Event()

    def first():
        with evaluating(module):
            entered.set()
            assert left.wait(10)
            modes.append(module.training)

    thread = threading.Thread(target=first)
    with ExitStack() as stack:
        stack.enter_context(evaluating(module))
        thread.start()
        assert entered.wait(10)
    left.set()
    thread.join()
    assert modes == [False]
    assert module.training
