"""Mean squares of estimates: measured in batches, each kept as soon as it is done."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from mimolearn.detection import GaussianDetection
from mimolearn.detectors import Detector
from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.foundation.errors import InvalidInputError, ResultsFileError
from mimolearn.foundation.tensors.state import clean_torch, evaluating
from mimolearn.link.scenario import Block, Scenario
from mimolearn.papers.panels import AccuracyCurve, AccuracyPanel, CurvePoint
from mimolearn.plans.plan import canonical_snr
from mimolearn.studies import Contender
from mimolearn.studies.kinds.chunk import batch_channels
from mimolearn.studies.kinds.seeds import chunk_generator, chunk_seed

ACCURACY_SCHEMA = 1
_Z95 = 1.959963984540054


class Sums(NamedTuple):
    """Of one quantity over channels c: n_c squared errors of each layer, d_c the energy they are
    relative to.

    n, nn, nd: sums of n_c, n_c^2, n_c d_c, one a layer. d, dd: sums of d_c, d_c^2.
    """

    n: list[float]
    nn: list[float]
    nd: list[float]
    d: float
    dd: float


class Tally(NamedTuple):
    """Channels, and the sums of "error" and "residual"; parts: the same of every batch."""

    channels: int
    error: Sums
    residual: Sums
    parts: tuple[Tally, ...] = ()

    def of(self, metric: str) -> Sums:
        """The sums that a metric needs."""
        return self.residual if metric == "residual" else self.error


def run_accuracy(
    scenario: Scenario,
    contender: Contender,
    snr_db: float,
    num_channels: int,
    folder: Path,
    *,
    shrunk: bool,
    step: Callable[[bool], None],
) -> tuple[Tally, bool]:
    """Measure at least num_channels channels, taking up what the folder has.

    Batch b draws from the stream of (scenario key, SNR, b), so that all receivers see the same
    channels. step(fresh) is called after every batch; fresh is False for one that was kept.
    Returns the sums, and whether the detector has no iterates.
    """
    path = _path(folder, scenario, contender, snr_db, shrunk)
    content = _read(path)
    batches: list[dict[str, Any]] = content["batches"] if content else []
    for index, batch in enumerate(batches):
        if batch.get("seed") != chunk_seed(scenario.key(), canonical_snr(snr_db), index):
            raise _damaged(path)
    needed = math.ceil(num_channels / batch_channels(scenario))
    detector = contender.build(scenario.constellation)
    flat = not hasattr(detector, "iterates")
    for index in range(needed):
        fresh = index >= len(batches)
        if fresh:
            batches.append(_batch(scenario, detector, snr_db, index, shrunk))
            _write(path, scenario, contender, snr_db, batches)
        step(fresh)
    return _total(batches[:needed]), flat


class Place(NamedTuple):
    """Where on the axis a measurement stands: x, the sums, and whether there are no iterates."""

    x: float
    tally: Tally
    flat: bool


def accuracy_curve(panel: AccuracyPanel, label: str, places: Sequence[Place]) -> AccuracyCurve:
    """The curve of one receiver; x of a place counts except on a layer axis."""
    points = []
    for place in places:
        num_layers = len(place.tally.of(panel.metric).n)
        if panel.axis == "layer":
            points += [_point(panel, i + 1, place.tally, i) for i in range(num_layers)]
        else:
            points.append(_point(panel, place.x, place.tally, num_layers - 1))
    flat = panel.axis == "layer" and all(place.flat for place in places)
    return AccuracyCurve(label, tuple(points), flat)


def add_curve(
    curves: dict[str, AccuracyCurve],
    panel: AccuracyPanel,
    contender: Contender,
    places: Sequence[Place],
) -> None:
    """Add a receiver's curve, or, on an option axis, its point to the curve of its name."""
    if panel.axis != "option":
        curves[contender.label] = accuracy_curve(panel, contender.label, places)
    elif panel.option not in contender.options:
        curve = accuracy_curve(panel, contender.label, places)
        curves[contender.label] = replace(curve, flat=True)
    else:
        before = curves.get(contender.name, AccuracyCurve(contender.name, ()))
        added = accuracy_curve(panel, contender.name, places)
        curves[contender.name] = replace(before, points=before.points + added.points)


def ratio_interval(sums: Sums, layer: int) -> tuple[float, float, float]:
    """n/d with its 95 % interval over channels, by the delta method on its logarithm."""
    n, d = sums.n[layer], sums.d
    if n == 0:
        return 0.0, 0.0, 0.0
    ratio = n / d
    variance = sums.nn[layer] - 2 * ratio * sums.nd[layer] + ratio**2 * sums.dd
    spread = math.exp(_Z95 * math.sqrt(max(variance, 0.0)) / n)
    return ratio, ratio / spread, ratio * spread


def _point(panel: AccuracyPanel, x: float, tally: Tally, layer: int) -> CurvePoint:
    ratio, low, high = ratio_interval(tally.of(panel.metric), layer)
    parts = (part.of(panel.metric) for part in tally.parts)
    batches = tuple(_in_unit(panel, part.n[layer] / part.d) for part in parts)
    return CurvePoint(
        x, _in_unit(panel, ratio), _in_unit(panel, low), _in_unit(panel, high), batches
    )


def _in_unit(panel: AccuracyPanel, ratio: float) -> float:
    if panel.metric == "evm":
        return 100 * math.sqrt(ratio)
    # A residual of exactly 0 has no logarithm: float32 keeps none below -150 dB.
    return 10 * math.log10(max(ratio, 1e-15))


def _batch(
    scenario: Scenario, detector: Detector, snr_db: float, index: int, shrunk: bool
) -> dict[str, Any]:
    snr = canonical_snr(snr_db)
    with clean_torch(), evaluating(detector):
        generator = chunk_generator(scenario.key(), snr, index)
        block = scenario.draw(snr_db, batch_channels(scenario), generator)
        x = scenario.points().map(block.indices)
        estimates = _estimates(detector, block, shrunk)
        error = [_energy(x_hat - x) for x_hat in estimates]
        residual = [
            _energy(_filtered(block, block.y - x_hat @ block.h_hat.mT)) for x_hat in estimates
        ]
        sums = {
            "error": _sums(error, _energy(x)),
            "residual": _sums(residual, _energy(_filtered(block, block.y))),
        }
    if not all(math.isfinite(value) for part in sums.values() for value in part.n):
        raise InvalidInputError(f"{detector.name}: gave an estimate that is not finite")
    return {
        "seed": chunk_seed(scenario.key(), snr, index),
        "channels": len(block.h),
        **{name: part._asdict() for name, part in sums.items()},
    }


def _estimates(detector: Detector, block: Block, shrunk: bool) -> list[Tensor]:
    """Raw estimates of every layer, or the one that there is."""
    prepared = detector.prepare(block.h_hat, block.noise_var)
    iterates = getattr(detector, "iterates", None)
    if iterates is not None:
        return iterates(prepared, block.y)
    detection = detector.detect(prepared, block.y)
    if not isinstance(detection, GaussianDetection):
        raise InvalidInputError(f"{detector.name}: has no estimate before its decisions")
    if not shrunk:
        return [detection.x_hat]
    # A real constellation sees half of the error only, of symbols with all their energy there.
    error_var = detection.error_var / (2 if detection.constellation.is_real else 1)
    return [detection.x_hat / (1 + error_var)]


def _filtered(block: Block, y: Tensor) -> Tensor:
    return y @ block.h_hat.conj()


def _energy(values: Tensor) -> Tensor:
    """(N) float64 energies of channels."""
    return values.abs().double().square().sum((-2, -1))


def _sums(errors: list[Tensor], energy: Tensor) -> Sums:
    return Sums(
        [float(e.sum()) for e in errors],
        [float(e.square().sum()) for e in errors],
        [float((e * energy).sum()) for e in errors],
        float(energy.sum()),
        float(energy.square().sum()),
    )


def _total(batches: list[dict[str, Any]]) -> Tally:
    parts = tuple(
        Tally(batch["channels"], Sums(**batch["error"]), Sums(**batch["residual"]))
        for batch in batches
    )
    channels = sum(part.channels for part in parts)
    return Tally(channels, _add([p.error for p in parts]), _add([p.residual for p in parts]), parts)


def _add(parts: list[Sums]) -> Sums:
    def layers(columns: list[list[float]]) -> list[float]:
        return [sum(values) for values in zip(*columns, strict=True)]

    return Sums(
        n=layers([part.n for part in parts]),
        nn=layers([part.nn for part in parts]),
        nd=layers([part.nd for part in parts]),
        d=sum(part.d for part in parts),
        dd=sum(part.dd for part in parts),
    )


def _path(
    folder: Path, scenario: Scenario, contender: Contender, snr_db: float, shrunk: bool
) -> Path:
    name = f"{scenario.key()}-{contender.key()}-{canonical_snr(snr_db)}"
    return folder / f"{name}{'-shrunk' if shrunk else ''}.json"


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["schema"] == ACCURACY_SCHEMA and isinstance(content["batches"], list):
            _total(content["batches"])
            return content
    except (ValueError, KeyError, TypeError):
        pass
    raise _damaged(path)


def _damaged(path: Path) -> ResultsFileError:
    return ResultsFileError(
        f"{path}: not measurements as this version writes them: damaged, or of another version; "
        "move the file away to measure again"
    )


def _write(
    path: Path, scenario: Scenario, contender: Contender, snr_db: float, batches: list[Any]
) -> None:
    content = {
        "schema": ACCURACY_SCHEMA,
        "scenario": scenario.model_dump(mode="json"),
        "contender": contender.to_dict(),
        "snr_db": snr_db,
        "batches": batches,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(content, allow_nan=False))
