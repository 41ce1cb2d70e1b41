"""Detectors whose iterations are layers with learned parameters."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Generator, Tensor

from mimolearn.constellation import Constellation, as_constellation
from mimolearn.detection import Detection
from mimolearn.detectors.base import Detector
from mimolearn.foundation.errors import check_positive_int, invalid
from mimolearn.weights import Weights, load_into

# A file of weights names these sizes before its content is checked: none may fill the memory.
MAX_LAYERS = 1024
MAX_STREAMS = 4096


class UnfoldedDetector(Detector):
    """A detector of ``num_layers`` layers with learned parameters.

    Training calls ``prepare`` and reads ``layers`` or ``layer_detections``, so both keep gradients.
    A detector that is trained on reduced channels (see ``channels.reduced``) must be
    ``rotation_invariant``.

    Args:
        constellation: of the symbols, or its name.
        num_layers: number of layers, 1 to 1024.
    """

    def __init__(self, constellation: Constellation | str, num_layers: int) -> None:
        super().__init__(constellation)
        self.num_layers = check_layers(num_layers)

    any_constellation: ClassVar[bool] = False
    """Whether the parameters of one constellation serve all others."""
    random_start: ClassVar[bool] = False
    """Whether a new network is random. Others begin as a classical method, untrained or not."""
    training_dtype: torch.dtype | None = None
    """In training, the type of large products, where a network knows how; the loop sets it."""

    def serving(self, constellation: Constellation | str) -> Self:
        """Return this network for a constellation, with the same parameters.

        Args:
            constellation: of the symbols, or its name.

        Raises:
            InvalidInputError: for another constellation, unless ``any_constellation``.
        """
        wanted = as_constellation(constellation)
        if wanted == self.constellation:
            return self
        self._check_points(wanted)
        if not self.any_constellation:
            expected = f"{self.constellation}, which this network is made for"
            raise invalid("constellation", f"<{wanted}>", expected)
        other = copy.copy(self)
        other.constellation = wanted
        return other

    @abstractmethod
    def layers(self, prepared: Any, y: Tensor) -> Iterator[Tensor]:
        """Yield the raw complex estimate (*C, T, Nt) of each layer, computed on demand.

        Args:
            prepared: what ``prepare`` returned for channels (*C, Nr, Nt).
            y: (*C, T, Nr) complex; the received vectors.
        """

    def iterates(self, prepared: Any, y: Tensor) -> list[Tensor]:
        """Return all of ``layers``, which convergence plots read.

        Args:
            prepared: what ``prepare`` returned for channels (*C, Nr, Nt).
            y: (*C, T, Nr) complex; the received vectors.
        """
        return list(self.layers(prepared, y))

    def layer_detections(self, prepared: Any, y: Tensor) -> Iterator[Detection]:
        """Yield the detections of the layers that have one; by default of the last alone.

        Args:
            prepared: what ``prepare`` returned for channels (*C, Nr, Nt).
            y: (*C, T, Nr) complex; the received vectors.
        """
        yield self._detect_by_path(prepared, y)

    def layer_logits(self, prepared: Any, y: Tensor) -> Tensor:
        """Return the logits of the levels of the real axes, (L, *C, T, n, P or 1); see
        ``level_logits``.

        Args:
            prepared: what ``prepare`` returned for channels (*C, Nr, Nt).
            y: (*C, T, Nr) complex; the received vectors.
        """
        raise invalid("loss", "level-entropy", f"another: {self.name!r} has no logits of levels")

    def views(self, generator: Generator | None) -> Sequence[tuple[UnfoldedDetector, int | None]]:
        """Return the networks whose losses a training step adds up, each with its depth.

        Each is this network or a part of it that shares the parameters.

        Args:
            generator: of the step; None asks for the networks to validate on.
        """
        return ((self, None),)

    def penalty(self) -> Tensor | None:
        """Return what a recipe adds to the loss, times its ``penalty`` weight; None for nothing."""
        return None

    def layer_parameters(self) -> Sequence[tuple[Tensor, int]]:
        """Return parameters whose rows are layers, each with the layer of its row 0.

        Training may freeze such rows.
        """
        return ()

    def share_streams(self, seed: int) -> None:
        """Start again with weights that treat all streams alike; most networks have none.

        Args:
            seed: of the random weights.
        """
        raise invalid("train", "shared", f"another: {self.name!r} has no weights to share")

    def share_gradients(self) -> None:
        """Change gradients so that weights which treat all streams alike continue to do so."""

    def small_state(self) -> dict[str, Tensor] | None:
        """Return tensors of a file that hold the whole state in less memory; None if none do."""
        return None

    def load_small(self, weights: Weights) -> None:
        """Take over weights of layout "small"; most networks have none.

        Args:
            weights: of layout "small".
        """
        load_into(self, weights)

    def set_sharpness(self, sharpness: float) -> None:
        """Anneal a soft quantiser towards a hard one; a network without one refuses.

        Args:
            sharpness: how steep the steps are, above 0.
        """
        raise invalid("sharpness", sharpness, f"no sharpness: {self.name!r} has no soft quantiser")

    def start_from(self, other: UnfoldedDetector) -> None:
        """Take over the parameters of a trained network, by default one of the same kind.

        Args:
            other: the trained network.
        """
        try:
            self.load_state_dict(other.state_dict())
        except RuntimeError:
            expected = f"weights of {self.name!r} with the same options"
            raise invalid("start_from", f"<{type(other).__name__}>", expected) from None

    def finished(self) -> UnfoldedDetector:
        """Return what is stored when training ends: this network, or a smaller form of it."""
        return self


def check_layers(num_layers: object) -> int:
    """Return a number of layers within MAX_LAYERS, or raise InvalidInputError."""
    if check_positive_int("num_layers", num_layers) > MAX_LAYERS:
        raise invalid("num_layers", num_layers, f"at most {MAX_LAYERS}")
    assert isinstance(num_layers, int)
    return num_layers


def check_streams(num_tx_ant: object) -> int:
    """Return a number of streams within MAX_STREAMS, or raise InvalidInputError."""
    if check_positive_int("num_tx_ant", num_tx_ant) > MAX_STREAMS:
        raise invalid("num_tx_ant", num_tx_ant, f"at most {MAX_STREAMS}")
    assert isinstance(num_tx_ant, int)
    return num_tx_ant
