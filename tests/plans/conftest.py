"""Copies of shipped weights that a test may edit."""

import hashlib
import json

import pytest

from .keys import shipped


@pytest.fixture
def copy(tmp_path):
    """A copy of shipped weights, with fields of the card and bytes replaced; returns the path."""

    def make(name, to, /, data=None, folder="receivers", options=None, **fields):
        source = shipped(name, folder)
        data = source.read_bytes() if data is None else data
        card = json.loads(source.with_suffix(".json").read_text()) | fields
        card["options"] = card["options"] | (options or {})
        path = tmp_path / f"{to}.safetensors"
        path.write_bytes(data)
        path.with_suffix(".json").write_text(
            json.dumps(card | {"sha256": hashlib.sha256(data).hexdigest()})
        )
        return str(path)

    return make
