"""What the tests of keys share: keys of text, and files of shipped weights."""

from importlib import resources
from pathlib import Path

from mimolearn.studies import Contender


def key(text):
    return Contender.parse(text).key()


def shipped(name, folder="receivers"):
    return Path(
        str(resources.files("mimolearn") / "data" / "weights" / folder / f"{name}.safetensors")
    )
