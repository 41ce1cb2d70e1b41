"""Expectation propagation whose posteriors a graph neural network makes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from mimolearn.constellation import Constellation
from mimolearn.detection import AxisLogitDetection, Detection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost
from mimolearn.detectors.learned import UnfoldedDetector
from mimolearn.detectors.message_passing.cavity import (
    Cavity,
    RealModel,
    by_axis,
    cavity,
    matched,
    posterior_inverse,
    real_model,
)
from mimolearn.detectors.priors import moments
from mimolearn.foundation.errors import check_positive_int, check_real, invalid
from mimolearn.foundation.tensors.layers import linear
from mimolearn.foundation.tensors.linalg import add_diagonal, hermitian_inverse

# As in ``ep``: least posterior variance against that of its cavity.
_LEAST_VAR = {torch.float32: 1e-3, torch.float64: 1e-6}
# Vectors go through the network in parts whose messages have this many numbers.
_NUMBERS_AT_ONCE = 2**25
_MOST_WIDTH = 1024


class Prepared(NamedTuple):
    """The real model, the first inverse, and the graph.

    Attributes:
        model: N = 2Nt unknowns (BPSK: Nt).
        first: (*C, 1, N, N) real; the inverse of the first iteration.
        links: (*C, 1, N, N) real; H_r^T H_r over the mean energy of a column.
        noise: (*C, 1, 1, 1) real; noise variance of an axis over that energy.
    """

    model: RealModel
    first: Tensor
    links: Tensor
    noise: Tensor


class Nodes(NamedTuple):
    """What the graph carries of every unknown: features (*C, T, N, S), memory (*C, T, N, W)."""

    features: Tensor
    memory: Tensor


@final
class GEPNet(UnfoldedDetector):
    """``ep`` with a graph neural network between its cavities and its posteriors.

    Choose it to reproduce the published learned detector of small square systems; ``k-best`` has
    fewer errors at a fraction of the time.

    Every real unknown k is a node with features u_k, from (h_k^T y, h_k^T h_k, sigma^2/2). After
    the cavity (mean m_k, variance v_k) of ``ep``, a round gives k the sum over j of a network of
    two hidden layers of (u_k, u_j, h_k^T h_j, sigma^2/2). A GRU reads that sum, m_k and v_k; its
    state gives the new u_k. After the rounds a network of u_k gives the logits of k's levels. Their
    moments give the next Gaussians, damped as in ``ep`` (Kosasih et al. 2022). One set of
    parameters serves any number of antennas, and all constellations of as many levels. Soft output:
    the last logits.
    Differs from the paper: the readout's logits are added to those of the cavity, -(a - m)^2/(2 v),
    and start at zero, so that the network starts as ``ep``; another output g weighs the cavity's by
    2 sigmoid(g) in what is given out, not in the next Gaussians; the readout has ReLUs; products
    are divided by the mean energy of a column, so that the unit of y does not matter; the floor of
    a posterior variance is that of ``ep``.

    Cost: that of ``ep``, and N^2 small networks for every round and vector.

    Args:
        constellation: of the symbols, or its name.
        num_layers: iterations of EP; default 10, as published.
        num_rounds: rounds of messages in each; default 2, as published.
        damping: share of the old Gaussians that is kept, 0 to 1; default 0.9.
        num_features: of a node; default 8, as published.
        width: of the first hidden layers, and of the GRU; even; default 64, as published.

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> GEPNet("bpsk")(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "gepnet"
    rotation_invariant = True

    def __init__(
        self,
        constellation: Constellation | str,
        num_layers: int = 10,
        num_rounds: int = 2,
        damping: float = 0.9,
        num_features: int = 8,
        width: int = 64,
    ) -> None:
        super().__init__(constellation, num_layers)
        self.num_rounds = check_positive_int("num_rounds", num_rounds, 100)
        self.damping = check_real("damping", damping, at_least=0, at_most=1)
        self.num_features = check_positive_int("num_features", num_features, _MOST_WIDTH)
        if check_positive_int("width", width, _MOST_WIDTH) % 2:
            raise invalid("width", width, "an even number")
        self.width = width
        generator = torch.Generator().manual_seed(1)

        def layers(*widths: int) -> nn.ModuleList:
            return nn.ModuleList(linear(a, b, generator) for a, b in itertools.pairwise(widths))

        features, half = num_features, width // 2
        self.start = linear(3, features, generator)
        self.message = layers(2 * features + 2, width, half, features)
        self.reset_update_new = nn.ModuleList(
            linear(inputs, 3 * width, generator) for inputs in (features + 2, width)
        )
        self.node = linear(width, features, generator)
        # A logit for each level, and the share of the cavity in them.
        self.readout = layers(features, width, half, self.constellation.num_levels + 1)
        last = self.readout[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        model = real_model(h, noise_var, self.constellation)
        prior = torch.full_like(noise_var, self._prior())
        first = hermitian_inverse(add_diagonal(model.system, prior))
        energy = model.system.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
        energy = energy.clamp(min=torch.finfo(energy.dtype).tiny)
        links = model.system / energy
        noise = 1 / energy.unsqueeze(-1)
        return Prepared(model, first.unsqueeze(-3), links.unsqueeze(-3), noise)

    def _detect(self, prepared: Prepared, y: Tensor) -> AxisLogitDetection:
        *_, logits = self._logits(prepared, y)
        return self._detection(logits)

    def layers(self, prepared: Prepared, y: Tensor) -> Iterator[Tensor]:
        return (self._detection(logits).soft_symbols() for logits in self._logits(prepared, y))

    def layer_detections(self, prepared: Prepared, y: Tensor) -> Iterator[Detection]:
        return (self._detection(logits) for logits in self._logits(prepared, y))

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        c = self.constellation
        rows = 2 * num_rx_ant if c.is_real else num_rx_ant
        n = num_tx_ant if c.is_real else 2 * num_tx_ant
        features, width, half = self.num_features, self.width, self.width // 2
        # The first layer of a message is a sum of what either end and their link give.
        pair = width + width * half + half * features
        node = 2 * features * width + 3 * width * (features + 2 + width) + width * features
        readout = features * width + width * half + half * (c.num_levels + 1)
        inverse = counting.hermitian_inverse(n, real=True)
        step = counting.matvec(n, n, real=True) + n * (5 * c.num_levels + 8)
        layer = self.num_rounds * (n * n * pair + n * node) + n * readout + step
        prepare = counting.gram(rows, num_tx_ant, real=c.is_real) + inverse
        start = counting.matvec(rows, num_tx_ant, real=c.is_real)
        return Cost(prepare, start + self.num_layers * layer + (self.num_layers - 1) * inverse)

    def _prior(self) -> float:
        """Return the precision of one real unknown of unit-energy symbols."""
        return 1.0 if self.constellation.is_real else 2.0

    def _logits(self, prepared: Prepared, y: Tensor) -> Iterator[Tensor]:
        """Yield the logits (*C, T, N, L) of each iteration."""
        model, inverse, links, noise = prepared
        b = matched(model, y, self.constellation)
        lam, gam = torch.full_like(b, self._prior()), torch.zeros_like(b)
        own = links.diagonal(dim1=-2, dim2=-1).expand_as(b)
        unit = noise.squeeze(-1)
        inputs = torch.stack([b * unit, own, unit.expand_as(b)], -1)
        nodes = Nodes(_affine(self.start, inputs), b.new_zeros(*b.shape, self.width))
        levels = self.constellation.axis(b.dtype, b.device).levels
        for iteration in range(self.num_layers):
            if iteration:
                inverse = posterior_inverse(model, lam)
            known = cavity(inverse, b, lam, gam)
            nodes = self._rounds(nodes, known, links, noise)
            gaps = (known.mean.unsqueeze(-1) - levels).square()
            added, share = _through(self.readout, nodes.features).split([len(levels), 1], -1)
            gaps = gaps / (2 * known.var.unsqueeze(-1))
            yield added - 2 * torch.sigmoid(share) * gaps
            if iteration + 1 < self.num_layers:
                lam, gam = self._refine(added - gaps, known, lam, gam)

    def _rounds(self, nodes: Nodes, known: Cavity, links: Tensor, noise: Tensor) -> Nodes:
        features, memory = nodes
        for _ in range(self.num_rounds):
            total = self._messages(features, links, noise)
            read = torch.cat([total, known.mean.unsqueeze(-1), known.var.unsqueeze(-1)], -1)
            given, kept = (
                _affine(layer, x).chunk(3, -1)
                for layer, x in zip(self.reset_update_new, (read, memory), strict=True)
            )
            reset, update = (torch.sigmoid(given[i] + kept[i]) for i in range(2))
            new = torch.tanh(given[2] + reset * kept[2])
            memory = torch.lerp(new, memory, update)
            features = _affine(self.node, memory)
        return Nodes(features, memory)

    def _messages(self, features: Tensor, links: Tensor, noise: Tensor) -> Tensor:
        """Sum over the other nodes of their messages to each, (*C, T, N, S)."""
        n = features.shape[-2]
        if features.requires_grad or torch.compiler.is_compiling():
            return self._message_sums(features, links, noise)
        # (*C, T, N, S) in parts of vectors, each with the links of its channel.
        flat = features.flatten(0, -3)
        lead = features.shape[:-2]
        graphs = links.expand(*lead, n, n).reshape(-1, n, n)
        noises = noise.expand(*lead, 1, 1).reshape(-1, 1, 1)
        share = max(1, _NUMBERS_AT_ONCE // (n * n * self.width))
        parts = [
            self._message_sums(*part)
            for part in zip(*(x.split(share) for x in (flat, graphs, noises)), strict=True)
        ]
        return torch.cat(parts).reshape(features.shape)

    def _message_sums(self, features: Tensor, links: Tensor, noise: Tensor) -> Tensor:
        first, *others = self.message
        assert isinstance(first, nn.Linear)
        weight = first.weight.to(features.dtype)
        mine, theirs, *rest = weight.split([self.num_features, self.num_features, 1, 1], -1)
        link, of_noise = (part.squeeze(-1) for part in rest)
        both = features @ mine.mT + noise * of_noise + first.bias.to(features.dtype)
        pairs = both.unsqueeze(-2) + (features @ theirs.mT).unsqueeze(-3)
        pairs = functional.relu(pairs + links.unsqueeze(-1) * link)
        for layer in others:
            pairs = functional.relu(_affine(layer, pairs))
        # A node has no message for itself.
        itself = pairs.diagonal(dim1=-3, dim2=-2).mT
        return pairs.sum(-2) - itself

    def _refine(
        self, logits: Tensor, known: Cavity, lam: Tensor, gam: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Match the moments of the network's posterior, then damp."""
        mean, var = moments(logits, self.constellation.axis(logits.dtype, logits.device).levels)
        var = torch.maximum(var, _LEAST_VAR[var.dtype] * known.var)
        new_lam = 1 / var - 1 / known.var
        new_gam = mean / var - known.mean / known.var
        valid = new_lam >= 0
        new_lam, new_gam = torch.where(valid, new_lam, lam), torch.where(valid, new_gam, gam)
        return torch.lerp(new_lam, lam, self.damping), torch.lerp(new_gam, gam, self.damping)

    def _detection(self, logits: Tensor) -> AxisLogitDetection:
        c = self.constellation
        real = torch.stack([by_axis(part, c) for part in logits.unbind(-1)], -1)
        axis = c.axis(logits.dtype, logits.device)
        best = axis.to_index[real.argmax(-1)]
        decided = best[..., 0] if c.is_real else best[..., 0] + (best[..., 1] >> 1)
        return AxisLogitDetection(c, real, decided)


def _affine(layer: nn.Module, x: Tensor) -> Tensor:
    """Return layer(x), with its numbers in the precision of x."""
    assert isinstance(layer, nn.Linear)
    return functional.linear(x, layer.weight.to(x.dtype), layer.bias.to(x.dtype))


def _through(layers: nn.ModuleList, x: Tensor) -> Tensor:
    """Return the output of affine layers with ReLU between."""
    for number, layer in enumerate(layers):
        x = _affine(layer, functional.relu(x) if number else x)
    return x
