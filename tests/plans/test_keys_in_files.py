"""Keys of what is read from files: recorded channels, results of earlier versions."""

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mimolearn import InvalidInputError, ResultsFileError, Scenario, load_results
from mimolearn.link.channels import Recorded
from mimolearn.studies import Contender, simulate

# Part of the reliability tests, at whatever length.
pytestmark = pytest.mark.soak

NET = "tap-net-8v"
LINK = Scenario(num_tx_ant=2, num_rx_ant=2, constellation="qpsk", channel_reuse=3)


def test_recorded_channels_are_told_by_their_content(tmp_path):
    fields: dict[str, Any] = {"num_tx_ant": 2, "num_rx_ant": 3, "constellation": "qpsk"}
    drawn = np.random.default_rng(1).normal(size=(2, 5, 3, 2)).view(np.float64)
    one, other = (part + 1j for part in drawn)
    path, elsewhere = tmp_path / "h.npy", tmp_path / "moved.npy"
    np.save(path, one)
    np.save(elsewhere, one)
    link, moved = (Scenario(**fields, channel=Recorded(path=str(p))) for p in (path, elsewhere))
    assert link.key() == moved.key()
    before = path.stat()
    np.save(path, other)
    # As a copy that keeps times leaves it: same size, same time.
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    with pytest.raises(InvalidInputError, match="it has changed"):
        link.draw(5, 2, torch.Generator().manual_seed(1))
    changed = Scenario(**fields, channel=Recorded(path=str(path)))
    assert changed.key() != link.key()


def test_contenders_of_earlier_versions_are_refused_in_one_line():
    content = Contender("lmmse").to_dict()
    del content["identity"]
    with pytest.raises(InvalidInputError, match="'lmmse': was stored by an earlier version"):
        Contender.from_dict(content)


def test_files_of_earlier_versions_are_refused_in_one_line(tmp_path):
    path = tmp_path / "old.sqlite"
    simulate(LINK, ["lmmse"], [0], min_errors=1, store=path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA user_version = 1")
        database.execute("UPDATE meta SET value = '1' WHERE name = 'schema'")
    with pytest.raises(ResultsFileError, match="results file of schema 1, this version"):
        load_results(path)


def test_a_stored_contender_keeps_its_key_without_its_weights(copy):
    path = copy(NET, "gone")
    contender = Contender(path, label="net")
    stored = json.loads(json.dumps(contender.to_dict()))
    Path(path).unlink()
    Path(path).with_suffix(".json").unlink()
    again = Contender.from_dict(stored)
    assert again.key() == contender.key() == replace(again, label="x").key()
    with pytest.raises(InvalidInputError, match="cannot be read"):
        again.build("qpsk")
