"""The example scripts run, at a small setting, and print what they should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

# Without noise every block arrives, in noise alone none.
UPLINK = ["--frames", "2", "--batch", "2", "--snr-db=30,-30", "--blocks", "1"]
RUNS = {
    "sionna_uplink.py": (UPLINK, ["30\t0\t0\t2", "-30\t1\t1\t2"]),
}


def test_every_example_is_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_example(name: str, tmp_path: Path) -> None:
    words, ending = RUNS[name]
    found = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[-len(ending) :] == ending
