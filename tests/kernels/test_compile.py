"""Compilation on first use: announced once on a terminal, cached, and possible without a cache."""

import fcntl
import sys
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWaiting
from pathlib import Path
from typing import Any

import numba.core.caching
import numba.core.compiler
import numba.core.cpu
import numpy as np
import pytest

from mimolearn.kernels.machine import compile as kernel_compile
from mimolearn.kernels.machine import parts
from mimolearn.kernels.machine.compile import compiled, part_options, source_stamp, uncounted


def _build(number):
    stamp = source_stamp()

    def add(out):
        _ = stamp
        out[0] += number

    return compiled("void(float32[::1])", add)


def _call(kernel):
    out = np.zeros(1, np.float32)
    kernel(out)
    return out[0]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_is_told_once(terminal, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(kernel_compile._Announcement, "count", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert _call(_build(1)) == 1
    assert _call(_build(2)) == 2
    assert capsys.readouterr().err.count("compiling") == int(terminal)


def test_a_line_names_the_kernel_and_goes_away(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(kernel_compile._Announcement, "count", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    # Nobody else draws on the terminal.
    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    _build(6)
    said = capsys.readouterr().err
    assert "kernel add (1) ..." in said
    assert said.endswith("\r\x1b[K")


def test_the_second_time_comes_from_disk(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    _build(3)
    monkeypatch.setattr(kernel_compile._Announcement, "count", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert _call(_build(3)) == 3
    assert capsys.readouterr().err == ""


def test_a_read_only_installation_still_works(monkeypatch):
    monkeypatch.setattr(numba.core.caching.CompileResultCacheImpl, "_locator_classes", [])
    assert _call(_build(4)) == 4


def test_other_layouts_are_refused_instead_of_compiled_for():
    kernel = _build(5)
    with pytest.raises(TypeError):
        kernel(np.zeros(2, np.float64))


def test_the_stamp_follows_the_sources(monkeypatch):
    before = source_stamp()
    monkeypatch.setattr(Path, "read_bytes", lambda path: path.name.encode())
    source_stamp.cache_clear()
    try:
        assert source_stamp() != before
    finally:
        source_stamp.cache_clear()


def _first(x):
    return x[0]


@pytest.mark.parametrize("counted", [True, False])
def test_parts_compile_with_and_without_the_private_option(counted):
    assert uncounted(_first).targetoptions["_nrt"] is False
    assert "_nrt" not in part_options(object(), counted)
    for known in (object(), numba.core.cpu.CPUTargetOptions):
        part = numba.njit(**part_options(known, counted))(_first)

        def call(x, part=part):
            return part(x)

        # A part has no entry for Python: kernels call it.
        assert numba.njit(call)(np.ones(3)) == 1.0


def test_parts_compile_by_a_numba_with_other_insides(monkeypatch):
    assert "pipeline_class" in part_options(object(), counted=True)
    monkeypatch.setattr(parts, "_PRIVATE", ((numba.core.compiler, "no such name"),))
    assert "pipeline_class" not in part_options(object(), counted=True)

    @uncounted
    def twice(x):
        return 2 * x

    def double_first(out):
        out[0] = twice(out[0])

    out = np.full(1, 3, np.float32)
    compiled("void(float32[::1])", double_first)(out)
    assert out[0] == 6


def test_a_part_is_compiled_once_for_all_constants_and_has_no_machine_code():
    @uncounted
    def item(x, i):
        return x[i]

    def first_two(out):
        out[0] = item(out, 1) + item(out, 2)

    out = np.arange(3, dtype=np.float32)
    compiled("void(float32[::1])", first_two)(out)
    assert out[0] == 3
    (part,) = item.overloads.values()
    engine = part.library.codegen._engine
    assert not engine.is_symbol_defined(part.fndesc.llvm_func_name)


def test_who_needs_a_kernel_that_another_process_compiles_waits_for_it(monkeypatch, tmp_path):
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    _build(7)
    (lock,) = tmp_path.rglob("*.lock")
    with ThreadPoolExecutor(1) as pool:
        with lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            waiting = pool.submit(_build, 7)
            with pytest.raises(StillWaiting):
                waiting.result(timeout=0.2)
        kernel: Any = waiting.result(timeout=60)
    assert sum(kernel.stats.cache_hits.values()) == 1
    assert _call(kernel) == 7


def test_where_no_lock_can_be_had_all_compile(monkeypatch, tmp_path):
    def refused(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("fcntl.flock", refused)
    assert _call(_build(8)) == 8
