"""The order of rooms and of their parts: imports point upward."""

from __future__ import annotations

from pathlib import Path

from .sources import MODULES, PACKAGE, each_module, imported_modules, room_of

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
        "iterative",
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
    "cli": [
        "app",
        "progress",
        "words",
        "arguments",
        "studies",
        "networks",
        "library",
        "board",
        "reproduce",
    ],
}
FAMILIES = {"detectors", "quantizers", "beamformers"}


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
