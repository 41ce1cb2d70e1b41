"""The house rules that a machine can check: import direction, sizes, what is never imported."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mimolearn

PACKAGE = Path(mimolearn.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# Imports point upward in this list, never down; so they do between the parts of a room.
ROOMS: dict[str, list[str]] = {
    "foundation": [
        "interrupt",
        "errors",
        "signatures",
        "lazy",
        "spelling",
        "plugins",
        "atomicfile",
        "plainmodel",
        "tomlfile",
        "shipped",
        "raycluster",
        "pace",
        "tensors",
    ],
    "weights": [],
    "constellation": ["sets", "tables", "given", "base", "reading"],
    "snr": [],
    "kernels": [
        "machine",
        "dense",
        "linear",
        "iterative",
        "triangles",
        "search",
        "networks",
        "link",
        "codes",
        "beams",
    ],
    "detection": [],
    "link": [
        "names",
        "randomness",
        "gold",
        "channels",
        "array",
        "frames",
        "estimators",
        "slots",
        "coding",
        "harq",
        "scenario_file",
        "scenario",
        "codes",
        "slot_codes",
        "grid_scenario",
        "any_scenario",
        "beam_scenario",
    ],
    "detectors": [
        "counting",
        "states",
        "priors",
        "inputs",
        "base",
        "function",
        "nesting",
        "registry",
        "files",
        "learned",
        "trained",
        "text",
        "linear",
        "cancellation",
        "search",
        "message_passing",
        "unfolded",
        "networks",
        "wrappers",
    ],
    "quantizers": [],
    "beamformers": [
        "base",
        "gains",
        "digital",
        "objective",
        "classical",
        "unfolded",
        "registry",
        "trained",
    ],
    "zoo": [],
    "training": [
        "recipe",
        "data",
        "elements",
        "draws",
        "losses",
        "measure",
        "classical",
        "checkpoint",
        "cards",
        "problems",
        "loop",
        "finetune",
        "sweep",
    ],
    "plans": [
        "counts",
        "user_code",
        "fingerprint",
        "imported",
        "options",
        "identity",
        "quantized",
        "receiver",
        "chain",
        "contender",
        "beam_contender",
        "plan",
        "shared_samples",
        "beam_plan",
    ],
    "testing": [],
    "results": [
        "statistics",
        "llrs",
        "crossings",
        "costs",
        "shown",
        "point",
        "rows",
        "comparison",
        "beam_comparison",
        "difference",
        "beam_difference",
        "goodput",
    ],
    "studies": [
        "progress",
        "kinds",
        "storage",
        "execution",
        "stopping",
        "schedule",
        "provenance",
        "session",
        "timing",
        "engine",
        "mcs_run",
        "bracket",
        "beam_run",
        "diff_results",
        "forecast",
    ],
    "papers": [],
    "report": [
        "numbers",
        "links",
        "style",
        "overlay",
        "answers",
        "goodput_answers",
        "beam_answers",
        "text",
        "facts",
        "plots",
        "page",
        "views",
    ],
    "exporting": [],
    "interop": [],
    "board": [],
    "cli": [],
}
FAMILIES = {"detectors", "quantizers", "beamformers"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
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
MAX_LINES = 400
# Files that are longer for a reason that stands beside them.
LONG_FILES: dict[str, str] = {}

each_module = pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE))
)


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def room_of(path: Path) -> str:
    """First part of a module's name inside the package; "" for the package itself."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return {"__init__": "", "__main__": "cli"}.get(first, first)


def imported_modules(path: Path) -> Iterator[str]:
    """Absolute names of all imports in a file, those inside functions included."""
    package = ["mimolearn", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield base
            # "from mimolearn import channels" names a room by its second half.
            yield from (f"{base}.{alias.name}" for alias in node.names)


def imported_rooms(path: Path) -> set[str]:
    names = (name.split(".") for name in imported_modules(path))
    return {parts[1] for parts in names if parts[0] == "mimolearn" and len(parts) > 1}


def imported_parts(path: Path) -> set[str]:
    """Parts of a module's own room that it imports; "" for the room's package itself."""
    room, own = room_of(path), set[str]()
    for name in imported_modules(path):
        parts = name.split(".")
        if parts[0] == "mimolearn" and parts[1:2] == [room] and len(parts) > 2:
            own.add(parts[2])
    return own


def part_of(path: Path) -> str:
    """Second part of a module's name inside the package; "" for a room's own package."""
    parts = path.relative_to(PACKAGE).parts
    return parts[1].removesuffix(".py").replace("__init__", "") if len(parts) > 1 else ""


def test_every_room_has_its_place() -> None:
    unknown = {room_of(path) for path in MODULES} - {"", *ROOMS}
    assert not unknown, f"give {unknown} a place in ROOMS and in CONTRIBUTING.md"


def test_every_part_of_a_room_has_its_place() -> None:
    for room, known in ROOMS.items():
        if known:
            found = {part_of(path) for path in MODULES if room_of(path) == room} - {""}
            assert found == set(known), room


@each_module
def test_imports_point_upward(path: Path) -> None:
    room, order = room_of(path), list(ROOMS)
    if room == "":
        return
    imported = imported_rooms(path)
    assert imported <= set(ROOMS), f"import rooms, not the package: {imported - set(ROOMS)}"
    below = {other for other in imported if order.index(other) > order.index(room)}
    assert not below, f"{room} imports what stands below it: {below}"


@each_module
def test_imports_inside_a_room_point_upward(path: Path) -> None:
    order, part = ROOMS.get(room_of(path), []), part_of(path)
    if not order or not part:
        return
    known = imported_parts(path) & set(order)
    below = {other for other in known if order.index(other) > order.index(part)}
    assert not below, f"{room_of(path)}.{part} imports what stands below it: {below}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Whichever is imported first would find the other half made."""
    name_of = {
        path: ".".join(
            ["mimolearn", *path.relative_to(PACKAGE).with_suffix("").parts]
        ).removesuffix(".__init__")
        for path in MODULES
    }
    known = set(name_of.values())
    # ``from a import b`` reads the package ``a`` only where ``b`` is no module of its own.
    graph: dict[str, set[str]] = {}
    for path, name in name_of.items():
        found = set(imported_modules(path)) & known
        graph[name] = {
            n for n in found if n != name and not any(m.startswith(n + ".") for m in found)
        }
    done: set[str] = set()

    def follow(name: str, trail: list[str]) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for other in sorted(graph[name]):
                follow(other, [*trail, name])
            done.add(name)

    for name in sorted(graph):
        follow(name, [])


@each_module
def test_families_stand_apart(path: Path) -> None:
    room = room_of(path)
    if room in FAMILIES:
        assert not imported_rooms(path) & (FAMILIES - {room} | {"scenario"})


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
