"""Fits of networks that estimate soft bits, on samples of a teacher that were drawn once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from mimolearn.detectors import EQNetEstimator, EQNetPublishedEstimator
from mimolearn.detectors.networks.soft_bits.eq_net import Cues
from mimolearn.foundation.errors import invalid
from mimolearn.link.scenario import Block
from mimolearn.quantizers import EQNetPublished
from mimolearn.quantizers.descent import Fit, Phase, kl_loss, weighted_square
from mimolearn.quantizers.trained import load_quantizer
from mimolearn.training.recipe import Descent

_CLIP_NORM = 0.1

Samples = Iterator[tuple[Block, Tensor]]
"""Blocks of one vector a channel, and their true LLRs (N, 1, Nt, K)."""


class EstimatorFit(Fit):
    """KL(true || estimated) of bit posteriors; the network's cues are computed once."""

    def __init__(
        self, estimator: EQNetEstimator, samples: Samples, plan: Descent, seed: int
    ) -> None:
        """Before the first step.

        Args:
            estimator: at its start.
            samples: of the teacher.
            plan: the descent; its loss is "kl".
            seed: of the choice of samples.

        Raises:
            InvalidInputError: for another loss.
        """
        if plan.loss != "kl":
            raise invalid("loss", plan.loss, "'kl', which 'eq-net' is trained with")
        parts: list[tuple[Tensor, Tensor, Tensor]] = []
        with torch.no_grad():
            for block, true in samples:
                prepared = estimator.prepare(block.h_hat, block.noise_var)
                cues = estimator.read(prepared, block.y)
                order = prepared.order[:, None, :, None].expand(true.shape)
                parts.append((cues.features[:, 0], cues.base[:, 0], true.gather(-2, order)[:, 0]))
        self._features, self._base, self._true = (
            torch.cat(column) for column in zip(*parts, strict=True)
        )
        self._estimator = estimator
        super().__init__(estimator, len(self._true), [_phase(plan, seed)])

    def loss(self, number: int, chosen: Tensor) -> Tensor:
        cues = Cues(self._features[chosen], self._base[chosen])
        return kl_loss(self._estimator.corrected(cues), self._true[chosen]).mean()


class PublishedEstimatorFit(Fit):
    """The paper's second stage, or both parts of the network at once."""

    def __init__(
        self,
        estimator: EQNetPublishedEstimator,
        samples: Samples,
        plan: Descent,
        stage_one: str,
        seed: int,
    ) -> None:
        """Before the first step.

        Args:
            estimator: at its start.
            samples: of the teacher.
            plan: the descent.
            stage_one: weights of an ``eq-net-published`` quantiser, or "". Its decoder is taken
                over and kept as it is; its encoder says which features the soft bits of a sample
                have.
            seed: of the choice of samples.

        Raises:
            InvalidInputError: for weights that do not fit, or a loss of features without them.
        """
        self._of_features, self._name = plan.loss in ("l1", "mse"), plan.loss
        if not stage_one and self._of_features:
            raise invalid("loss", plan.loss, "'kl' or 'weighted-square' without stage_one")
        blocks, trues = zip(*samples, strict=True)
        self._y, self._h, self._noise_var = (
            torch.cat([getattr(block, field) for block in blocks])
            for field in ("y", "h_hat", "noise_var")
        )
        self._true = torch.cat(trues)[:, 0]
        self._target = self._true.new_empty(0)
        self._estimator: Any = estimator
        if stage_one:
            quantizer = _first_stage(stage_one, estimator)
            estimator.decoder.load_state_dict(quantizer.decoder.state_dict())
            estimator.decoder.requires_grad_(False)
            if self._of_features:
                with torch.no_grad():
                    parts = [quantizer.latents(part) for part in self._true.split(16_384)]
                self._target = torch.cat(parts)
        super().__init__(estimator, len(self._true), [_phase(plan, seed)])

    def loss(self, number: int, chosen: Tensor) -> Tensor:
        prepared = self._estimator.prepare(self._h[chosen], self._noise_var[chosen])
        z = self._estimator.features(prepared, self._y[chosen])[:, 0]
        if self._of_features:
            error = z - self._target[chosen]
            return error.abs().mean() if self._name == "l1" else error.square().mean()
        of_bits = kl_loss if self._name == "kl" else weighted_square
        return of_bits(self._estimator.raw_llr_of(z), self._true[chosen]).mean()


def _first_stage(name: str, estimator: EQNetPublishedEstimator) -> EQNetPublished:
    quantizer = load_quantizer(name, estimator.constellation)
    if isinstance(quantizer, EQNetPublished):
        own, theirs = (
            [tuple(weight.shape) for weight in part.decoder.weights]
            for part in (estimator, quantizer)
        )
        if own == theirs:
            return quantizer
    raise invalid("stage_one", name, "weights of 'eq-net-published' for the estimator's decoder")


def _phase(plan: Descent, seed: int) -> Phase:
    clip_norm = _CLIP_NORM if plan.loss == "kl" else 0.0
    return Phase(plan.steps, plan.batch, plan.learning_rate, seed, clip_norm=clip_norm)
