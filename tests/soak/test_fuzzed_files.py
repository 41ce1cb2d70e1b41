"""Files that nobody meant to write: read, or refused in one line that names the file."""

import tomllib
from copy import deepcopy
from importlib import resources
from pathlib import Path
from random import Random

import pytest

from mimolearn import InvalidInputError
from mimolearn.foundation.tomlfile import write_toml
from mimolearn.link.beam_scenario import shipped_beam_scenarios
from mimolearn.link.scenario import shipped_scenarios
from mimolearn.studies import load_beam_comparison, load_comparison
from mimolearn.training import read_recipe, shipped_recipes

PACKAGE = resources.files("mimolearn")
# Each kind of file, where those that ship are, and what reads one.
KINDS = {
    "scenario": ("data/scenarios", shipped_scenarios(), load_comparison),
    "recipe": ("data/recipes", shipped_recipes("detection"), read_recipe),
    "recipe for soft bits": ("data/recipes", shipped_recipes("soft-bits"), read_recipe),
    "beamforming scenario": ("data/beam_scenarios", shipped_beam_scenarios(), load_beam_comparison),
    "recipe for beamformers": ("data/recipes", shipped_recipes("beams"), read_recipe),
}

VALUES = [
    *(0, 1, -1, 3, 2**31, 2**63 - 1, 0.5, -0.0, 1e308, float("nan"), float("inf"), True, False),
    *("", "qpsk", "lmmse", "rayleigh", "\u00e9\u0000", "../../etc/passwd", "a" * 5000),
    *([], [1, 2], [[]], ["lmmse", 3], {}, {"name": "lmmse"}, {"model": "cdl", "x": [1]}),
]


def tables(content):
    """Every table in it, the whole among them."""
    found = [content]
    for value in content.values():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                found += tables(item)
    return found


def spoil(random, content):
    """Change a few entries: another value, gone, moved, or one that does not belong there."""
    for _ in range(random.randint(1, 3)):
        table = random.choice(tables(content))
        names = [*table, "num_tx_ant", "constellation", "channel", "surprise"]
        name = random.choice(names)
        action = random.random()
        if action < 0.6:
            # A copy: a table that is shared, or holds itself, is none that a file can have.
            table[name] = deepcopy(random.choice(VALUES))
        elif action < 0.8:
            table.pop(name, None)
        elif isinstance(table.get(name), int | float) and not isinstance(table[name], bool):
            table[name] = table[name] * random.choice((-1, 0, 10, 1e9, 0.1))
        else:
            table[name] = deepcopy(random.choice(list(table.values()) or [1]))


def spoil_text(random, text):
    """Change, drop or repeat a few characters."""
    data = bytearray(text.encode())
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data))
        if random.random() < 0.5:
            data[at] = random.randrange(256)
        elif random.random() < 0.5:
            del data[at : at + random.randint(1, 20)]
        else:
            data[at:at] = data[at : at + random.randint(1, 20)]
        data = data or bytearray(b"x")
    return bytes(data)


def spoilt_file(random, texts, path):
    text = random.choice(texts)
    if random.random() < 0.3:
        path.write_bytes(spoil_text(random, text))
        return
    content = tomllib.loads(text)
    spoil(random, content)
    try:
        path.write_text(write_toml(content))
    except (TypeError, ValueError, UnicodeError, InvalidInputError):
        path.write_bytes(spoil_text(random, text))


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_spoilt_files_are_read_or_refused_in_one_line(kind, tmp_path, trials):
    folder, names, read = KINDS[kind]
    texts = [Path(str(PACKAGE / folder / f"{name}.toml")).read_text() for name in names]
    random = Random(11)
    path = tmp_path / "spoilt.toml"
    refused = 0
    count = trials(f"spoilt {kind} files, read or refused in one line", 200, 10_000)
    for _ in range(count):
        spoilt_file(random, texts, path)
        try:
            read(str(path))
        except InvalidInputError as error:
            line = str(error)
            assert "spoilt.toml" in line
            assert "\n" not in line
            assert len(line) < 1000
            refused += 1
    assert count / 2 < refused < count
