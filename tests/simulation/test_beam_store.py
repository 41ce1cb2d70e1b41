"""The file of beamforming results: what was stored, nothing, or one clear line."""

import sqlite3
from contextlib import closing
from random import Random

import numpy as np
import pytest

from mimolearn import BeamScenario, ResultsFileError
from mimolearn.studies import BeamContender
from mimolearn.studies.kinds.rates import BeamRates, ChannelRates
from mimolearn.studies.storage.store import Store

KIND = BeamRates(BeamScenario(), [BeamContender("svd-phase"), BeamContender("fd-mmse")])
POINTS = [(KIND.study_key, key, snr) for key in KIND.keys for snr in ("5.0", "15.0")]
PLACES = [(*point, chunk) for point in POINTS for chunk in range(3)]


def rates(place):
    return np.random.default_rng(PLACES.index(place)).random(64)


def add(store, place, values):
    study, contender, snr, chunk = place
    store.add(study, snr, chunk, {contender: ChannelRates(values)})


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("beams") / "beams.sqlite"
    with Store(path) as store:
        store.register(KIND)
        for place in PLACES:
            add(store, place, rates(place))
    return path.read_bytes()


def refusal(data, path):
    """The line with which a file is refused, or nothing where all that it gives is right."""
    path.write_bytes(data)
    try:
        with Store(path) as store:
            found = {(*p, c): v.values for p in POINTS for c, v in store.chunks(*p).items()}
    except ResultsFileError as error:
        return str(error)
    # An empty file is a new one; every other that is accepted holds all that was written.
    assert list(found) == (PLACES if data else [])
    assert all(np.array_equal(v, rates(place)) for place, v in found.items())
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
    with pytest.raises(ResultsFileError, match="damaged"):
        Store(path)


def test_a_row_that_differs_is_refused(tmp_path):
    with Store(tmp_path / "beams.sqlite") as store:
        store.register(KIND)
        add(store, PLACES[0], rates(PLACES[0]))
        add(store, PLACES[0], rates(PLACES[0]))
        words = f"{KIND.keys[0]} gave other rates for chunk 0 at 5 dB than"
        with pytest.raises(ResultsFileError, match=words):
            add(store, PLACES[0], rates(PLACES[1]))


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_files_of_earlier_schemas_are_refused_and_left_alone(written, tmp_path, schema):
    path = tmp_path / "old.sqlite"
    path.write_bytes(written)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"PRAGMA user_version = {schema}")
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(ResultsFileError, match=f"of schema {schema}.*another file name"):
            Store(path, read_only=read_only)
    assert path.read_bytes() == before
