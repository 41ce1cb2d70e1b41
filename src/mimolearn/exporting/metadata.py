"""What an exported file says of itself: plain text by key, JSON where it is more than a word."""

from __future__ import annotations

import json
from importlib.metadata import version

import torch

from mimolearn.constellation import Constellation
from mimolearn.detectors import Detector, ListNet
from mimolearn.link.scenario import Scenario
from mimolearn.quantizers import Quantizer

_DETECTOR_INPUTS = {
    "y": "(batch, vectors, num_rx_ant, 2) float32: received, last axis real and imaginary part",
    "h": "(batch, num_rx_ant, num_tx_ant, 2) float32: channel that all vectors of a row share",
    "noise_var": "(batch) float32: linear, per receive antenna, total over both parts",
}
_DETECTOR_OUTPUTS = {
    "llr": "(batch, vectors, num_tx_ant, bits): ln P(b=1)/P(b=0), positive means 1",
    "indices": "(batch, vectors, num_tx_ant) int64: decided points",
}


_BITS = "(batch, vectors, num_tx_ant, bits) float32: ln P(b=1)/P(b=0)"
_HEAD_INPUTS = {
    "metrics": "(batch, vectors, k) float32: ||y - H x||^2 / noise_var of each vector x of the "
    "list, less what all vectors have in common",
    "levels": "(batch, vectors, k, num_tx_ant, axes) int64: its levels, 0 the lowest",
    "log_evidence": "(batch, vectors) float32: ln of the sum of exp(-metric) over all vectors of "
    "the Gaussian prior of the axes' mean energy, in the unit of metrics",
    "llr_lmmse": f"{_BITS} of lmmse",
    "llr_ep": f"{_BITS} of ep",
}


def list_head_metadata(
    net: ListNet, weights: str, sha256: str, scenario: Scenario
) -> dict[str, str]:
    """What the ONNX file of the network of ``list-net`` says of itself, as text by key.

    Args:
        net: what was exported.
        weights: name of its weights; "" where it has none.
        sha256: of the weights' file; "" where it has none.
        scenario: the link that it was exported for.
    """
    whole = detector_metadata(net, weights, sha256, scenario)
    inputs = dict(list(_HEAD_INPUTS.items())[: 3 + net.num_classical])
    return {**whole, "kind": "list head", "k": str(net.k), "input_layout": json.dumps(inputs)}


def detector_metadata(
    detector: Detector, weights: str, sha256: str, scenario: Scenario
) -> dict[str, str]:
    """What the ONNX file of a detector says of itself, as text by key.

    Args:
        detector: what was exported.
        weights: name of its weights; "" where it has none.
        sha256: of the weights' file; "" where it has none.
        scenario: the link that it was exported for.
    """
    cost = detector.cost(scenario.num_rx_ant, scenario.num_tx_ant)
    return {
        **_common("detector", detector.name, weights, sha256, detector.constellation),
        "real_multiplications": json.dumps(cost._asdict()),
        "num_tx_ant": str(scenario.num_tx_ant),
        "num_rx_ant": str(scenario.num_rx_ant),
        "snr_definition": scenario.snr_definition,
        "noise_convention": _DETECTOR_INPUTS["noise_var"],
        "input_layout": json.dumps(_DETECTOR_INPUTS),
        "output_layout": json.dumps(_DETECTOR_OUTPUTS),
        "scenario": scenario.model_dump_json(),
    }


def quantizer_metadata(
    quantizer: Quantizer, half: str, weights: str, sha256: str, scenario: Scenario
) -> dict[str, str]:
    """What the ONNX file of one half of a quantiser says of itself, as text by key.

    Args:
        quantizer: what was exported.
        half: "encoder" or "decoder".
        weights: name of its weights; "" where it has none.
        sha256: of the weights' file; "" where it has none.
        scenario: the link that it was checked on.
    """
    streams, bits = quantizer.streams_per_group(), quantizer.constellation.bits_per_symbol
    levels = list(quantizer.word_levels())
    llr = f"(batch, {streams}, {bits}) float32: ln P(b=1)/P(b=0) of {streams} streams"
    codes = (
        f"(batch, {quantizer.words_per_group()}, {len(levels)}) int64: code j is below "
        "word_levels[j]"
    )
    layout = {"llr": llr, "codes": codes}
    takes, gives = ("llr", "codes") if half == "encoder" else ("codes", "llr")
    common = _common(f"quantizer {half}", quantizer.name, weights, sha256, quantizer.constellation)
    return {
        **common,
        "snr_definition": scenario.snr_definition,
        "noise_convention": _DETECTOR_INPUTS["noise_var"],
        "input_layout": json.dumps({takes: layout[takes]}),
        "output_layout": json.dumps({gives: layout[gives]}),
        "word_levels": json.dumps(levels),
        "bits_per_llr": f"{quantizer.bits_per_llr:g}",
        "scenario": scenario.model_dump_json(),
    }


def _common(
    kind: str, network: str, weights: str, sha256: str, constellation: Constellation
) -> dict[str, str]:
    points = torch.view_as_real(constellation.points_as(torch.complex128))
    return {
        "mimolearn_version": version("mimolearn"),
        "kind": kind,
        "network": network,
        "weights": weights,
        "weights_sha256": sha256,
        "constellation": constellation.name,
        "points": json.dumps([[round(x, 9) for x in point] for point in points.tolist()]),
        "labelling": "3GPP TS 38.211 5.1; the label of a point is its index, first bit highest",
        "llr": "ln P(b=1)/P(b=0)",
    }
