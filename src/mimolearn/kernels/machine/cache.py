"""The disk cache of machine code: what is stale or damaged counts as absent and is replaced.

numba reads its files without a check: a file cut short ends in a traceback at every start, and a
flipped bit in machine code would run. Here every file of machine code ends in a digest.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile

_DIGEST_BYTES = hashlib.sha256().digest_size


def keep_on_disk(dispatcher: Any, stamp: int) -> None:
    """Let a dispatcher keep its machine code on disk, where any place can be written to.

    stamp: code that was kept under another one is compiled anew.
    """
    try:
        dispatcher._cache = _KernelCache(dispatcher.py_func, stamp)
    except RuntimeError as error:
        # No writable place for the cache, neither beside the source nor in the home.
        if "no locator" not in str(error):
            raise


@contextmanager
def one_at_a_time(dispatcher: Any) -> Iterator[None]:
    """Let one process compile a kernel: others that need it wait, and then read its machine code.

    dispatcher: as ``keep_on_disk`` has left it; without a place on disk nobody waits.
    """
    with contextlib.ExitStack() as held:
        if isinstance(dispatcher._cache, _KernelCache) and sys.platform != "win32":
            # A file system may have no room, no permission or no locks: all compile then.
            with contextlib.suppress(OSError):
                import fcntl

                file = held.enter_context(dispatcher._cache.lock_path().open("ab"))
                # The system takes the lock from a process that ends in any way.
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _CheckedFiles(IndexDataCacheFile):
    """numba's index and data files, the data files with a digest that is checked."""

    def _load_index(self) -> dict[Any, str]:
        try:
            return super()._load_index()
        except Exception:  # unpickling damaged bytes raises any kind of error
            # Whatever a damaged index raises when it is unpacked: the next save writes it anew.
            return {}

    def _dump(self, obj: Any) -> bytes:
        content = super()._dump(obj)
        # Readers stop at the end of the content, so numba's own code reads such a file too.
        return content + hashlib.sha256(content).digest()

    def _load_data(self, name: str) -> Any:
        whole = Path(self._data_path(name)).read_bytes()
        content, digest = whole[:-_DIGEST_BYTES], whole[-_DIGEST_BYTES:]
        if hashlib.sha256(content).digest() != digest:
            # ``load`` takes it for an absent file.
            raise OSError(f"{name}: damaged")
        return super()._load_data(name)


class _KernelCache(FunctionCache):
    """numba's cache of one function, which never stops a kernel from being compiled."""

    def __init__(self, function: Any, stamp: int) -> None:
        super().__init__(function)
        locator = self._impl.locator
        stamps = locator.get_source_stamp(), stamp
        self._cache_file = _CheckedFiles(self._cache_path, self._impl.filename_base, stamps)

    def lock_path(self) -> Path:
        """An empty file beside those of the kernel; its folder is made."""
        self._impl.locator.ensure_cache_path()
        return Path(self._cache_path) / f"{self._impl.filename_base}.lock"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # LLVM's errors share no base but this
            # Sound bytes that this numba or LLVM cannot use.
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        # A full disk, or a folder that can no longer be written to: compiled again next time.
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)
