"""An exported file is a contender like any other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import mimolearn as ml

from .cases import LMMSE


def test_a_file_is_a_contender_like_any_other(lmmse: ml.Exported) -> None:
    contenders = ["lmmse", ml.Contender.from_detector("file", ml.OnnxDetector(lmmse.files[0]))]
    result = ml.simulate(LMMSE, contenders, snr_db=[2.0], max_vectors=2000)
    ours, file = (curve.points[0].counts for curve in result.curves)
    assert (ours.bit_errors, ours.vectors) == (file.bit_errors, file.vectors)
    with pytest.raises(ml.InvalidInputError, match=r"^h: .*which was exported"):
        ml.OnnxDetector(lmmse.files[0])(torch.ones(1, 4) + 0j, torch.ones(4, 3) + 0j, 1.0)


def test_a_file_is_named_as_a_contender_by_its_path(
    lmmse: ml.Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on the command line; its content is what results are stored under, not its name."""
    path = lmmse.files[0]
    named = ml.Contender.parse(f"{path}:label=file")
    assert ml.Contender.parse(str(path)).label == path.stem
    again = ml.Contender.from_dict(json.loads(json.dumps(named.to_dict())))
    result = ml.simulate(LMMSE, ["lmmse", again], snr_db=[2.0], max_vectors=2000)
    ours, file = (curve.points[0] for curve in result.curves)
    assert ours.counts.bit_errors == file.counts.bit_errors > 0
    for name in ("vector", "bit_errors", "symbol_errors"):
        np.testing.assert_array_equal(getattr(ours.positions, name), getattr(file.positions, name))
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(path.read_bytes())
    assert ml.Contender(str(copy)).key() == named.key()
    monkeypatch.setenv("HOME", str(tmp_path))
    there = ml.Contender("~/copy.onnx")
    copy.write_bytes(
        ml.export("zf", tmp_path / "zf.onnx", scenario=LMMSE, snr_db=10).files[0].read_bytes()
    )
    with pytest.raises(ml.InvalidInputError, match="sha256 is another"):
        there.build("qpsk")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{path}:k=3", "options of .*expected none: an exported file has its own"),
        ("{path}s.onnx", "cannot be read: No such file"),
    ],
)
def test_a_file_that_is_no_contender_gets_one_line(
    lmmse: ml.Exported, name: str, message: str
) -> None:
    with pytest.raises(ml.InvalidInputError, match=message) as caught:
        ml.Contender.parse(name.format(path=lmmse.files[0]))
    assert "\n" not in str(caught.value)


def test_a_file_serves_its_own_size_and_points(lmmse: ml.Exported) -> None:
    path = str(lmmse.files[0])
    for change, message in (
        ({"constellation": "16-qam"}, "constellation of .*expected the scenario's"),
        ({"num_tx_ant": LMMSE.num_tx_ant + 1}, "which was exported"),
    ):
        with pytest.raises(ml.InvalidInputError, match=message):
            ml.simulate(LMMSE.with_(**change), [path], snr_db=[2.0], max_vectors=100)
