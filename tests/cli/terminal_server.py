"""A process that runs command lines on terminals: the library is imported once, each run is a fork.

Reads jobs, one JSON object a line: argv, cwd, environment, tty (path), stdout ("tty", "pipe" or
"closed"), encoding. Answers each with {"code": ..., "pipe": ...}, pipe in base64.
"""

from __future__ import annotations

import base64
import io
import json
import os
import sys


def _child(job: dict, pipe: int | None) -> None:
    """Run one command line with streams as the job wants them; never returns."""
    os.chdir(job["cwd"])
    for name in ("NO_COLOR", "COLUMNS", "LINES", "FORCE_COLOR", "TTY_COMPATIBLE"):
        os.environ.pop(name, None)
    os.environ.update({"TERM": "xterm-256color", **job["environment"]})
    tty = os.open(job["tty"], os.O_RDWR | os.O_NOCTTY)
    for descriptor in (0, 1, 2):
        os.dup2(tty, descriptor)
    if pipe is not None:
        os.dup2(pipe, 1)
    # What Python itself makes of PYTHONIOENCODING and of the locale.
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(
            io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False)),
            encoding=job["encoding"],
            errors=errors,
            line_buffering=os.isatty(descriptor),
        )
        for descriptor, errors in ((1, "strict"), (2, "backslashreplace"))
    )
    from mimolearn.cli import main

    sys.argv = ["mimolearn", *job["argv"]]
    code: object = 99
    try:
        main()
    except SystemExit as stop:
        code = stop.code
    finally:
        # As the interpreter does at its end.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 98)


def _run(job: dict) -> dict:
    reader = writer = None
    if job["stdout"] != "tty":
        reader, writer = os.pipe()
    if job["stdout"] == "closed" and reader is not None:
        os.close(reader)
        reader = None
    child = os.fork()
    if child == 0:
        try:
            _child(job, writer)
        finally:
            os._exit(97)
    content = b""
    if writer is not None:
        os.close(writer)
    if reader is not None:
        with os.fdopen(reader, "rb") as stream:
            content = stream.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return {"code": code, "pipe": base64.b64encode(content).decode()}


def _serve() -> None:
    import matplotlib  # noqa: F401 (imported here once, for all runs)
    import torch

    import mimolearn.cli
    import mimolearn.report.page.comparison
    import mimolearn.report.plots.figures  # noqa: F401 (imported here once, for all runs)

    torch.set_num_threads(1)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_run(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
