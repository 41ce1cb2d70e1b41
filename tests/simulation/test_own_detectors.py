"""Detectors of a user's own: functions, classes of their modules, and those of other packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest
import torch

import mimolearn as ml
from mimolearn.detectors import registry
from mimolearn.foundation import plugins
from mimolearn.plans.contender import Contender

LINK = ml.Scenario(num_tx_ant=2, num_rx_ant=4, constellation="qpsk")
RUN = {"snr_db": [0, 6], "min_errors": 40, "max_vectors": 4000}

MODULE = '''
import torch
import mimolearn as ml
from mimolearn.detectors import LMMSE

def zero_forcing(y, h, noise_var):
    return (torch.linalg.pinv(h) @ y.mT).mT

class Mine(ml.Detector):
    """Zero forcing with a twist; it does not count its work."""
    name = "mine"

    def __init__(self, constellation, gain=1.0):
        super().__init__(constellation)
        self.gain = gain

    def _prepare(self, h, noise_var):
        return torch.linalg.pinv(h)

    def _detect(self, prepared, y):
        x_hat = self.gain * (prepared @ y.mT).mT
        return ml.HardDetection(self.constellation, self.constellation.nearest(x_hat))

nothing = 3
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module of the user's, which can be imported."""
    name = f"receivers_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


def counts(result: ml.Comparison, label: str) -> list[int]:
    return [point.counts.bit_errors for point in result.curve(label).points]


def test_a_function_competes_and_counts_as_the_library_s_own():
    def by_hand(y, h, noise_var):
        return (torch.linalg.pinv(h) @ y.mT).mT

    result = ml.compare(LINK, ["zf", by_hand, lambda y, h, noise_var: by_hand(y, h, 0)], **RUN)
    assert counts(result, "by_hand") == counts(result, "<lambda>") == counts(result, "zf")
    assert "by_hand" in result.timings
    # Nobody has counted its work.
    assert set(result.costs) == {"zf"}
    assert result.to_rows()[-1]["multiplications"] is None


def test_a_module_s_detectors_run_in_workers_and_are_kept_by_their_code(module, tmp_path):
    names = [f"{module}:zero_forcing", f"{module}:Mine:gain=2,label=twice", "zf"]
    store = tmp_path / "results.sqlite"
    result = ml.simulate(LINK, names, **RUN, store=store, workers=2)
    assert (
        counts(result, "twice") == counts(result, f"{module}:zero_forcing") == counts(result, "zf")
    )
    assert counts(ml.load_results(store), "twice") == counts(result, "twice")
    with pytest.raises(ml.InvalidInputError, match=r"option of detector .*: got 'loss', expected"):
        Contender.parse(f"{module}:Mine:loss=2")


def test_other_code_is_another_contender(module, tmp_path):
    key = Contender.parse(f"{module}:Mine").key()
    assert Contender.parse(f"{module}:Mine:gain=1").key() == key
    assert Contender.parse(f"{module}:Mine:gain=2").key() != key
    path = tmp_path / f"{module}.py"
    path.write_text(MODULE.replace("self.gain * (prepared", "2 * self.gain * (prepared"))
    sys.modules.pop(module)
    assert Contender.parse(f"{module}:Mine").key() != key


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_such_module:Mine", "cannot import no_such_module: ModuleNotFoundError"),
        ("{}:Other", "got <nothing of this name>, expected a subclass of mimolearn.Detector"),
        ("{}:nothing", "got <int>, expected a subclass of mimolearn.Detector, or a function"),
    ],
)
def test_what_cannot_be_imported_is_one_line(module, name, said):
    with pytest.raises(ml.InvalidInputError, match="^contender '.*'.*" + said) as caught:
        Contender.parse(name.format(module))
    assert "\n" not in str(caught.value)


def test_the_command_line_imports_from_the_current_folder(module, tmp_path):
    words = ["simulate", "-s", "oamp-4x4-16qam", "-c", f"{module}:zero_forcing", "-c", "zf"]
    words += ["--snr-db", "20", "--min-errors", "30", "--json", "--quiet", "--csv", "rates.csv"]
    done = subprocess.run(
        [sys.executable, "-c", "from mimolearn.cli import main; main()", *words],
        cwd=tmp_path, env={**os.environ, "PYTHONSAFEPATH": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    mine, zf = json.loads(done.stdout)["curves"]
    assert mine["points"][0]["counts"]["bit_errors"] == zf["points"][0]["counts"]["bit_errors"]
    rows = (tmp_path / "rates.csv").read_text().splitlines()
    assert [row.split(",")[2] for row in rows] == ["contender", f"{module}:zero_forcing", "zf"]


@pytest.fixture
def installed(module, monkeypatch):
    """Make names entry points of an installed package."""

    def install(**values: str) -> None:
        points = [EntryPoint(n, v.format(module), registry.GROUP) for n, v in values.items()]
        monkeypatch.setattr(plugins.metadata, "entry_points", lambda group: points)
        registry._add_peers.cache_clear()

    yield install
    registry._PEERS.pop("mine", None)
    registry._add_peers.cache_clear()


def test_other_packages_offer_detectors_by_name(installed):
    installed(mine="{}:Mine")
    assert "mine" in registry.peer_names()
    assert repr(ml.make_detector("mine", "qpsk", gain=3.0)) == "Mine('qpsk', gain=3.0)"
    tree = Contender.parse("mine").identity["detector"]
    # Their code decides results too.
    assert len(tree["code"]) == 64


@pytest.mark.parametrize(
    ("value", "said"),
    [("{}:nothing", "expected a subclass"), ("{}:Missing", "cannot be loaded: AttributeError")],
)
def test_an_entry_point_that_is_no_detector_is_one_line(installed, value, said):
    installed(mine=value)
    with pytest.raises(ml.InvalidInputError, match="^entry point 'mine'.*" + said):
        ml.make_detector("mine", "qpsk")
