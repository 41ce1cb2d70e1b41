"""The notebook runs cell by cell, and the C++ example is a program of ONNX Runtime's API."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_notebook_runs() -> None:
    notebook = json.loads((EXAMPLES / "first_steps.ipynb").read_text("utf-8"))
    assert notebook["nbformat"] == 4
    namespace: dict[str, object] = {"__name__": "__main__"}
    shown = []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        # Outputs are made by whoever runs it.
        assert not cell["outputs"]
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, cell["id"], "exec"), namespace)
        if last is not None:
            # As a notebook does with the last expression.
            shown.append(eval(compile(ast.Expression(last.value), cell["id"], "eval"), namespace))
    assert "<table>" in shown[1]._repr_html_()
    assert shown[3].to_rows()[0]["ber_errors"] == shown[3].to_rows()[1]["ber_errors"]
    assert not shown[4].paired


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")
def test_the_program_in_cpp_compiles() -> None:
    """Against real headers where ONNXRUNTIME_INCLUDE names them, else against declarations."""
    headers = os.environ.get("ONNXRUNTIME_INCLUDE", str(Path(__file__).parent / "cpp"))
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{headers}"]
    source = str(EXAMPLES / "run_exported.cpp")
    done = subprocess.run(["g++", *flags, source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
