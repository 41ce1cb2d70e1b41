"""Exported files count the errors that the library counts, and say what they are."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import mimolearn as ml
from mimolearn import exporting
from mimolearn.exporting.checking import _check, check_detector
from mimolearn.exporting.frames import find_subject
from mimolearn.exporting.runtime import session

from .cases import LMMSE, WRITTEN, link

PAGE = Path(__file__).parents[2] / "docs" / "deployment.md"


@pytest.mark.parametrize(("beside", "k", "streams"), [("ep", 8, 3), ("lmmse", 16, 2)])
def test_the_network_behind_a_list_counts_the_same_errors(
    beside: str, k: int, streams: int, folder: Path
) -> None:
    """The second list holds all vectors."""
    scenario = link(streams, 3, "16-qam" if beside == "ep" else "qpsk")
    net = ml.make_detector("list-net", scenario.constellation, k=k, beside=beside).eval()
    path = folder / f"list-{beside}.onnx"
    check = ml.export(net, path, scenario=scenario, snr_db=6.0).check
    assert check.same
    assert check.library.bit_errors > 50
    assert check.llr_difference < 1e-3
    inputs = [value.name for value in session(path).get_inputs()]
    assert inputs == ["metrics", "levels", "log_evidence", "llr_lmmse", "llr_ep"][: len(inputs)]
    assert len(inputs) == (5 if beside == "ep" else 4)
    metadata = session(path).get_modelmeta().custom_metadata_map
    assert list(json.loads(metadata["input_layout"])) == inputs
    with pytest.raises(ml.InvalidInputError, match="was not exported from a detector"):
        exporting.OnnxDetector(path)


@pytest.mark.parametrize(
    "name", ["lcgnet-v", "tap-net", pytest.param("eq-net", marks=pytest.mark.soak(only=True))]
)
def test_a_detector_counts_the_same_errors(name: str, folder: Path) -> None:
    options, scenario, snr_db = WRITTEN[name]
    detector = ml.make_detector(name, scenario.constellation, **options).eval()
    path = folder / f"{name}.onnx"
    found = ml.export(detector, path, scenario=scenario, snr_db=snr_db)
    check = found.check
    assert found.files == (path,)
    assert check.library == check.onnx
    assert check.same
    assert check.library.bit_errors > 20
    assert (
        check.bits == check.vectors * scenario.num_tx_ant * detector.constellation.bits_per_symbol
    )
    assert check.llr_difference < 2e-3 * max(check.llr_size, 1)
    _other_batches_agree(detector, path, scenario)


class Nudged(ml.Detector):
    """The file's LLRs, of which those nearest to 0 have the other sign."""

    name = "nudged"

    def __init__(self, path: Path, shift: float) -> None:
        super().__init__("qpsk")
        self.inner, self.shift = ml.OnnxDetector(path), shift

    def _prepare(self, h, noise_var):
        return self.inner._prepare(h, noise_var)

    def _detect(self, prepared, y):
        llr = self.inner._detect(prepared, y).llr()
        flipped = torch.where(llr.abs() < self.shift, -llr, llr)
        return ml.LLRDetection(self.constellation, flipped)


@pytest.mark.parametrize(("shift", "same"), [(1e-3, True), (0.5, False)])
def test_ties_of_rounding_pass_and_are_counted(lmmse: ml.Exported, shift, same) -> None:
    subject = find_subject("lmmse", LMMSE, 0.0)
    library = ml.make_detector("lmmse", LMMSE.constellation).eval()
    check = _check(subject, library, Nudged(lmmse.files[0], shift))
    assert check.library != check.onnx
    assert check.same == same
    assert check.ties > 0
    assert (check.different > 0) == (not same)


def test_an_snr_without_errors_compares_nothing(lmmse: ml.Exported) -> None:
    found = find_subject("lmmse", LMMSE, 90.0)
    assert check_detector(found, lmmse.files[0]).library.bit_errors == 0
    check = check_detector(found._replace(is_asked=False), lmmse.files[0])
    assert check.snr_db < 40
    assert check.library == check.onnx
    assert check.library.bit_errors > 0


def test_a_file_tells_nothing_of_the_machine_that_wrote_it(lmmse: ml.Exported) -> None:
    data = lmmse.files[0].read_bytes()
    assert b".py" not in data
    assert len(data) < 40_000


def _other_batches_agree(detector: ml.Detector, path: Path, scenario: ml.Scenario) -> None:
    run = session(path)
    for batch, vectors in ((1, 1), (5, 1), (2, 7)):
        wide = ml.Scenario(**{**scenario.model_dump(), "channel_reuse": vectors})
        block = wide.draw(10.0, batch, torch.Generator().manual_seed(batch))
        expected = detector(block.y, block.h, block.noise_var)
        inputs = {
            "y": torch.view_as_real(block.y).numpy(),
            "h": torch.view_as_real(block.h).numpy(),
            "noise_var": block.noise_var.numpy().copy(),
        }
        llr, indices = run.run(["llr", "indices"], inputs)
        assert llr.dtype == np.float32
        assert np.array_equal(indices, expected.indices().numpy())
        np.testing.assert_allclose(llr, expected.llr().detach().numpy(), rtol=2e-3, atol=2e-3)


def test_a_file_says_what_it_is(lmmse: ml.Exported) -> None:
    (path,) = lmmse.files
    assert lmmse.check.same
    said = session(path).get_modelmeta().custom_metadata_map
    assert said["kind"] == "detector"
    assert said["network"] == "lmmse"
    assert said["mimolearn_version"] == ml.__version__
    assert (said["constellation"], said["num_rx_ant"], said["num_tx_ant"]) == ("qpsk", "6", "3")
    assert said["snr_definition"] == "per_stream"
    assert "total over both parts" in said["noise_convention"]
    assert set(json.loads(said["input_layout"])) == {"y", "h", "noise_var"}
    points = np.array(json.loads(said["points"])) @ [1, 1j]
    np.testing.assert_allclose(points, ml.Constellation("qpsk").points.numpy(), atol=1e-6)
    assert ml.Scenario(**json.loads(said["scenario"])).key() == LMMSE.key()


def test_the_example_of_the_page_runs_with_onnxruntime_alone(lmmse: ml.Exported) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if "import onnxruntime" in block]
    blocked = "import sys\nfor name in ('mimolearn', 'torch', 'onnx'): sys.modules[name] = None\n"
    found = subprocess.run(
        [sys.executable, "-c", blocked + example],
        cwd=lmmse.files[0].parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    # It prints the share of wrong symbols, at an SNR where a receiver works and is not perfect.
    assert 0 < float(found.stdout) < 0.2
