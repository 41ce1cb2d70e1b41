"""House rules that a machine can check in the text of the sources."""

from __future__ import annotations

import ast
from pathlib import Path

from .sources import PACKAGE, each_module, imported_modules, room_of, tree

FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
MAX_LINES = 400
# Files that are longer for a reason that stands beside them.
LONG_FILES: dict[str, str] = {}


@each_module
def test_nothing_is_unpickled(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported_modules(path)}
    assert not roots & FORBIDDEN_MODULES
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call):
            continue
        call = ast.unparse(node.func)
        assert call not in {"torch.load", "torch.save", "pd.read_pickle"}, f"line {node.lineno}"
        if call in {"np.load", "numpy.load"}:
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert options.get("allow_pickle") == "False", f"line {node.lineno}"


def test_kernels_are_compiled_in_one_place() -> None:
    """There they get a checked cache, the stamp of all sources, and work without a cache."""
    compilers = {"jit", "njit", "vectorize", "guvectorize", "stencil", "cfunc", "generated_jit"}
    for path in (PACKAGE / "kernels").rglob("*.py"):
        names = {
            node.attr if isinstance(node, ast.Attribute) else node.id
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Attribute | ast.Name)
        }
        imported = {name.rpartition(".")[2] for name in imported_modules(path)}
        assert path.name == "compile.py" or not (names | imported) & compilers, path.name


# Whatever else writes a file can leave half of one. A log grows by whole lines.
WRITERS = {"write_text", "write_bytes", "savefig", "save_file", "to_file", "tofile", "savez"}
WRITING_MODES = {"'w'", "'wb'", "'x'", "'xb'", "'w+'", "'r+b'"}


@each_module
def test_files_are_written_by_one_helper(path: Path) -> None:
    if path.name == "atomicfile.py":
        return
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        given = [ast.unparse(value) for value in (*node.args, *(k.value for k in node.keywords))]
        in_memory = name == "savefig" and any(k.arg == "format" for k in node.keywords)
        assert name not in WRITERS or in_memory, f"line {node.lineno}: use write_atomically"
        to_nowhere = "os.devnull" in given
        assert name != "open" or to_nowhere or not WRITING_MODES & set(given), f"line {node.lineno}"


@each_module
def test_global_random_state_is_left_alone(path: Path) -> None:
    calls = {ast.unparse(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)}
    seeds = {"torch.manual_seed", "torch.seed", "np.random.seed", "random.seed"}
    assert not calls & seeds


# Without a dtype they follow torch's default dtype, and kernels take float32 alone.
MAKES_FLOATS = {"tensor", "as_tensor", "zeros", "ones", "full", "eye", "linspace", "logspace"}
MAKES_FLOATS |= {"rand", "randn", "empty", "scalar_tensor"}
LAYERS = {"nn.Linear", "nn.Conv1d", "nn.Conv2d", "nn.BatchNorm1d", "nn.BatchNorm2d", "nn.LayerNorm"}


@each_module
def test_new_tensors_name_their_dtype(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call):
            continue
        call = ast.unparse(node.func)
        named = {keyword.arg for keyword in node.keywords}
        if call.removeprefix("torch.") in MAKES_FLOATS and call.startswith("torch."):
            assert "dtype" in named, f"line {node.lineno}: {ast.unparse(node)}"
            # Kernels work on the CPU, whatever the default device is.
            at_home = "device" in named or room_of(path) != "kernels"
            assert at_home, f"line {node.lineno}: {ast.unparse(node)}"
        if call == "torch.arange":
            whole = not any(
                isinstance(part, ast.Constant) and isinstance(part.value, float)
                for part in ast.walk(node)
            )
            assert whole or "dtype" in named, f"line {node.lineno}: {ast.unparse(node)}"
        if call == "torch.where" and len(node.args) == 3:
            numbers = [isinstance(part, ast.Constant) for part in node.args[1:]]
            assert not all(numbers), f"line {node.lineno}: {ast.unparse(node)}"
        if call in LAYERS:
            assert "dtype" in named, f"line {node.lineno}: {ast.unparse(node)}"


@each_module
def test_tensors_are_kept_by_made_once_alone(path: Path) -> None:
    """lru_cache would keep what the first caller's mode has made of a tensor."""
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.FunctionDef) or node.returns is None:
            continue
        decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
        if any(text.startswith(("functools.", "lru_cache", "cache")) for text in decorators):
            returned = ast.unparse(node.returns)
            assert "Tensor" not in returned, f"line {node.lineno}: {node.name}"


@each_module
def test_files_stay_readable(path: Path) -> None:
    name = str(path.relative_to(PACKAGE))
    assert path.name not in {"utils.py", "helpers.py", "misc.py", "common.py"}
    num_lines = len(path.read_text("utf-8").splitlines())
    assert num_lines <= MAX_LINES or name in LONG_FILES, f"{num_lines} lines"
