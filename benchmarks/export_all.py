"""Every shipped detector, estimator and quantiser as ONNX: does each file count the same errors?

A line of a table each, as soon as it is known; where one fails, so does the program. Other words:
those that a quantiser's file encodes differently, by rounding at a border. Needs the extra
mimolearn[onnx]. About twenty minutes on one thread.

    python benchmarks/export_all.py                  # all of them
    python benchmarks/export_all.py wesnet tap-net   # those whose names hold one of the words
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch

import mimolearn as ml
from mimolearn.weights import shipped_weights

HEAD = (
    "| weights | SNR [dB] | bits | errors, library | errors, ONNX Runtime "
    "| largest LLR difference (median LLR) | other words | size | seconds |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def row(name: str, folder: Path) -> tuple[str, bool]:
    """The line of one, and whether its counts agree."""
    start = time.process_time()
    try:
        exported = ml.export(name, folder / f"{name}.onnx")
    except ml.MimolearnError as error:
        return f"| `{name}` | {error} |", False
    check = exported.check
    size = sum(path.stat().st_size for path in exported.files)
    for path in exported.files:
        path.unlink()
    line = (
        f"| `{name}` | {check.snr_db:g} | {check.bits} | {check.library.bit_errors} "
        f"| {check.onnx.bit_errors} | {check.llr_difference:.2g} ({check.llr_size:.3g}) "
        f"| {check.different_codes} | {size / 1e3:.0f} kB | {time.process_time() - start:.0f} |"
    )
    return line, check.same


def main() -> None:
    """Print the table and fail where one line does."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="parts of names; all weights without any")
    words = parser.parse_args().words
    torch.set_num_threads(1)
    names = [name for name in shipped_weights() if not words or any(w in name for w in words)]
    print(HEAD, flush=True)
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            line, same = row(name, Path(folder))
            print(line, flush=True)
            if not same:
                failed.append(name)
    print(f"\n{len(names) - len(failed)} of {len(names)} count the same errors.")
    if failed:
        sys.exit("failed: " + ", ".join(failed))


if __name__ == "__main__":
    main()
