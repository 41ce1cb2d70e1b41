"""Layouts of workspaces: parts in order, without overlap, and nothing written beyond the end."""

import numpy as np
import pytest
import torch

from mimolearn import make_detector
from mimolearn.kernels.iterative import cg, ep, gauss_seidel, lama, oamp
from mimolearn.kernels.linear import linear, mmse_sic, mrc, single, widely_linear
from mimolearn.kernels.link import linear_simulation
from mimolearn.kernels.machine import launch
from mimolearn.kernels.machine.launch import floats_of
from mimolearn.kernels.networks import deep_cg, lcgnet, tap_lanes
from mimolearn.kernels.search import sphere_lanes, triangle_front_end

# Antennas: the smallest, no multiple of any block, and the largest that kernels are used for.
SIZES = [(1, 1), (2, 1), (4, 4), (7, 5), (16, 16), (33, 17), (64, 32), (79, 63), (79, 64)]
# What each layout takes after the workspace, from receive and transmit antennas.
LAYOUTS = {
    "linear.prepare": (linear.prepare_layout, lambda rx, tx: [(tx,)]),
    "linear.detect": (linear.detect_layout, lambda rx, tx: [(rx, tx)]),
    "linear.one_shot": (linear.one_shot_layout, lambda rx, tx: [(rx, tx)]),
    "linear.single": (single.layout, lambda rx, tx: [(rx, (tx + 15) // 16 * 16)]),
    "mmse_sic": (mmse_sic.layout, lambda rx, tx: [(rx, tx)]),
    "mrc": (mrc.layout, lambda rx, tx: [(rx, tx)]),
    "widely_linear": (widely_linear.layout, lambda rx, tx: [(rx, tx)]),
    "cg": (cg.layout, lambda rx, tx: [(rx, tx)]),
    "ep": (ep.layout, lambda rx, tx: [(rx, tx, 1, 0), (rx, tx, 2, 16)]),
    "oamp": (oamp.layout, lambda rx, tx: [(rx, tx)]),
    "lama": (lama.layout, lambda rx, tx: [(rx, tx)]),
    "gauss_seidel": (gauss_seidel.layout, lambda rx, tx: [(rx, tx)]),
    "lcgnet.system": (lcgnet.system_layout, lambda rx, tx: [(tx,)]),
    "lcgnet.prepare": (lcgnet.prepare_layout, lambda rx, tx: [(rx, tx)]),
    "lcgnet.vectors": (lcgnet.vectors_layout, lambda rx, tx: [(rx, tx, 0), (rx, tx, 1)]),
    "lcgnet.detect": (lcgnet.detect_layout, lambda rx, tx: [(rx, tx, 0), (rx, tx, 1)]),
    "lcgnet.one_shot": (lcgnet.one_shot_layout, lambda rx, tx: [(rx, tx, 0), (rx, tx, 1)]),
    "deep_cg.layers": (deep_cg.layers_layout, lambda rx, tx: [(tx,)]),
    "deep_cg": (deep_cg.layout, lambda rx, tx: [(rx, tx)]),
    "tap.sides": (tap_lanes.sides_layout, lambda rx, tx: [(tx, 1), (tx, 2)]),
    "tap.prepare": (tap_lanes.prepare_layout, lambda rx, tx: [(rx, tx, 1), (rx, tx, 2)]),
    "tap.detect": (tap_lanes.detect_layout, lambda rx, tx: [(rx, tx, 1, 1), (rx, tx, 2, 30)]),
    "sphere_lanes": (sphere_lanes.layout, lambda rx, tx: [(tx,)]),
    "triangles": (triangle_front_end.layout, lambda rx, tx: [(rx, tx)]),
    "simulation": (linear_simulation.layout, lambda rx, tx: [(1, rx, tx), (14, rx, tx)]),
}


def arrays_in(parts):
    for part in parts:
        if isinstance(part, tuple):
            yield from arrays_in(part)
        elif isinstance(part, np.ndarray):
            yield part


@pytest.mark.parametrize("name", LAYOUTS)
def test_parts_lie_one_after_the_other(name):
    layout, arguments = LAYOUTS[name]
    for rx, tx in SIZES:
        for sizes in arguments(rx, tx):
            size = floats_of(layout, *sizes)
            space = np.empty(size, np.float32)
            *parts, end = layout(space, *sizes)
            assert end == size, sizes
            at = space.ctypes.data
            for part in arrays_in(parts):
                start = part.ctypes.data
                assert part.size == 0 or start == at, (sizes, (start - at) // 4)
                at += part.nbytes
            assert at == space.ctypes.data + space.nbytes, sizes


CASES = [
    *((name, {}) for name in ("mrc", "lmmse", "zf", "wl-lmmse", "cg", "wl-cg", "gauss-seidel")),
    *((name, {}) for name in ("ep", "oamp", "lama", "mmse-pic", "lcgnet-s", "tap-net", "deep-cg")),
    ("mmse-sic", {}),
    ("tap-net", {"form": "scalar", "start": "zero"}),
    ("k-best", {"k": 16}),
    *((name, {}) for name in ("sphere", "soft-sphere", "ml")),
]
TREES = {"k-best": 32, "sphere": 4, "soft-sphere": 4, "ml": 4}


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case[0], *case[1]]))
@pytest.mark.parametrize("constellation", ["bpsk", "16-qam"])
def test_kernels_leave_what_follows_the_workspace(case, constellation, monkeypatch):
    """Every workspace of a kernel is followed by numbers that have to be there afterwards."""
    spaces, guard = [], np.float32(123.5)

    def guarded(floats):
        memory = torch.full((floats + 4096,), float(guard), dtype=torch.float32).numpy()
        spaces.append((memory, floats))
        return memory[:floats]

    monkeypatch.setattr(launch, "workspace", guarded)
    monkeypatch.setattr("mimolearn.kernels.search.calls.workspace", guarded)
    name, options = case
    detector = make_detector(name, constellation, **options)
    generator = torch.Generator().manual_seed(1)
    for rx, tx in SIZES:
        if tx > TREES.get(name, 64) or (tx > 31 and constellation == "16-qam" and name in TREES):
            continue
        for vectors in (1, 2, 20):
            if vectors > 2 and (rx > 40 or name in TREES):
                continue
            h = torch.randn(17, rx, tx, dtype=torch.complex64, generator=generator)
            y = torch.randn(17, vectors, rx, dtype=torch.complex64, generator=generator)
            noise_var = torch.full((17,), 0.5)
            with torch.no_grad():
                detector(y, h, noise_var).indices()
                detector.detect(detector.prepare(h, noise_var), y).indices()
            assert spaces, (rx, tx)
            for memory, floats in spaces:
                assert np.all(memory[floats:] == guard), (rx, tx, vectors)
            spaces.clear()
