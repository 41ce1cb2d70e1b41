"""Damaged cache files of machine code are replaced, stale ones too, and none stops a kernel."""

import os
import subprocess
import sys

import numpy as np
import pytest

from mimolearn.kernels.machine import compile as kernel_compile
from mimolearn.kernels.machine.compile import compiled, is_on_disk, kernel_files, source_stamp


def build():
    def count(out):
        out[0] += 1.0

    return compiled("void(float32[::1])", count)


def hits(kernel):
    out = np.zeros(1, np.float32)
    kernel(out)
    assert out[0] == 1
    return sum(kernel.stats.cache_hits.values())


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    return tmp_path


def damaged(content: bytes):
    middle = len(content) // 2
    yield b""
    yield content[:1]
    yield content[:middle]
    yield content[:-1]
    yield b"garbage" * 50
    yield content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
def test_a_damaged_file_is_replaced(kind, folder):
    assert hits(build()) == 0
    assert hits(build()) == 1
    (file,) = folder.rglob(f"*.{kind}")
    for content in list(damaged(file.read_bytes())):
        file.write_bytes(content)
        # An index whose damage does not matter serves on.
        assert hits(build()) <= (kind == "nbi")
        assert hits(build()) == 1


def test_files_without_a_digest_are_replaced(folder):
    """As numba itself writes them."""
    hits(build())
    (file,) = folder.rglob("*.nbc")
    file.write_bytes(file.read_bytes()[:-32])
    assert [hits(build()), hits(build())] == [0, 1]


def test_other_sources_make_new_code(folder, monkeypatch):
    hits(build())
    monkeypatch.setattr(kernel_compile, "source_stamp", lambda: source_stamp() + 1)
    assert [hits(build()), hits(build())] == [0, 1]


def test_a_disk_that_fails_stops_no_kernel(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile._save_index", full)
    assert [hits(build()), hits(build())] == [0, 0]


def test_kernels_in_folders_are_found(monkeypatch, tmp_path):
    """Stamp and list go through all folders."""
    nested = tmp_path / "dense" / "gram.py"
    nested.parent.mkdir()
    nested.write_text("from x import compiled\nkernel = compiled('void()', print)\n")
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(kernel_compile, "kernel_folder", lambda: tmp_path)
    source_stamp.cache_clear()
    try:
        before = source_stamp()
        assert kernel_files() == {"dense.gram": 0}
        place = kernel_compile.cache_folder(nested)
        place.mkdir(parents=True, exist_ok=True)
        (place / "gram.kernel-1.py311.nbi").write_bytes(b"")
        assert kernel_files() == {"dense.gram": 1}
        assert is_on_disk("dense.gram")
        source_stamp.cache_clear()
        nested.write_text("# changed\n")
        assert source_stamp() != before
    finally:
        source_stamp.cache_clear()


def test_every_kernel_is_listed():
    names = set(kernel_files())
    searches = {"sphere", "soft_sphere", "k_best", "las", "sdr"}
    assert {f"search.{name}" for name in searches} <= names
    assert {"networks.tap", "triangles.sorted_cholesky"} <= names


PROGRAM = """
import numpy as np
from mimolearn.kernels.machine.compile import cache_folder
from mimolearn.kernels.machine.philox import Stream, fill_normal
out = np.empty(3, np.float32)
fill_normal(out, Stream(1))
assert cache_folder() is not None
print(out.tolist())
"""


def test_numba_asked_for_no_compilation_compiles_kernels_all_the_same():
    """NUMBA_DISABLE_JIT is for Python code that is debugged; kernels are none."""
    found = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", PROGRAM],
            env={**os.environ, **extra},
            capture_output=True,
            text=True,
            check=False,
        )
        for extra in ({}, {"NUMBA_DISABLE_JIT": "1"})
    ]
    assert [run.stderr for run in found] == ["", ""]
    assert found[0].stdout == found[1].stdout != ""
