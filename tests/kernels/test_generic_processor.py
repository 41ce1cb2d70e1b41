"""The kernels are right on a processor that has no vector extension beyond the base of its kind."""

import os
import subprocess
import sys

import pytest

# One process, because numba reads the processor's name once; small, because everything compiles.
_SCRIPT = """
import torch
from mimolearn import make_detector

def draw(name, channels, rx, tx, noise_var, seed=4):
    generator = torch.Generator().manual_seed(seed)
    constellation = make_detector("ml", name).constellation
    h = torch.randn(channels, rx, tx, dtype=torch.complex64, generator=generator)
    sent = torch.randint(constellation.num_points, (channels, 2, tx), generator=generator)
    noise = torch.randn(channels, 2, rx, dtype=torch.complex64, generator=generator)
    y = constellation.map(sent) @ h.mT + noise * noise_var**0.5
    return y, h, torch.full((channels,), noise_var)

for name, constellation, options in CASES:
    detector = make_detector(name, constellation, **options)
    y, h, noise_var = draw(constellation, 18, 4, 3, 0.2)
    double = y.to(torch.complex128), h.to(torch.complex128), noise_var.double()
    assert detector._path(h, noise_var, y) == "fused"
    gap = detector(y, h, noise_var).llr().double() - detector(*double).llr()
    assert (gap.abs() < 5e-3).double().mean() > 0.99, (name, float(gap.abs().max()))
    print(name, "agrees")
"""


CASES = {
    # One of the dense iterative ones, and one with its own way through the lanes.
    "dense": [("oamp", "qpsk", {})],
    "search": [("k-best", "16-qam", {"k": 20})],
}


@pytest.mark.parametrize(
    "kind", ["dense", pytest.param("search", marks=pytest.mark.soak(only=True))]
)
def test_no_vector_extensions(kind, tmp_path):
    cases = CASES[kind]
    environment = os.environ | {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    script = _SCRIPT.replace("CASES", repr(cases))
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("agrees") == len(cases)
