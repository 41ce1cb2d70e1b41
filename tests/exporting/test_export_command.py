"""`mimolearn export`: what it writes, and one line for what it does not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import mimolearn as ml
from mimolearn import exporting
from mimolearn.cli import main
from mimolearn.exporting.runtime import session

from .cases import STORED, link


@pytest.mark.parametrize(
    "name", [STORED[0], pytest.param(STORED[1], marks=pytest.mark.soak(only=True))]
)
def test_a_quantiser_is_two_files_that_store_the_same(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", name, str(folder / f"{name}.onnx"), "--json"]
    code, text, error = _run(words, monkeypatch, capsys)
    assert (code, error) == (0, "")
    found = json.loads(text)
    assert [Path(path).name for path in found["files"]] == [f"{name}.onnx", f"{name}-decoder.onnx"]
    assert found["same"]
    assert found["library"] == found["onnx"]
    assert found["library"]["bit_errors"] > 100
    encoder, decoder = map(session, found["files"])
    quantizer = ml.load(name)
    llr = 6 * torch.randn((11, 2, 6), generator=torch.Generator().manual_seed(1))
    rows = llr.reshape(-1, quantizer.streams_per_group(), 6).numpy()
    codes = encoder.run(None, {"llr": rows})[0]
    assert np.array_equal(codes.reshape(quantizer.indices(llr).shape), quantizer.indices(llr))
    back = decoder.run(None, {"codes": codes})[0].reshape(llr.shape)
    np.testing.assert_allclose(back, quantizer.through(llr), rtol=1e-4, atol=1e-4)


def test_a_quantiser_is_checked_behind_a_compiled_linear_detector(folder: Path) -> None:
    assert ml.export("max-mi-16qam-12", folder / "streams.onnx").check.same


def test_a_file_that_counts_differently_fails_the_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is written belongs to a worse detector than what is checked."""
    scenario = link(3, 3, "qpsk")
    toml = folder / "link.toml"
    toml.write_text(scenario.to_toml())
    true_program = exporting.detector_program
    monkeypatch.setattr(
        exporting,
        "detector_program",
        lambda _, *size: true_program(ml.make_detector("mrc", "qpsk"), *size),
    )
    out = folder / "worse.onnx"
    words = ["export", "lmmse", str(out), "--scenario", str(toml), "--snr-db", "12"]
    code, text, error = _run(words, monkeypatch, capsys)
    assert code == 1, error
    assert "ONNX Runtime" in text
    assert error == "error: the file counts other errors than the library\n"


def _run(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["mimolearn", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    code = stop.value.code
    return (code if isinstance(code, int) else 0), *capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sphere", "out.onnx", "-s", "oamp-4x4-16qam", "--snr-db", "20"], "decisions in a search"),
        (["k-best:k=4", "out.onnx", "-s", "oamp-4x4-16qam", "--snr-db", "20"], "as in a search"),
        (["lmmse", "out.onnx"], "scenario: name one"),
        (["lmmse", "out.onnx", "-s", "oamp-4x4-16qam"], "snr_db: give the SNR"),
        (["lmmse", "out.pt", "-s", "oamp-4x4-16qam"], "path: got 'out.pt'"),
        (["lmmze", "out.onnx", "-s", "oamp-4x4-16qam", "--snr-db", "20"], "did you mean"),
        (["unfolded-mser-qpsk", "out.onnx"], "is a beamformer"),
        (["fd-mmse", "out.onnx"], "is a beamformer"),
        (["tap-nett", "out.onnx"], "name: got 'tap-nett'"),
        (["tap-net-5s", "nowhere/out.onnx"], "a file in a folder that is there"),
    ],
)
def test_what_cannot_be_exported_gets_one_line(
    words: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, error = _run(["export", *words], monkeypatch, capsys)
    assert (code, out) == (2, "")
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert expected in error
    assert not list(tmp_path.iterdir())


def test_without_the_extra_there_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    words = ["export", "lcgnet-s-32x64-bpsk", str(tmp_path / "out.onnx")]
    code, _, error = _run(words, monkeypatch, capsys)
    assert code == 2
    assert error == (
        "error: export: needs the package onnxruntime; install it with: "
        "pip install 'mimolearn[onnx]'\n"
    )
