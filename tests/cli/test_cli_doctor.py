"""`mimolearn doctor`: what it says, without importing what it only names."""

import importlib.metadata
import json
import sys

import pytest
import torch

from mimolearn.cli import main
from mimolearn.link.randomness import CounterGenerator, normal


@pytest.fixture
def doctor(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mimolearn", "doctor", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        assert not stop.value.code
        return capsys.readouterr().out

    return call


def test_json_has_what_a_bug_report_needs(doctor):
    normal((3,), CounterGenerator(1))
    found = json.loads(doctor("--json"))
    assert found["packages"]["torch"] == importlib.metadata.version("torch")
    assert found["processor"]["torch_threads"] == torch.get_num_threads()
    assert found["processor"]["float32_lanes"] in (4, 8, 16)
    assert found["devices"][0] == "cpu"
    cached = {kernel["name"]: kernel["cached"] for kernel in found["kernels"]}
    names = {"linear.linear", "linear.single", "iterative.ep", "linear.demap", "machine.philox"}
    assert names <= cached.keys()
    # The generator above has been compiled, and is kept wherever there is a place.
    assert (cached["machine.philox"] > 0) == (found["kernel_cache"]["folder"] is not None)


def test_the_table_names_every_kernel_and_path(doctor):
    text = doctor()
    for word in ("mimolearn", "numba", "interleaved", "one by one", "linear.single", "cpu"):
        assert word.replace("_", " ") in text
    assert "results schema" in text


def test_a_machine_without_a_cache_or_a_package_is_told_so(doctor, monkeypatch):
    monkeypatch.setattr("mimolearn.kernels.machine.compile.cache_folder", lambda *_: None)
    monkeypatch.setattr("mimolearn.report.facts.machine._PACKAGES", ("no-such-package",))
    found = json.loads(doctor("--json"))
    assert found["kernel_cache"] == {"folder": None, "writable": False}
    assert found["packages"] == {"no-such-package": None}
    assert all(kernel["cached"] == 0 for kernel in found["kernels"])
    assert "compiled on first use" in doctor()
