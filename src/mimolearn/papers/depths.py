"""Curves over layers from the logs of trainings layer by layer."""

from __future__ import annotations

import math

import torch

from mimolearn.foundation.errors import invalid
from mimolearn.papers.panels import AccuracyCurve, AccuracyPanel, CurvePoint, TrainingLog
from mimolearn.weights import read_card


def logged_curve(panel: AccuracyPanel, log: TrainingLog) -> AccuracyCurve:
    """NMSE in dB of every depth at the panel's SNR, on the validation set of the training.

    The card holds mean squares over noise variances, which the panel's scenario turns back.

    Args:
        panel: on which the curve is shown.
        log: the weights.

    Raises:
        InvalidInputError: the weights were trained otherwise.
    """
    card, snr_db = read_card(log.weights), panel.snr_db[0]
    losses = next((d.losses for d in card.depths if d.snr_db == snr_db), ())
    if not losses or card.recipe["loss"] != {
        **card.recipe["loss"],
        "name": "mse",
        "over_noise": True,
    }:
        raise invalid(
            "weights", log.weights, f"trained layer by layer at {snr_db:g} dB, mse over noise"
        )
    scenario = panel.scenarios[0]
    h = torch.ones(1, scenario.num_rx_ant, scenario.num_tx_ant, dtype=torch.complex64)
    noise_var = float(scenario.noise_var(snr_db, h))
    values = [10 * math.log10(loss * noise_var) for loss in losses]
    points = [CurvePoint(depth, v, v, v) for depth, v in enumerate(values, start=1)]
    return AccuracyCurve(log.label, tuple(points))
