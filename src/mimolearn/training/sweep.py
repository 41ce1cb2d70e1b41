"""One recipe trained with several seeds, sizes or other values: a result for each."""

from __future__ import annotations

import itertools
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mimolearn.beamformers import beamformer_class
from mimolearn.detectors import detector_class, detector_names
from mimolearn.detectors.text import parse_option
from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.foundation.errors import (
    InvalidInputError,
    check_one_of,
    check_positive_int,
    invalid,
    user_path,
)
from mimolearn.foundation.raycluster import cluster
from mimolearn.link.scenario import Scenario
from mimolearn.training.loop import train
from mimolearn.training.recipe import (
    AnyRecipe,
    BeamRecipe,
    Recipe,
    SoftBitRecipe,
    read_recipe,
    recipe_class,
)
from mimolearn.weights import Card, read_card

_MOST_MEMBERS = 1000

PlainValue = bool | int | float | str


class Axis(NamedTuple):
    """A field of a recipe that a sweep changes.

    Attributes:
        field: as "seed", "num_layers" or "scenario.num_rx_ant".
        values: what it takes.
    """

    field: str
    values: tuple[PlainValue, ...]


class Member(NamedTuple):
    """A training of a sweep.

    Attributes:
        recipe: its recipe.
        values: of the axes, in their order.
    """

    recipe: AnyRecipe
    values: tuple[PlainValue, ...]


class SweepEvent(NamedTuple):
    """Sent when a member is done.

    Attributes:
        name: of its recipe.
        done: how many members are done.
        total: how many there are.
        kept: whether it had been trained before.
    """

    name: str
    done: int
    total: int
    kept: bool


def parse_axis(text: str) -> Axis:
    """An axis from text.

    Args:
        text: as "field=value,value".

    Raises:
        InvalidInputError: for other text, or values that are not different.

    >>> parse_axis("seed=1,2,3")
    Axis(field='seed', values=(1, 2, 3))
    """
    field, equals, rest = text.partition("=")
    parts = [part.strip() for part in rest.split(",")]
    if not equals or not re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", field.strip()) or not all(parts):
        raise invalid("sweep", text, "field=value,value, as seed=1,2,3")
    values = tuple(parse_option(text, f"value={part}")[1] for part in parts)
    if len(set(map(str, values))) < len(values):
        raise invalid("sweep", text, "different values")
    return Axis(field.strip(), values)


def members(recipe: AnyRecipe | str | Path, axes: Sequence[Axis | str]) -> tuple[Member, ...]:
    """The recipes of a sweep: every combination of values, each with a name that tells it.

    Args:
        recipe: of any kind; the name of a shipped one; or a TOML file.
        axes: as "seed=1,2,3", or Axis objects. A field may be one of the recipe, an option of its
            network, or one of its scenario.

    Raises:
        InvalidInputError: for an unknown field, and for values that make no recipe.
    """
    recipe = read_recipe(recipe)
    listed = [axis if isinstance(axis, Axis) else parse_axis(axis) for axis in axes]
    if not listed:
        raise invalid("sweep", "<nothing>", "at least one field with its values")
    paths = [_path(recipe, axis.field) for axis in listed]
    if len(set(paths)) < len(paths):
        raise invalid("sweep", ", ".join(axis.field for axis in listed), "different fields")
    combinations = list(itertools.product(*(axis.values for axis in listed)))
    if len(combinations) > _MOST_MEMBERS:
        raise invalid("sweep", f"<{len(combinations)} trainings>", f"at most {_MOST_MEMBERS}")
    return tuple(Member(_changed(recipe, listed, paths, values), values) for values in combinations)


def sweep(
    recipe: AnyRecipe | str | Path,
    axes: Sequence[Axis | str],
    *,
    out: str | Path,
    executor: str = "serial",
    workers: int = 1,
    ray_address: str | None = None,
    progress: Callable[[SweepEvent], None] | None = None,
) -> tuple[tuple[Member, Card | None], ...]:
    """Train every member and return its card, in the order of the values.

    A member whose finished card lies in ``out`` is not trained again, and one that was cut off goes
    on from its checkpoint (with Ray: begins again). The weights are the same bit for bit, on
    whichever of like machines they were trained.

    Args:
        recipe: of any kind; the name of a shipped one; or a TOML file.
        axes: as "seed=1,2,3", or Axis objects.
        out: the folder for weights, cards and logs of all; this process writes them.
        executor: "serial", or "ray" for one task a member on a cluster.
        workers: processors of a cluster that starts here.
        ray_address: of a running cluster, in place of that.
        progress: is called with each SweepEvent.

    Returns:
        (member, its card), in the order of the values. The card is None where training kept a
        start that is random, or that is other weights: there is nothing new to write then.

    Raises:
        InvalidInputError: one line, for what is wrong in a recipe.
    """
    check_one_of("executor", executor, ("serial", "ray"))
    check_positive_int("workers", workers)
    every, folder = members(recipe, axes), user_path(out)
    kept = [member for member in every if _finished(member, folder)]
    left = [member for member in every if member not in kept]
    done = 0
    for member in kept:
        done += 1
        _tell(progress, member, done, len(every), kept=True)
    trained = (
        _serially(left, folder)
        if executor == "serial"
        else _on_ray(left, folder, workers, ray_address)
    )
    for member in trained:
        done += 1
        _tell(progress, member, done, len(every), kept=False)
    return tuple((member, _card(member, folder)) for member in every)


def _serially(left: list[Member], folder: Path) -> Iterator[Member]:
    for member in left:
        train(member.recipe, out=folder)
        yield member


def _on_ray(
    left: list[Member], folder: Path, workers: int, address: str | None
) -> Iterator[Member]:
    if not left:
        return
    with cluster(workers, address) as ray:
        folder.mkdir(parents=True, exist_ok=True)
        task = ray.remote(num_cpus=1, max_retries=-1)(_train_elsewhere)
        running = {task.remote(m.recipe.model_dump_json()): m for m in left}
        while running:
            ready, _ = ray.wait(list(running), num_returns=1)
            for reference in ready:
                member = running.pop(reference)
                for name, data in ray.get(reference).items():
                    write_atomically(folder / name, data)
                yield member


def _train_elsewhere(text: str) -> dict[str, bytes]:
    """What a training writes, by file name; the card last, because it says that all is there."""
    content = json.loads(text)
    recipe = recipe_class(content)(**content)
    with tempfile.TemporaryDirectory() as folder:
        train(recipe, out=folder)
        files = sorted(Path(folder).iterdir(), key=lambda path: path.suffix == ".json")
        return {path.name: path.read_bytes() for path in files}


def _card(member: Member, folder: Path) -> Card | None:
    return read_card(_weights(member, folder)) if _finished(member, folder) else None


def _finished(member: Member, folder: Path) -> bool:
    path = _weights(member, folder)
    if not path.exists() or not path.with_suffix(".json").exists():
        return False
    if read_card(path).recipe_key != member.recipe.key():
        raise InvalidInputError(
            f"out: {path} was trained by another recipe; use another folder, or remove it"
        )
    return True


def _weights(member: Member, folder: Path) -> Path:
    return folder / f"{member.recipe.name}.safetensors"


def _tell(
    progress: Callable[[SweepEvent], None] | None, member: Member, done: int, total: int, kept: bool
) -> None:
    if progress is not None:
        progress(SweepEvent(member.recipe.name, done, total, kept))


def _path(recipe: AnyRecipe, field: str) -> str:
    """The path of a field from the top of the recipe, with dots."""
    content = recipe.model_dump(mode="json")
    if "." in field or field in content:
        head = field.partition(".")[0]
        check_one_of("sweep", head, content)
        return field
    if field in Scenario.model_fields and isinstance(recipe, Recipe | SoftBitRecipe):
        return f"scenario.{field}"
    options = _options(recipe)
    if options is not None:
        scenario = () if isinstance(recipe, BeamRecipe) else tuple(Scenario.model_fields)
        check_one_of("sweep", field, dict.fromkeys((*content, *options, *scenario)))
    return f"options.{field}"


def _options(recipe: AnyRecipe) -> tuple[str, ...] | None:
    """Names of a network's options; None of a quantiser, where they are its fit's."""
    if isinstance(recipe, BeamRecipe):
        return tuple(beamformer_class(recipe.network).option_names())
    if recipe.network in detector_names():
        return tuple(detector_class(recipe.network).option_names())
    return None


def _changed(
    recipe: AnyRecipe, axes: list[Axis], paths: list[str], values: tuple[PlainValue, ...]
) -> AnyRecipe:
    content: dict[str, Any] = recipe.model_dump(mode="json")
    words = [recipe.name]
    for axis, path, value in zip(axes, paths, values, strict=True):
        *heads, last = path.split(".")
        table = content
        for head in heads:
            table = table[head] if isinstance(table, dict) and head in table else None
            if not isinstance(table, dict):
                raise invalid("sweep", axis.field, f"a field of the recipe {recipe.name!r}")
        table[last] = value
        words.append(f"{last.replace('_', '-')}-{value}".lower())
    content["name"] = re.sub(r"[^a-z0-9.-]", "-", ".".join(words))[:80]
    try:
        return type(recipe)(**content)
    except InvalidInputError as error:
        raise InvalidInputError(f"sweep: {', '.join(words[1:])}: {error}") from None
