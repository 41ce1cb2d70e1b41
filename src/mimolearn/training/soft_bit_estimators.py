"""Fitting networks that estimate soft bits, on samples of a teacher that were drawn once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from mimolearn.detectors import EQNetEstimator, EQNetPublishedEstimator
from mimolearn.detectors.networks.soft_bits.eq_net import Cues
from mimolearn.foundation.errors import invalid
from mimolearn.foundation.plainmodel import Count, PlainModel, Real
from mimolearn.link.scenario import Block
from mimolearn.quantizers import EQNetPublished
from mimolearn.quantizers.descent import kl_loss, minimise, weighted_square
from mimolearn.quantizers.trained import load_quantizer

_CLIP_NORM = 0.1

LossName = Literal["kl", "weighted-square", "l1", "mse"]
Samples = Iterator[tuple[Block, Tensor]]
"""Blocks of one vector a channel, and their true LLRs (N, 1, Nt, K)."""


class Descent(PlainModel):
    """Steps of Adam with a cosine, uses a step, learning rate at the start.

    loss: of LLRs "kl" or "weighted-square" (the paper's first stage), or of features, those of a
    quantiser's encoder, "l1" (the paper's second stage) or "mse".
    """

    steps: Annotated[Count, Field(le=10_000_000)] = 8000
    batch: Annotated[Count, Field(le=1_000_000)] = 256
    learning_rate: Annotated[Real, Field(gt=0, le=1)] = 3e-3
    loss: LossName = "kl"


def fit_estimator(estimator: EQNetEstimator, samples: Samples, fit: Descent, seed: int) -> None:
    """Minimise KL(true || estimated) bit posteriors, the network's cues being computed once."""
    if fit.loss != "kl":
        raise invalid("loss", fit.loss, "'kl', which 'eq-net' is trained with")
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    with torch.no_grad():
        for block, true in samples:
            prepared = estimator.prepare(block.h_hat, block.noise_var)
            cues = estimator.read(prepared, block.y)
            place = prepared.order[:, None, :, None].expand(true.shape)
            parts.append((cues.features[:, 0], cues.base[:, 0], true.gather(-2, place)[:, 0]))
    features, base, true = (torch.cat(column) for column in zip(*parts, strict=True))

    def loss(chosen: Tensor) -> Tensor:
        found = estimator.corrected(Cues(features[chosen], base[chosen]))
        return kl_loss(found, true[chosen]).mean()

    _minimise(estimator, loss, len(true), fit, seed)


def fit_published(
    estimator: EQNetPublishedEstimator, samples: Samples, fit: Descent, stage_one: str, seed: int
) -> None:
    """The paper's second stage, or without ``stage_one`` both parts at once.

    stage_one: weights of an ``eq-net-published`` quantiser. Its decoder is taken over and kept as
    it is; its encoder says which features the soft bits of a sample have.
    """
    if not stage_one and fit.loss in ("l1", "mse"):
        raise invalid("loss", fit.loss, "'kl' or 'weighted-square' without stage_one")
    blocks, trues = zip(*samples, strict=True)
    y, h, noise_var = (
        torch.cat([getattr(block, field) for block in blocks])
        for field in ("y", "h_hat", "noise_var")
    )
    true = torch.cat(trues)[:, 0]
    target = true.new_empty(0)
    if stage_one:
        quantizer = _first_stage(stage_one, estimator)
        estimator.decoder.load_state_dict(quantizer.decoder.state_dict())
        estimator.decoder.requires_grad_(False)
        if fit.loss in ("l1", "mse"):
            with torch.no_grad():
                target = torch.cat([quantizer.latents(part) for part in true.split(16_384)])

    def loss(chosen: Tensor) -> Tensor:
        prepared = estimator.prepare(h[chosen], noise_var[chosen])
        z = estimator.features(prepared, y[chosen])[:, 0]
        if fit.loss in ("l1", "mse"):
            error = z - target[chosen]
            return error.abs().mean() if fit.loss == "l1" else error.square().mean()
        found = estimator.raw_llr_of(z)
        of_bits = kl_loss if fit.loss == "kl" else weighted_square
        return of_bits(found, true[chosen]).mean()

    _minimise(estimator, loss, len(true), fit, seed)


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


def _minimise(
    estimator: EQNetEstimator | EQNetPublishedEstimator,
    loss: Callable[[Tensor], Tensor],
    num_samples: int,
    fit: Descent,
    seed: int,
) -> None:
    minimise(
        estimator,
        loss,
        num_samples,
        steps=fit.steps,
        batch=fit.batch,
        learning_rate=fit.learning_rate,
        seed=seed,
        clip_norm=_CLIP_NORM if fit.loss == "kl" else None,
    )
    estimator.requires_grad_(False)
