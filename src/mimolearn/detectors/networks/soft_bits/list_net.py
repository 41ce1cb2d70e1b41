"""Learned soft bits from the list of a tree search."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Self, final

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from mimolearn.constellation import Constellation, as_constellation
from mimolearn.detection import LLRDetection
from mimolearn.detectors.base import Cost
from mimolearn.detectors.learned import UnfoldedDetector
from mimolearn.detectors.message_passing.cavity import real_model
from mimolearn.detectors.message_passing.ep import ExpectationPropagation
from mimolearn.detectors.message_passing.mmse_pic import MMSEPIC
from mimolearn.detectors.networks.soft_bits.list_masses import (
    NUM_EVEN,
    BitMasses,
    bit_masses,
    informed,
    num_odd,
)
from mimolearn.detectors.priors import check_streams
from mimolearn.detectors.search.k_best import KBest, Survivors
from mimolearn.detectors.search.real_triangular import levels_to_indices
from mimolearn.foundation.errors import check_one_of, check_positive_int
from mimolearn.kernels.networks import calls as network_kernels
from mimolearn.kernels.networks.list_scales import (
    MOST_LLR,
    MOST_SHARE,
    RANGE,
    SHARE_UNIT,
    UNIT,
)

_TRAINED_K = (8, 16, 32, 64)
_MOST_HIDDEN = 256


class Parts(NamedTuple):
    """The untrained detectors whose results the network reads; ep is None beside "lmmse"."""

    tree: KBest
    linear: MMSEPIC
    ep: ExpectationPropagation | None

    def classical(self) -> tuple[MMSEPIC | ExpectationPropagation, ...]:
        return (self.linear,) if self.ep is None else (self.linear, self.ep)


class Prepared(NamedTuple):
    """A channel, and what the classical detectors keep of it.

    Attributes:
        h: (*C, Nr, Nt) complex.
        noise_var: (*C) real.
        states: of the classical detectors.
    """

    h: Tensor
    noise_var: Tensor
    states: tuple[Any, ...]


@final
class ListNet(UnfoldedDetector):
    """Soft bits of a tree's list, with the mass that the list lacks, by one small network.

    Choose it as the trained ``list-net-any`` for coded links: one set of weights serves every size,
    constellation, load and correlation. Decisions are those of ``k-best``. From 16 streams on, and
    under strong correlation, choose k = 64, ``at(k=64)`` of trained weights, or 256, with which it
    is level with ``ep`` where it is behind else. It takes priors.

    A list of k vectors with metrics d gives a bit the masses W_b, sums of exp(-d) over vectors with
    bit = b. All vectors that the Gaussian model of the MMSE receiver has in place of the levels
    have the mass Z. With the bit's posterior q_b by a classical detector, ``lmmse`` or ``ep``,
    ln (W_1 + Z q_1) - ln (W_0 + Z q_0) fills in what the list lacks. That LLR and those of the list
    and of the classical detectors change their sign with the bit's two values: odd inputs o. ln Z/W
    and the width of the list do not: even inputs e. The LLR is f(o, e) - f(-o, e) + w^T o, f with
    two hidden layers of ReLU on compressed inputs, clipped to 20 as those of ``k-best``. Untrained
    it is the filled list of the last classical detector. Where the list holds all vectors, the LLR
    is exact up to 60. With priors all masses are those with priors, and inputs are what y and the
    other bits' priors say of a bit. Neither search nor training knows priors: the LLR then goes
    from the network's towards the last classical detector's by the mean square of tanh(prior / 2).
    Differs from the lists of Hochwald and ten Brink (2003), which say nothing of what they lack;
    the Gaussian mass and the network are ours.

    Runs on the CPU, with gradients for its parameters alone.
    Cost: that of ``k-best``, of ``ep``, and of two products of the weights a bit.

    Args:
        constellation: of the symbols, or its name.
        k: length of the list; default 16.
        beside: the classical detector of the tail: "ep" (default), with ``lmmse`` too, or "lmmse".
        hidden: units of each hidden layer; default 24.
        init_seed: of the first layers before training; default 0.

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> ListNet("bpsk")(y, h, 0.5).llr().round().flatten().tolist()
    [-8.0, -8.0]
    """

    name = "list-net"
    rotation_invariant = True
    halves = "fused"
    takes_prior = True
    any_constellation = True

    def __init__(
        self,
        constellation: Constellation | str,
        k: int = 16,
        beside: str = "ep",
        hidden: int = 24,
        init_seed: int = 0,
    ) -> None:
        super().__init__(constellation, 1)
        self.k = check_positive_int("k", k, 2**18)
        self.beside = check_one_of("beside", beside, ("ep", "lmmse"))
        self.hidden = check_positive_int("hidden", hidden, _MOST_HIDDEN)
        self._parts = _parts(self.constellation, k, beside)
        odd = num_odd(len(self._parts.classical()))
        generator = Generator().manual_seed(init_seed)

        def normal(fan_out: int, fan_in: int) -> nn.Parameter:
            unit = torch.randn((fan_out, fan_in), generator=generator, dtype=torch.float32)
            return nn.Parameter(math.sqrt(2 / fan_in) * unit)

        self.w1 = normal(hidden, odd + NUM_EVEN)
        self.b1 = nn.Parameter(torch.zeros(hidden, dtype=torch.float32))
        self.w2 = normal(hidden, hidden)
        self.b2 = nn.Parameter(torch.zeros(hidden, dtype=torch.float32))
        self.w3 = nn.Parameter(torch.zeros(hidden, dtype=torch.float32))
        straight = torch.zeros(odd, dtype=torch.float32)
        straight[-1] = 1.0
        self.straight = nn.Parameter(straight)

    def serving(self, constellation: Constellation | str) -> Self:
        wanted = as_constellation(constellation)
        if wanted == self.constellation:
            return self
        other = super().serving(wanted)
        other._parts = _parts(wanted, self.k, self.beside)
        return other

    def at(self, *, k: int) -> Self:
        """Return this network, with the same parameters, on lists of another length.

        Args:
            k: length of the list.

        Raises:
            InvalidInputError: for a value that is not allowed.
        """
        other = copy.copy(self)
        other.k = check_positive_int("k", k, 2**18)
        other._parts = _parts(self.constellation, k, self.beside)
        return other

    def views(self, generator: Generator | None) -> Sequence[tuple[UnfoldedDetector, int | None]]:
        if generator is None:
            return ((self, None),)
        number = int(torch.randint(len(_TRAINED_K), (), generator=generator))
        return ((self.at(k=_TRAINED_K[number]), None),)

    def layers(self, prepared: Any, y: Tensor) -> Iterator[Tensor]:
        yield self._detect_by_path(prepared, y).soft_symbols()

    def _learned(self) -> Sequence[Tensor]:
        return tuple(self.parameters())

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> LLRDetection:
        parts = self._parts
        survivors, decided = parts.tree.listed(y, h, noise_var)
        classical = tuple(part._one_shot(y, h, noise_var).llr() for part in parts.classical())
        llr = network_kernels.list_soft_bits(
            self.constellation,
            *survivors,
            classical,
            network_kernels.pack_list_net(*self._learned()),
            complete=self._holds_all(h),
        )
        return LLRDetection(self.constellation, llr, decided=decided)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        h, noise_var = h.detach(), noise_var.detach()
        states = tuple(part.prepare(h, noise_var) for part in self._parts.classical())
        return Prepared(h, noise_var, states)

    def _detect(self, prepared: Prepared, y: Tensor) -> LLRDetection:
        return self._soft(prepared, y, None)

    def _detect_informed(self, prepared: Prepared, y: Tensor, prior_llr: Tensor) -> LLRDetection:
        check_streams(prior_llr, prepared.h.shape[-1])
        return self._soft(prepared, y, prior_llr)

    def _soft(self, prepared: Prepared, y: Tensor, prior_llr: Tensor | None) -> LLRDetection:
        bounded = None if prior_llr is None else prior_llr.clamp(-MOST_LLR, MOST_LLR)
        masses = self.masses(prepared, y, bounded)
        whole = self._holds_all(prepared.h)
        llr = masses.of_list if whole else self.read(masses)
        if prior_llr is not None and bounded is not None:
            if not whole:
                # The search knows no priors: the stronger they are, the less its list counts.
                known = torch.tanh(bounded / 2).square().mean((-2, -1), keepdim=True)
                llr = torch.lerp(llr, masses.odd[..., -2], known)
            llr = llr + prior_llr
        decided = levels_to_indices(masses.best, self.constellation)
        return LLRDetection(self.constellation, llr, decided=decided)

    @property
    def num_classical(self) -> int:
        """Number of classical detectors that the network reads: ``lmmse``, and ``ep``."""
        return len(self._parts.classical())

    def searched(
        self, prepared: Prepared, y: Tensor, prior_llr: Tensor | None = None
    ) -> tuple[Survivors, list[Tensor]]:
        """Return the list of y (*C, T, Nr), and the LLRs of the classical detectors.

        Args:
            prepared: of ``_prepare``.
            y: (*C, T, Nr) complex.
            prior_llr: (*C, T, Nt, K) real, or None; the search knows none.
        """
        with torch.no_grad():
            survivors = self._parts.tree.survivors(y, prepared.h, prepared.noise_var)
            classical = [
                part.detect(state, y, prior_llr).llr()
                for part, state in zip(self._parts.classical(), prepared.states, strict=True)
            ]
        return Survivors(*(part.to(y.device) for part in survivors)), classical

    def of_list(self, survivors: Survivors, classical: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return LLRs (*C, T, Nt, K) and decisions (*C, T, Nt) of what ``searched`` gives."""
        c = self.constellation
        masses = bit_masses(c, survivors, classical)
        whole = survivors.levels.shape[-3] == c.num_points ** survivors.levels.shape[-2]
        llr = masses.of_list if whole else self.read(masses)
        return llr, levels_to_indices(masses.best, c)

    def masses(self, prepared: Prepared, y: Tensor, prior_llr: Tensor | None = None) -> BitMasses:
        """Return what the network reads of y (*C, T, Nr), on the device of y.

        Args:
            prepared: of ``_prepare``.
            y: (*C, T, Nr) complex.
            prior_llr: (*C, T, Nt, K) real, or None.
        """
        c = self.constellation
        with torch.no_grad():
            h, noise_var, y = prepared.h, prepared.noise_var, y.detach()
            survivors, classical = self.searched(prepared, y, prior_llr)
            if prior_llr is not None:
                model = real_model(h.to(torch.complex128), noise_var.double(), c)
                exactly = y.to(torch.complex128), prior_llr.double()
                survivors = informed(c, survivors, model, *exactly)
            return bit_masses(c, survivors, classical, prior_llr)

    def read(self, masses: BitMasses) -> Tensor:
        """Return the network's LLRs (*C, T, Nt, K), without the bits' priors of their own."""
        odd, even = masses.odd, masses.even
        w1, b1, w2, b2, w3, straight = (part.to(odd) for part in self.parameters())
        small = odd / (UNIT + odd.abs() / RANGE)
        share, spread, missing = even.unbind(-1)
        share = (share / SHARE_UNIT).clamp(-MOST_SHARE, MOST_SHARE)
        spread = spread / (UNIT + spread / RANGE)
        known = torch.stack([share, spread, missing], -1)
        turned = small @ w1[:, : small.shape[-1]].mT
        fixed = known @ w1[:, small.shape[-1] :].mT + b1

        def f(first: Tensor) -> Tensor:
            return functional.relu(functional.relu(first) @ w2.mT + b2) @ w3

        llr = f(fixed + turned) - f(fixed - turned) + odd @ straight
        return llr.clamp(-MOST_LLR, MOST_LLR)

    def _holds_all(self, h: Tensor) -> bool:
        return self.constellation.num_points ** h.shape[-1] <= self.k

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        costs = [
            part.cost(num_rx_ant, num_tx_ant)
            for part in (self._parts.tree, *self._parts[1:])
            if part is not None
        ]
        bits = num_tx_ant * self.constellation.bits_per_symbol
        weights = self.w1.numel() + 2 * self.w2.numel() + 2 * self.hidden + len(self.straight)
        # A mass of each vector of the list is added, not multiplied.
        return Cost(
            sum(cost.per_channel for cost in costs),
            sum(cost.per_vector or 0 for cost in costs) + bits * weights,
        )


def _parts(constellation: Constellation, k: int, beside: str) -> Parts:
    ep = ExpectationPropagation(constellation) if beside == "ep" else None
    return Parts(KBest(constellation, k), MMSEPIC(constellation), ep)
