"""Sionna's detectors as contenders in our comparisons: ``sionna-lmmse`` and others."""

from __future__ import annotations

import importlib
import warnings
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import LLRDetection
from mimolearn.detectors import Cost, Detector, counting, make_detector, register_peer
from mimolearn.foundation.errors import check_one_of, check_positive_int, check_real, invalid
from mimolearn.foundation.tensors.made_once import made_once

_METHODS = {"exact": "app", "max-log": "maxlog"}


class Prepared(NamedTuple):
    """What a peer keeps of a channel; Sionna's blocks keep nothing more.

    Attributes:
        h: (*C, Nr, Nt) complex, over the noise's standard deviation.
        deviation: (*C, 1, 1) standard deviation of the noise.
    """

    h: Tensor
    deviation: Tensor


class _Peer(Detector):
    """One of Sionna's blocks, which work on one channel and one covariance a vector."""

    @abstractmethod
    def _block(self, num_tx_ant: int, precision: str) -> Callable[..., Tensor]:
        """Sionna's block."""

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        deviation = noise_var.sqrt()[..., None, None]
        return Prepared(h / deviation, deviation)

    def _detect(self, prepared: Prepared, y: Tensor) -> LLRDetection:
        h, deviation = prepared
        precision = "double" if y.dtype == torch.complex128 else "single"
        block = self._block(h.shape[-1], precision)
        vectors = (y / deviation).flatten(0, -2)
        h = h.unsqueeze(-3).expand(*y.shape[:-1], *h.shape[-2:]).reshape(-1, *h.shape[-2:])
        covariance = torch.eye(y.shape[-1], dtype=y.dtype, device=y.device)
        # Some blocks would compile themselves for minutes before the first answer.
        with torch.compiler.set_stance("force_eager"):
            llr = self._run(block, vectors, h, covariance.expand(len(vectors), -1, -1))
        return LLRDetection(self.constellation, llr.reshape(*y.shape[:-1], *llr.shape[-2:]))

    def _run(self, block: Callable[..., Tensor], y: Tensor, h: Tensor, s: Tensor) -> Tensor:
        return block(y, h, s)

    def _ours(self, num_rx_ant: int, num_tx_ant: int, name: str, **options: Any) -> Cost:
        """What the algorithm needs, not what is done again for every vector of a channel."""
        ours = make_detector(name, self.constellation, **options)
        return ours.cost(num_rx_ant, num_tx_ant)


@final
class SionnaLMMSE(_Peer):
    """Sionna's linear MMSE detector.

    Choose it to see this library's ``lmmse`` beside another implementation.
    Same equations; the channel is inverted again for every vector. Cost: that of ``lmmse``. Needs
    sionna-no-rt.

    Args:
        constellation: points, or their name.
        demapping: "exact" or "max-log".
    """

    name = "sionna-lmmse"
    any_points = True

    def __init__(self, constellation: Constellation | str, demapping: str = "exact") -> None:
        super().__init__(constellation)
        self.demapping = check_one_of("demapping", demapping, tuple(_METHODS))

    def _block(self, num_tx_ant: int, precision: str) -> Callable[..., Tensor]:
        return _linear(self.constellation, _METHODS[self.demapping], precision)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return self._ours(num_rx_ant, num_tx_ant, "lmmse")


@final
class SionnaEP(_Peer):
    """Sionna's expectation propagation, on real axes.

    Choose it to see ``ep`` beside another implementation.
    The same equations; its bits are the signs of its LLRs. Cost: that of ``ep``. Needs
    sionna-no-rt.

    Args:
        constellation: points, or their name.
        num_iter: iterations.
        damping: from 0 to 1.

    Raises:
        InvalidInputError: for BPSK.
    """

    name = "sionna-ep"

    def __init__(
        self, constellation: Constellation | str, num_iter: int = 10, damping: float = 0.9
    ) -> None:
        super().__init__(constellation)
        _refuse_bpsk(self)
        self.num_iter = check_positive_int("num_iter", num_iter, 10_000)
        self.damping = check_real("damping", damping, at_least=0, at_most=1)

    def _block(self, num_tx_ant: int, precision: str) -> Callable[..., Tensor]:
        bits = self.constellation.bits_per_symbol
        return _ep(bits, self.num_iter, self.damping, precision)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return self._ours(num_rx_ant, num_tx_ant, "ep", num_iter=self.num_iter)


@final
class SionnaKBest(_Peer):
    """Sionna's K-best search over whole symbols, LLRs from its list, clipped at 20.

    Choose it to see ``k-best``, which searches axis by axis, beside another implementation.
    Theirs can do that too, but then leaves the order of axes of equal norm to rounding.
    Cost: that of ``k-best``. It refuses more streams than antennas. Needs sionna-no-rt.

    Args:
        constellation: points, or their name.
        k: survivors, at most all points.
    """

    name = "sionna-k-best"
    any_points = True

    def __init__(self, constellation: Constellation | str, k: int = 16) -> None:
        super().__init__(constellation)
        self.k = check_positive_int("k", k, 2**18)

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        if num_tx_ant > num_rx_ant:
            raise invalid("h", f"<shape ({num_rx_ant}, {num_tx_ant})>", "Nt <= Nr")

    def _block(self, num_tx_ant: int, precision: str) -> Callable[..., Tensor]:
        k = min(self.k, self.constellation.num_points**num_tx_ant)
        return _k_best(self.constellation, num_tx_ant, k, precision)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return self._ours(num_rx_ant, num_tx_ant, "k-best", k=self.k)


@final
class SionnaMMSEPIC(_Peer):
    """Sionna's MMSE detector with parallel interference cancellation, without prior knowledge.

    Choose it as an iterative soft receiver, of which this library has none. Cost: a Gram matrix a
    channel, and an inverse with two products an iteration and vector. Needs sionna-no-rt.

    Args:
        constellation: points, or their name.
        num_iter: self-iterations.
        demapping: "exact" or "max-log".
    """

    name = "sionna-mmse-pic"
    any_points = True

    def __init__(
        self, constellation: Constellation | str, num_iter: int = 3, demapping: str = "exact"
    ) -> None:
        super().__init__(constellation)
        self.num_iter = check_positive_int("num_iter", num_iter, 10_000)
        self.demapping = check_one_of("demapping", demapping, tuple(_METHODS))

    def _block(self, num_tx_ant: int, precision: str) -> Callable[..., Tensor]:
        method = _METHODS[self.demapping]
        return _mmse_pic(self.constellation, method, self.num_iter, precision)

    def _run(self, block: Callable[..., Tensor], y: Tensor, h: Tensor, s: Tensor) -> Tensor:
        prior = y.real.new_zeros(len(y), h.shape[-1], self.constellation.bits_per_symbol)
        return block(y, h, s, prior)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        n = num_tx_ant
        step = counting.hermitian_inverse(n) + 2 * counting.matvec(n, n)
        matched = counting.matvec(num_rx_ant, n)
        return Cost(counting.gram(num_rx_ant, n), matched + self.num_iter * step)


def _refuse_bpsk(peer: Detector) -> None:
    if peer.constellation.is_real:
        raise invalid("constellation", peer.constellation.name, f"QPSK or larger for {peer.name!r}")


def _module(name: str) -> Any:
    with warnings.catch_warnings():
        # What that library's own imports warn of is not ours to answer for.
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def _points(constellation: Constellation, precision: str) -> Any:
    """Sionna's object of our points in our order: labels are then ours by construction."""
    theirs = _module("sionna.phy.mapping")
    dtype = torch.complex128 if precision == "double" else torch.complex64
    return theirs.Constellation(
        "custom",
        constellation.bits_per_symbol,
        points=constellation.points_as(dtype),
        precision=precision,
        device="cpu",
    )


# Blocks hold no state of a channel, and building one takes as long as detecting a batch.
@made_once(maxsize=16)
def _linear(constellation: Constellation, method: str, precision: str) -> Callable[..., Tensor]:
    points = _points(constellation, precision)
    options = {"constellation": points, "precision": precision, "device": "cpu"}
    return _module("sionna.phy.mimo").LinearDetector("lmmse", "bit", method, **options)


@made_once(maxsize=16)
def _ep(bits: int, num_iter: int, damping: float, precision: str) -> Callable[..., Tensor]:
    options = {"precision": precision, "device": "cpu"}
    return _module("sionna.phy.mimo").EPDetector("bit", bits, l=num_iter, beta=damping, **options)


@made_once(maxsize=16)
def _k_best(
    constellation: Constellation, streams: int, k: int, precision: str
) -> Callable[..., Tensor]:
    points = _points(constellation, precision)
    options = {"constellation": points, "precision": precision, "device": "cpu"}
    return _module("sionna.phy.mimo").KBestDetector("bit", streams, k, **options)


@made_once(maxsize=16)
def _mmse_pic(
    constellation: Constellation, method: str, num_iter: int, precision: str
) -> Callable[..., Tensor]:
    points = _points(constellation, precision)
    options = {"constellation": points, "precision": precision, "device": "cpu"}
    return _module("sionna.phy.mimo").MMSEPICDetector("bit", method, num_iter, **options)


PEERS = tuple(register_peer(cls) for cls in (SionnaLMMSE, SionnaEP, SionnaKBest, SionnaMMSEPIC))
"""Registered by name: what ``make_detector`` and comparisons know beside our own."""
