"""Layouts of workspaces: parts in order, without overlap, and nothing written beyond the end."""

import numpy as np
import pytest
import torch

from mimolearn import make_detector
from mimolearn.kernels.beams import curvature, error_sums, sign_sums
from mimolearn.kernels.iterative import cg, ep, gauss_seidel, lama, oamp
from mimolearn.kernels.linear import linear, mmse_sic, mrc, single, widely_linear
from mimolearn.kernels.link import correlate, linear_simulation, transmission, transmit
from mimolearn.kernels.machine import compile as compiling
from mimolearn.kernels.machine import launch
from mimolearn.kernels.machine.addresses import floats_at
from mimolearn.kernels.machine.launch import floats_of
from mimolearn.kernels.networks import (
    deep_cg,
    detnet,
    detnet_training,
    eq_net,
    lcgnet,
    list_soft,
    tap,
    tap_lanes,
)
from mimolearn.kernels.search import sphere_lanes
from mimolearn.kernels.triangles import ordered_triangles, triangle_front_end

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
    "tap": (tap.layout, lambda rx, tx: [(tx,), (2 * tx,)]),
    "detnet": (detnet.layout, lambda rx, tx: [(3, 2, rx, tx, 9, 5), (3, 2, 0, tx, 40, 2 * tx)]),
    "detnet_training": (detnet_training.layout, lambda rx, tx: [(tx,)]),
    "eq_net": (eq_net.layout, lambda rx, tx: [(rx, tx, 2, 20), (rx, tx, 6, 97)]),
    "list_soft": (list_soft.layout, lambda rx, tx: [(rx, tx, 4), (8, 4 * tx, 20)]),
    "error_sums": (error_sums.layout, lambda rx, tx: [(tx, 0), (tx, rx)]),
    "sign_sums": (sign_sums.layout, lambda rx, tx: [(tx % 9, rx % 9)]),
    "curvature": (curvature.layout, lambda rx, tx: [(16 * rx, 3, 4, 2, tx, 2)]),
    "transmit": (transmit.layout, lambda rx, tx: [(tx,)]),
    "correlate": (correlate.layout, lambda rx, tx: [(rx, tx)]),
    "ordered_triangles": (ordered_triangles.layout, lambda rx, tx: [(rx, tx)]),
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
    ("list-net", {"k": 9, "hidden": 6}),
    *((name, {}) for name in ("sphere", "soft-sphere", "ml")),
]
TREES = {"k-best": 32, "list-net": 16, "sphere": 4, "soft-sphere": 4, "ml": 4}


GUARD = np.float32(123.5)


@pytest.fixture
def spaces(monkeypatch):
    """All workspaces that Python makes, each followed by numbers that have to be there afterwards.

    Each is the memory and how many floats of it are the workspace.
    """
    made = []

    def guarded(floats):
        memory = torch.full((floats + 4096,), float(GUARD), dtype=torch.float32).numpy()
        made.append((memory, floats))
        return memory[:floats]

    for name in ("workspace", "kept_workspace"):
        monkeypatch.setattr(launch, name, guarded)
    for module in (
        "search.calls.workspace",
        "beams.curvature.workspace",
        "link.transmission.workspace",
        "networks.calls.workspace",
    ):
        monkeypatch.setattr(f"mimolearn.kernels.{module}", guarded)
    monkeypatch.setattr("mimolearn.detectors.unfolded.tap_net.workspace", guarded)
    return made


def assert_guarded(spaces, sizes):
    assert spaces, sizes
    for memory, floats in spaces:
        assert np.all(memory[floats:] == GUARD), sizes
    spaces.clear()


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case[0], *case[1]]))
@pytest.mark.parametrize("constellation", ["bpsk", "16-qam"])
def test_kernels_leave_what_follows_the_workspace(case, constellation, spaces):
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
            assert_guarded(spaces, (rx, tx, vectors))


@pytest.mark.parametrize(("form", "start"), [("vector", "lmmse"), ("scalar", "zero")])
def test_tap_of_few_channels_leaves_what_follows_the_workspace(form, start, spaces):
    detector = make_detector("tap-net", "16-qam", form=form, start=start)
    for rx, tx in SIZES[:6]:
        h = torch.ones(2, rx, tx, dtype=torch.complex64)
        with torch.no_grad():
            detector(torch.ones(2, 3, rx, dtype=torch.complex64), h, torch.ones(2)).indices()
        assert_guarded(spaces, (rx, tx))


def test_kernels_of_beams_leave_what_follows_the_workspace(spaces):
    generator = torch.Generator().manual_seed(1)
    for columns in (1, 2, 5, 8):
        x = torch.randn(19, columns, generator=generator)
        for order in (0, 1, 2):
            sign_sums.sign_sums(x, 1.1, 0.7, order)
            assert_guarded(spaces, (columns, order))
        levels = torch.randn(12, columns, generator=generator)
        for products in (None, torch.randn(12, columns * (columns + 1) // 2, generator=generator)):
            error_sums.error_sums(x, levels, products)
            assert_guarded(spaces, columns)


def test_kernels_of_a_link_leave_what_follows_the_workspace(spaces):
    constellation = make_detector("ml", "qpsk").constellation
    for rx, tx in SIZES:
        h, noise = (torch.ones(3, n, m, dtype=torch.complex64) for n, m in ((rx, tx), (2, rx)))
        indices = torch.zeros(3, 2, tx, dtype=torch.int64)
        transmission.transmit(h, indices, constellation, noise, torch.ones(3))
        roots = (torch.ones(n, n, dtype=torch.complex64) for n in (rx, tx))
        transmission.correlate(h, *roots)
        assert_guarded(spaces, (rx, tx))


@pytest.fixture
def scratch(monkeypatch):
    """The memory of kernels that make their workspace themselves, compiled for this test alone."""
    memory = torch.full((2**17,), float(GUARD), dtype=torch.float32).numpy()
    address, size = memory.ctypes.data, memory.size

    @compiling.inlined
    def guarded(count):
        return floats_at(address, size)[:count]

    monkeypatch.setattr(compiling, "keep_on_disk", lambda *_: None)
    for module in (detnet, detnet_training):
        monkeypatch.setattr(module, "scratch", guarded)
    return memory


def test_detnet_leaves_what_follows_its_workspace(scratch):
    kernel = detnet.kernel.__wrapped__()
    for num, vectors, rx, n, hidden, state in ((1, 1, 3, 2, 5, 3), (2, 5, 0, 7, 49, 20)):
        sizes = detnet.Sizes(2, n, hidden, state, gelu=1, soft_sign=0, halves=0)
        given = [torch.ones(2**14) for _ in range(8)]
        numbers = (num, vectors, rx, *sizes)
        assert kernel(*(tensor.data_ptr() for tensor in given), 0.5, numbers)
        floats = floats_of(detnet.layout, num, vectors, rx, n, hidden, state)
        assert np.any(scratch[:floats] != GUARD)
        assert np.all(scratch[floats:] == GUARD), numbers
        scratch[:] = GUARD


def test_training_of_detnet_leaves_what_follows_its_workspace(scratch):
    rows, vectors, n, state = 4, 2, 7, 3
    for maker, arrays in (
        (detnet_training.forward_kernel, 5),
        (detnet_training.backward_kernel, 6),
    ):
        given = [torch.ones(2**12) for _ in range(arrays)]
        addresses = (tensor.data_ptr() for tensor in given)
        maker.__wrapped__()(*addresses, 0.5, (rows, vectors, n, state, 0))
        floats = floats_of(detnet_training.layout, n)
        assert np.any(scratch[:floats] != GUARD)
        assert np.all(scratch[floats:] == GUARD)
        scratch[:] = GUARD
