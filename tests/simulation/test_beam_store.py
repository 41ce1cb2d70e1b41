"""The file of beamforming results: what was stored, nothing, or one clear line."""

import sqlite3
from contextlib import closing
from random import Random

import numpy as np
import pytest

from mimolearn import ResultsFileError
from mimolearn.simulation.beam_store import BeamStore

PLACES = [("s", name, snr, chunk) for name in "ab" for snr in ("5.0", "15.0") for chunk in range(3)]


def rates(place):
    return np.random.default_rng(PLACES.index(place)).random(64)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("beams") / "beams.sqlite"
    with BeamStore(path) as store:
        for place in PLACES:
            store.add(*place, rates(place))
    return path.read_bytes()


def refusal(data, path):
    """The line with which a file is refused, or nothing where all that it gives is right."""
    path.write_bytes(data)
    try:
        with BeamStore(path) as store:
            found = {place: store.get(*place) for place in PLACES}
    except ResultsFileError as error:
        return str(error)
    assert all(v is None or np.array_equal(v, rates(place)) for place, v in found.items())
    return ""


@pytest.mark.soak
def test_damaged_files_give_no_wrong_number(written, tmp_path, trials):
    path, random = tmp_path / "damaged.sqlite", Random(2)
    assert not refusal(written, path)
    seen = 0
    count = trials("beamforming results with a flipped bit or cut off, never wrong", 60, 1000)
    for i in range(count):
        data = bytearray(written)
        if i % 2:
            del data[i * len(data) // count :]
        else:
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        line = refusal(bytes(data), path)
        assert "\n" not in line
        assert not line or str(path) in line
        seen += bool(line)
    assert seen > count / 4


def test_numbers_under_another_name_are_refused(written, tmp_path):
    path = tmp_path / "moved.sqlite"
    path.write_bytes(written)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE chunks SET snr_db = '25.0' WHERE snr_db = '5.0'")
    with BeamStore(path) as store:
        assert store.get("s", "a", "15.0", 0) is not None
        with pytest.raises(ResultsFileError, match="damaged"):
            store.get("s", "a", "25.0", 0)


def test_files_of_the_first_schema_are_read(written, tmp_path):
    path = tmp_path / "old.sqlite"
    with BeamStore(path) as store:
        store._schema = 1
        store._db.execute("PRAGMA user_version=1")
        store.add(*PLACES[0], rates(PLACES[0]))
    with BeamStore(path) as store:
        assert np.array_equal(store.get(*PLACES[0]), rates(PLACES[0]))
