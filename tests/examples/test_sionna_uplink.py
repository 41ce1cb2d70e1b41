"""The uplink example is a program of its own: no block is lost without noise, all are in noise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "sionna_uplink.py"
WORDS = ["--frames", "2", "--batch", "2", "--snr-db=30,-30", "--blocks", "1"]


def test_every_block_arrives_without_noise_and_none_in_noise_alone(tmp_path):
    found = subprocess.run(
        [sys.executable, str(EXAMPLE), *WORDS],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[-2:] == ["30\t0\t0\t2", "-30\t1\t1\t2"]
