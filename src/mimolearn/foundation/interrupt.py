"""Ctrl-C of the command line outside of its commands: while it imports, and pressed again."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import Any

# What a shell reports of a process that SIGINT ended.
EXIT_CODE = 130

_last_words = b"error: stopped\n"


def end_at_once(*_: Any) -> None:
    """A handler of SIGINT that ends the process with one line. Files are safe against that."""
    with contextlib.suppress(OSError):
        os.write(2, _last_words)
    os._exit(EXIT_CODE)


def set_last_words(words: str) -> None:
    """What ``end_at_once`` writes on standard error."""
    global _last_words
    _last_words = words.encode()


def guard_imports() -> None:
    """Let Ctrl-C end the command line with one line while torch is imported; else do nothing."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    # A handler of somebody else stays, and so does "ignore".
    untouched = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if in_main_thread and untouched and _is_command_line():
        signal.signal(signal.SIGINT, end_at_once)


def _is_command_line() -> bool:
    """True for ``mimolearn`` and ``python -m mimolearn``, false for their worker processes."""
    words = sys.orig_argv
    if "--multiprocessing-fork" in words:
        return False
    if any(words[i : i + 2] == ["-m", "mimolearn"] for i in range(len(words))):
        return True
    script = os.path.basename(sys.argv[0]) if sys.argv else ""  # noqa: PTH119 (no other import)
    return script in ("mimolearn", "mimolearn.exe", "mimolearn-script.py")


guard_imports()
