"""Turning a kernel into machine code: on first use, kept on disk, announced on a terminal."""

from __future__ import annotations

import functools
import platform
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from llvmlite.binding import get_host_cpu_features
from numba.core import config, cpu, event

# A kernel of its own accord never checks bounds, never holds the interpreter lock, and divides
# like IEEE. Contraction is asked for operation by operation (see simd.fma), never "fastmath",
# which would lose NaN.
_OPTIONS = {"nogil": True, "error_model": "numpy"}

# Its types know no option that begins with an underscore.
_njit: Any = numba.njit


def part_options(known: object, counted: bool) -> dict[str, Any]:
    """Options for a part of a kernel; known: what this numba's target lists as options.

    Counting references is switched by an option that numba keeps to itself. Where a numba has
    none, parts count them: kernels then give the same results, only later.
    """
    options = {"forceinline": True, "error_model": "numpy"}
    return {**options, "_nrt": counted} if hasattr(known, "_nrt") else options


_KNOWN = getattr(cpu, "CPUTargetOptions", None)

# A part without the option would take its caller's.
inlined = _njit(**part_options(_KNOWN, counted=True))
"""Decorator for the parts of kernels: they become part of every caller."""

uncounted = _njit(**part_options(_KNOWN, counted=False))
"""The same for parts that neither make an array nor give one back.

Others count references to every array that they are given. That is a call, which also empties the
vector registers: more than a row of a small matrix costs.
"""


@functools.cache
def reads_halves() -> bool:
    """Whether this machine turns half-precision numbers into floats by an instruction."""
    if getattr(config, "CPU_NAME", None) is not None:
        # Code for another processor than this one was asked for.
        return False
    arm = platform.machine().lower() in ("arm64", "aarch64")
    return arm or bool(get_host_cpu_features().get("f16c"))


@functools.cache
def source_stamp() -> int:
    """A number that changes with the text of any kernel file.

    numba's disk cache notices changes of the file that holds a kernel, not of the files it
    imports. A kernel that keeps this number in its closure is compiled anew after either.
    """
    files = sorted(Path(__file__).parent.glob("*.py"))
    return functools.reduce(lambda stamp, file: zlib.crc32(file.read_bytes(), stamp), files, 0)


def compiled(signature: str, kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel for one numba signature, or fetch its machine code from the disk cache.

    The one signature means that arrays of other types or layouts are refused, not recompiled for.
    """
    with event.install_listener("numba:compile", _Announcement()):
        try:
            return numba.njit(signature, cache=True, **_OPTIONS)(kernel)
        except RuntimeError as error:
            # No writable place for the cache, neither beside the source nor in the home.
            if "no locator" not in str(error):
                raise
            return numba.njit(signature, **_OPTIONS)(kernel)


class _Announcement(event.Listener):
    """Says once, on a terminal only, why the first use takes seconds."""

    said = False

    def on_start(self, event: Any) -> None:
        if not _Announcement.said and sys.stderr.isatty():
            print("mimolearn: compiling kernels for this machine, once ...", file=sys.stderr)
        _Announcement.said = True

    def on_end(self, event: Any) -> None:
        """Nothing: the next output tells that it is done."""


def _probe() -> None:
    """Has the place of a kernel, and nothing to do."""


def cache_folder() -> Path | None:
    """Where machine code is kept on disk; None where no place can be written to."""
    try:
        place = numba.njit(cache=True, **_OPTIONS)(_probe).stats.cache_path
    except RuntimeError as error:
        if "no locator" not in str(error):
            raise
        return None
    return Path(place) if place else None


def is_on_disk(module: str) -> bool:
    """Whether a module of kernels has machine code on disk, of whatever sources."""
    folder = cache_folder()
    return folder is not None and any(folder.glob(f"{module}.*.nbi"))


def kernel_files() -> dict[str, int]:
    """Each module of kernels, and how many of its kernels have machine code on disk.

    The code may be of earlier sources or another processor; the first use then replaces it.
    """
    folder = cache_folder()
    modules = [
        file.stem
        for file in sorted(Path(__file__).parent.glob("*.py"))
        if "kernels.compile import compiled" in file.read_text("utf-8") and file.stem != "compile"
    ]
    return {name: len(list(folder.glob(f"{name}.*.nbi"))) if folder else 0 for name in modules}
