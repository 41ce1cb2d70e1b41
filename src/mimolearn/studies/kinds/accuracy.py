"""Mean squares of estimates, before any decision: errors, and residuals behind the matched filter.

Every chunk holds one batch of channels, which all contenders see.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from mimolearn.detection import GaussianDetection
from mimolearn.detectors import Detector
from mimolearn.foundation.errors import InvalidInputError
from mimolearn.foundation.tensors.state import clean_torch, evaluating
from mimolearn.link.scenario import Block, Scenario
from mimolearn.plans.contender import Contender
from mimolearn.studies.kinds.base import Kind, Task
from mimolearn.studies.kinds.chunk import batch_channels
from mimolearn.studies.kinds.counts import build_detectors
from mimolearn.studies.kinds.seeds import chunk_generator


class Sums(NamedTuple):
    """Of one quantity over channels c: n_c squared errors of each layer, d_c the energy they are
    relative to.

    Attributes:
        n: sums of n_c, one a layer.
        nn: sums of n_c^2, one a layer.
        nd: sums of n_c d_c, one a layer.
        d: sum of d_c.
        dd: sum of d_c^2.
    """

    n: list[float]
    nn: list[float]
    nd: list[float]
    d: float
    dd: float


class SquareSums(NamedTuple):
    """What one contender gave on one chunk, or on several.

    Attributes:
        channels: how many were measured.
        error: sums of the errors of estimates.
        residual: sums of the residuals.
        parts: the same of every chunk.
    """

    channels: int
    error: Sums
    residual: Sums
    parts: tuple[SquareSums, ...] = ()

    def of(self, metric: str) -> Sums:
        """The sums that a metric needs."""
        return self.residual if metric == "residual" else self.error

    def pack(self) -> bytes:
        """A chunk as JSON, whose numbers come back to the last bit."""
        error, residual = self.error._asdict(), self.residual._asdict()
        content = {"channels": self.channels, "error": error, "residual": residual}
        return json.dumps(content, allow_nan=False).encode()

    @classmethod
    def unpack(cls, data: bytes) -> SquareSums:
        """Inverse of ``pack``; ValueError for bytes that it did not make."""
        try:
            content = json.loads(data)
            return cls(content["channels"], Sums(**content["error"]), Sums(**content["residual"]))
        except (KeyError, TypeError) as error:
            raise ValueError(str(error)) from None

    @classmethod
    def join(cls, parts: Sequence[SquareSums]) -> SquareSums:
        """Chunks together."""
        channels = sum(part.channels for part in parts)
        error, residual = (_add([part.of(name) for part in parts]) for name in ("nmse", "residual"))
        return cls(channels, error, residual, tuple(parts))

    def same(self, other: SquareSums) -> bool:
        """Whether two chunks say the same, to the last bit."""
        return self.pack() == other.pack()


class Estimator(NamedTuple):
    """A contender whose estimates are measured.

    Attributes:
        shrunk: True where unbiased estimates are shrunk back to those of least mean square.
    """

    contender: Contender
    shrunk: bool

    @property
    def label(self) -> str:
        """The contender's label."""
        return self.contender.label

    @property
    def is_object(self) -> bool:
        """True for a detector object."""
        return self.contender.is_object

    def key(self) -> str:
        """The contender's key, and whether it is shrunk."""
        return self.contender.key() + ("-shrunk" if self.shrunk else "")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values that ``from_dict`` reads back."""
        return {**self.contender.to_dict(), "shrunk": self.shrunk}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Estimator:
        """Inverse of ``to_dict``."""
        return cls(Contender.from_dict(content), content["shrunk"])


class EstimateAccuracy(Kind):
    """Squared errors and residuals of estimates, layer by layer where there are layers."""

    name: ClassVar[str] = "accuracy"
    words: ClassVar[str] = "mean squares"
    result = SquareSums

    @property
    def chunk_channels(self) -> int:
        return batch_channels(self.scenario)

    def measure(self, task: Task) -> list[SquareSums]:
        with clean_torch():
            generator = chunk_generator(self.scenario.key(), task.snr, task.chunk)
            block = self.scenario.draw(float(task.snr), self.chunk_channels, generator)
            x = self.scenario.points().map(block.indices)
            return [self._sums(i, block, x) for i in task.contenders]

    def _sums(self, contender: int, block: Block, x: Tensor) -> SquareSums:
        detector, shrunk = self.built[contender]
        with evaluating(detector):
            estimates = _estimates(detector, block, shrunk=shrunk)
        error = [_energy(x_hat - x) for x_hat in estimates]
        residual = [
            _energy(_filtered(block, block.y - x_hat @ block.h_hat.mT)) for x_hat in estimates
        ]
        sums = SquareSums(
            len(block.h),
            _sums(error, _energy(x)),
            _sums(residual, _energy(_filtered(block, block.y))),
        )
        if not all(math.isfinite(value) for value in (*sums.error.n, *sums.residual.n)):
            raise InvalidInputError(f"{detector.name}: gave an estimate that is not finite")
        return sums

    def has_iterates(self, contender: int) -> bool:
        """Whether a contender, by position, gives an estimate in every layer."""
        return hasattr(self.built[contender][0], "iterates")

    def _build(self) -> list[tuple[Detector, bool]]:
        estimators = [c for c in self.contenders if isinstance(c, Estimator)]
        built = build_detectors(self.scenario, [e.contender for e in estimators])
        return [(d, e.shrunk) for (_, d), e in zip(built, estimators, strict=True)]

    def _study_key(self) -> str:
        # Error counts on the same scenario stand under its key.
        return f"{self.scenario.key()}-{self.name}"

    @classmethod
    def scenario_from(cls, content: Mapping[str, Any]) -> Scenario:
        return Scenario(**content)

    @classmethod
    def contender_from(cls, content: Mapping[str, Any]) -> Estimator:
        return Estimator.from_dict(content)


def _estimates(detector: Detector, block: Block, *, shrunk: bool) -> list[Tensor]:
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


def _add(parts: Sequence[Sums]) -> Sums:
    def layers(columns: list[list[float]]) -> list[float]:
        return [sum(values) for values in zip(*columns, strict=True)]

    return Sums(
        n=layers([part.n for part in parts]),
        nn=layers([part.nn for part in parts]),
        nd=layers([part.nd for part in parts]),
        d=sum(part.d for part in parts),
        dd=sum(part.dd for part in parts),
    )
