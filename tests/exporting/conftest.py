"""A folder of exported files, and a classical detector among them."""

from __future__ import annotations

from pathlib import Path

import pytest

import mimolearn as ml

from .cases import LMMSE


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onnx")


@pytest.fixture(scope="session")
def lmmse(folder: Path) -> ml.Exported:
    """A classical detector too is a program."""
    return ml.export("lmmse", folder / "receiver.onnx", scenario=LMMSE, snr_db=2.0)
