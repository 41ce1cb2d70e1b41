"""A Ray cluster of two nodes, one of which is lost: started once, each test checking much."""

import os
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from mimolearn import InvalidInputError, MimolearnError
from mimolearn.scenario import Scenario
from mimolearn.simulation import Contender, load_results, ray_executor, simulate
from mimolearn.training import Recipe, sweep

pytest.importorskip("ray", reason="the extra 'ray' is not installed")

SCENARIO = Scenario(num_tx_ant=2, num_rx_ant=2, constellation="qpsk", channel_reuse=3)
RUN = {"snr_db": [0, 4, 8], "min_errors": 30_000, "max_vectors": 300_000}
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
        kills = min(wanted - done, 10)
        disturbance = Disturbance(cluster, kills)
        path = tmp_path / f"results-{done}.sqlite"
        found = simulate(
            SCENARIO,
            PAIR,
            **RUN,
            executor="ray",
            ray_address=cluster.address,
            store=path,
            progress=disturbance,
        )
        assert len(disturbance.killed) == kills
        assert disturbance.node is None
        assert counts(found) == serial
        assert counts(load_results(path)) == serial


class Disturbance:
    """Called after each chunk: kills a worker as often as wanted, then takes a node away."""

    def __init__(self, cluster, kills):
        self.cluster, self.kills, self.killed = cluster, kills, []
        self.node = cluster.add_node(num_cpus=1)

    def __call__(self, event):
        if len(self.killed) < self.kills:
            self.killed.append(kill_one())
        elif self.node is not None:
            self.cluster.remove_node(self.node, allow_graceful=False)
            self.node = None


def kill_one():
    """Kill the first worker that is seen in a chunk; new ones take seconds to start."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for process in chunk_workers()[:1]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
                return process
        time.sleep(0.01)
    raise AssertionError("no worker runs a chunk")


def test_worker_with_another_contender_is_refused(cluster, monkeypatch):
    executor = ray_executor.RayExecutor(SCENARIO, (Contender("zf"),), 1, cluster.address)
    try:
        executor._check_keys((Contender("zf").key(),))
        with pytest.raises(MimolearnError, match="contender 'zf' has key 0123 on a worker and"):
            executor._check_keys(("0123",))
    finally:
        executor.shutdown()


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
