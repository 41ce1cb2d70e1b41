"""The package from outside: light imports, lazy names, public names."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

import mimolearn

from .sources import PACKAGE, tree

# Each costs a tenth of a second to seconds, and is needed by some uses only.
LAZY_MODULES = [
    "torch",
    "numpy",
    "pydantic",
    "numba",
    "sionna",
    "matplotlib",
    "plotly",
    "pandas",
    "h5py",
]
LAZY_MODULES += ["scipy.stats", "scipy.io", "typer", "rich", "cvxpy", "onnx", "onnxruntime", "ray"]


def test_import_of_the_package_is_light() -> None:
    program = f"""
import sys, mimolearn
heavy = [name for name in {LAZY_MODULES!r} if name in sys.modules]
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""


# What the command line needs for its help, its version and completion, and nothing heavier.
HEAVY_MODULES = ["scipy", "jinja2", "safetensors", *LAZY_MODULES]
NEEDED_BY_COMMANDS = {"typer", "rich", "pydantic"}


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["compare", "--help"]], ids=" ".join)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    heavy = [name for name in HEAVY_MODULES if name not in NEEDED_BY_COMMANDS]
    assert _imported(f"sys.argv = ['mimolearn', *{words!r}]; run()", heavy) == []


def test_completion_imports_nothing_heavy() -> None:
    heavy = [name for name in HEAVY_MODULES if name not in NEEDED_BY_COMMANDS]
    program = """
from mimolearn.cli import words
for name, complete in vars(words).items():
    if name.startswith("complete_"):
        assert complete(""), name
"""
    assert _imported(program, heavy) == []


def _imported(program: str, names: list[str]) -> list[str]:
    """Which of these modules a program imports."""
    whole = f"""
import sys
def run():
    from mimolearn.cli import main
    try:
        main()
    except SystemExit as end:
        assert end.code == 0, end.code
{program}
print("\\nimported:", *(name for name in {names!r} if name in sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", whole], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.rpartition("imported:")[2].split()


@pytest.mark.parametrize("path", ["__init__.py", "report/__init__.py"])
def test_lazy_names_are_those_that_type_checkers_read(path: str) -> None:
    """One list is imported at run time, name by name, the other by type checkers alone."""
    typed: dict[str, list[str]] = {}
    lazy: dict[str, list[str]] = {}
    for node in ast.walk(tree(PACKAGE / path)):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for line in node.body:
                assert isinstance(line, ast.ImportFrom)
                typed[str(line.module)] = [alias.name for alias in line.names]
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "lazy_names":
            homes = ast.literal_eval(node.args[1])
            lazy = {module: names.split() for module, names in homes.items()}
    assert lazy == typed
    assert typed


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'simulatte'"):
        _ = mimolearn.simulatte  # pyright: ignore[reportAttributeAccessIssue]  # that is the test
    assert {"simulate", "Scenario"} <= set(dir(mimolearn))


def test_public_names_exist_and_are_sorted() -> None:
    assert all(hasattr(mimolearn, name) for name in mimolearn.__all__)
    assert len(set(mimolearn.__all__)) == len(mimolearn.__all__)
