"""A Ray cluster of two nodes, one of which is lost: started once, each test checking much."""

import os
import signal
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from mimolearn import (
    BeamPlan,
    BeamScenario,
    HybridArray,
    InvalidInputError,
    MimolearnError,
    compare_beams,
)
from mimolearn.link.scenario import Scenario
from mimolearn.studies import Contender, load_results, simulate
from mimolearn.studies.execution import ray_executor
from mimolearn.studies.kinds.counts import error_counts
from mimolearn.training import Recipe, sweep

pytest.importorskip("ray", reason="the extra 'ray' is not installed")

SCENARIO = Scenario(num_tx_ant=2, num_rx_ant=2, constellation="qpsk", channel_reuse=3)
# About a hundred chunks: enough that some are left when all kills are done.
RUN = {"snr_db": [0, 4, 8], "min_errors": 10**9, "max_vectors": 200_000}
PAIR = ["lmmse", "lmmse:biased=true"]


def counts(comparison):
    return {
        (curve.label, point.snr_db): (point.counts, point.positions.to_bytes())
        for curve in comparison.curves
        for point in curve.points
    }


@pytest.fixture(scope="module")
def serial():
    return counts(simulate(SCENARIO, PAIR, **RUN))


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    # Sockets lie in it, whose paths may have 107 bytes: pytest's own folders are too deep.
    with (
        tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("RAY_TMPDIR", folder)
        # A lost node is noticed in seconds, not in half a minute.
        patch.setenv("RAY_health_check_period_ms", "500")
        patch.setenv("RAY_health_check_failure_threshold", "3")
        head = {"num_cpus": 1, "include_dashboard": False}
        made = Cluster(initialize_head=True, head_node_args=head)
        yield made
        made.shutdown()


def chunk_workers():
    """Processes that run a chunk for Ray at this moment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "cmdline").read_bytes().startswith(b"ray::_work"):
                found.append(int(folder.name))
    return found


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_lost_workers_and_a_lost_node_change_no_count(cluster, serial, tmp_path, trials):
    wanted = trials("Ray workers killed, ten a run and then a node, identical integers", 2, 50)
    for done in range(0, wanted, 10):
        disturbance = Disturbance(cluster, min(wanted - done, 10), seed=done)
        path = tmp_path / f"results-{done}.sqlite"
        with disturbance:
            found = simulate(
                SCENARIO,
                PAIR,
                **RUN,
                executor="ray",
                ray_address=cluster.address,
                store=path,
                progress=disturbance,
            )
        assert disturbance.left == 0
        assert disturbance.node is None
        assert counts(found) == serial
        assert counts(load_results(path)) == serial


class Disturbance:
    """Kills workers in the middle of chunks, then takes a node away between two chunks."""

    def __init__(self, cluster, kills, seed):
        self.cluster, self.left, self.random = cluster, kills, Random(seed)
        self.node = cluster.add_node(num_cpus=1)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.kill)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def kill(self):
        while self.left and not self.over.wait(0.002):
            for process in chunk_workers()[:1]:
                time.sleep(self.random.uniform(0, 0.02))
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
                    self.left -= 1

    def __call__(self, event):
        if self.left == 0 and self.node is not None:
            self.cluster.remove_node(self.node, allow_graceful=False)
            self.node = None


def test_worker_with_another_contender_is_refused(cluster, monkeypatch):
    kind = error_counts(SCENARIO, (Contender("zf"),))
    executor = ray_executor.RayExecutor(kind, 1, cluster.address)
    try:
        executor._check_keys((Contender("zf").key(),))
        with pytest.raises(MimolearnError, match="contender 'zf' has key 0123 on a worker and"):
            executor._check_keys(("0123",))
    finally:
        executor.shutdown()


def test_rates_of_beamformers_are_the_same_there(cluster):
    array = HybridArray(
        num_users=2, num_tx_ant=16, num_tx_chains=4, num_rx_ant=4, num_rx_chains=2, num_streams=1
    )
    link = BeamScenario(array=array)
    plan = BeamPlan(snr_db=(-8.0, -3.0), contenders=("svd-phase", "fd-mmse"), channels=100)
    here = compare_beams(link, plan, timing=False)
    there = compare_beams(link, plan, timing=False, executor="ray", ray_address=cluster.address)
    for one, other in zip(here.curves, there.curves, strict=True):
        for a, b in zip(one.points, other.points, strict=True):
            assert a.rates.tobytes() == b.rates.tobytes()


def test_no_cluster_is_one_line():
    with pytest.raises(MimolearnError, match=r"ray: no cluster at 127\.0\.0\.1:1: "):
        simulate(SCENARIO, PAIR, [0], executor="ray", ray_address="127.0.0.1:1")


def test_missing_ray_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InvalidInputError, match="'ray', which is not installed; pip install"):
        simulate(SCENARIO, PAIR, [0], executor="ray")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"executor": "slurm"}, "executor: got 'slurm'"),
        ({"ray_address": "auto"}, "ray_address: got 'auto', expected none, unless"),
        ({"executor": "serial", "workers": 2}, "workers: got 2, expected 1 with"),
    ],
)
def test_choices_that_do_not_fit(options, message):
    with pytest.raises(InvalidInputError, match=message):
        simulate(SCENARIO, PAIR, [0], **options)


def test_a_training_sweep_gives_the_same_weights(cluster, tmp_path):
    recipe = Recipe(
        name="small",
        network="lcgnet-s",
        options={"num_layers": 2},
        scenario={"num_tx_ant": 2, "num_rx_ant": 4, "constellation": "bpsk"},
        batch={"channels": 4},
        validation={"channels": 4, "every": 2},
        measure={"snr_db": [5.0], "channels": 16},
        stage=[{"steps": 4}],
    )
    serial = sweep(recipe, ["seed=1,2"], out=tmp_path / "serial")
    arguments = {"executor": "ray", "ray_address": cluster.address}
    there = sweep(recipe, ["seed=1,2"], out=tmp_path / "ray", **arguments)
    assert [card.sha256 for _, card in there] == [card.sha256 for _, card in serial]
    names = {path.name for path in (tmp_path / "ray").iterdir()}
    assert names == {path.name for path in (tmp_path / "serial").iterdir()}
