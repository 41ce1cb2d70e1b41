"""What mimolearn has and its peers lack, and the other way round: the table of docs/speed.md.

    python benchmarks/peers.py

Sionna is looked at as it is installed here; bench_detectors.py races it. MATLAB cannot be run here:
its column says what the manuals of its toolboxes document.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
from collections.abc import Sequence
from typing import NamedTuple

import measured
from mimolearn import beamformer_names, detector_names, quantizer_names, zoo_names


class Row(NamedTuple):
    what: str
    ours: str
    sionna: str
    matlab: str


def names_in(module: str, *wanted: str) -> str:
    """Which of these names a module of Sionna has, or "no"."""
    if importlib.util.find_spec(module) is None:
        return "no"
    there = [name for name in wanted if hasattr(importlib.import_module(module), name)]
    return ", ".join(f"`{name}`" for name in there) or "no"


def capability_rows() -> list[Row]:
    """What is there, counted in what is installed."""
    mimo, ofdm = "sionna.phy.mimo", "sionna.phy.ofdm"
    detectors = names_in(
        mimo,
        "LinearDetector",
        "EPDetector",
        "KBestDetector",
        "MaximumLikelihoodDetector",
        "MMSEPICDetector",
    )
    precoders = names_in(mimo, "rzf_precoder", "cbf_precoding_matrix", "grid_of_beams_dft")
    codes = names_in("sionna.phy.fec", "ldpc", "polar", "turbo", "conv")
    estimators = names_in(ofdm, "LSChannelEstimator", "LMMSEChannelEstimator")
    pusch = names_in("sionna.phy.nr", "PUSCHTransmitter", "PUSCHReceiver")
    return [
        Row(
            "MIMO detectors",
            f"{len(detector_names())}",
            detectors,
            "sphere decoder (`comm.SphereDecoder`), MMSE and ZF equalisers",
        ),
        Row(
            "Trained networks and quantisers that ship, with recipe and card",
            f"{len(zoo_names())}",
            "no",
            "no",
        ),
        Row(
            "Quantisers of soft bits",
            ", ".join(f"`{name}`" for name in quantizer_names()),
            "no",
            "no",
        ),
        Row(
            "Hybrid beamforming",
            f"{len(beamformer_names())} methods, exact symbol-error rate",
            f"digital precoding: {precoders}",
            "orthogonal matching pursuit (`omphybweights`)",
        ),
        Row(
            "The same counts from any number of workers, after a kill, on a cluster",
            "yes, bit for bit",
            "no: a global seed; counts follow batch size and device",
            "no: `parfor` and its streams are left to the user",
        ),
        Row(
            "Intervals on error rates; A against B on common draws",
            "both",
            "no",
            "intervals of single curves (`berconfint`)",
        ),
        Row("Multiplications, parameters, measured time beside each error rate", "yes", "no", "no"),
        Row(
            "Published figures run again and judged",
            "`mimolearn reproduce`",
            "tutorials",
            "examples",
        ),
        Row(
            "Receivers as ONNX files, checked on the same frames",
            "`mimolearn export`",
            "no",
            "networks of Deep Learning Toolbox (`exportONNXNetwork`)",
        ),
        Row(
            "GPU",
            "through PyTorch, without the compiled kernels",
            "yes, and `torch.compile`",
            "GPU arrays in parts",
        ),
        Row(
            "Iterative detection and decoding",
            "`passes = n` on `mmse-pic`, `ep`, `ml`",
            names_in(mimo, "MMSEPICDetector"),
            "no",
        ),
        Row(
            "Channel codes",
            "LDPC (5G NR with transport blocks, 802.11n, any parity-check matrix)",
            codes,
            "LDPC, polar, turbo, convolutional",
        ),
        Row(
            "OFDM with pilots and channel estimation",
            "5 estimators, claimed errors true to 0.5 dB",
            estimators,
            "5G, LTE, WLAN toolboxes",
        ),
        Row(
            "Standard-compliant 5G NR links",
            "uplink: PUSCH, equal to Sionna's bit for bit",
            pusch,
            "5G Toolbox",
        ),
        Row("Ray tracing", "no: bring the channels in a file", "Sionna RT", "`raytrace`"),
    ]


def markdown(rows: Sequence[Row]) -> str:
    sionna = f"sionna-no-rt {importlib.metadata.version('sionna-no-rt')}"
    head = ["", "mimolearn", sionna, "MATLAB (its manuals)"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    """Write the table to docs/measured and to the page that shows it."""
    argparse.ArgumentParser(description="mimolearn and its peers").parse_args()
    record = measured.about("python benchmarks/peers.py", "sionna-no-rt")
    rows = capability_rows()
    table = f"{markdown(rows)}\n\n{measured.caption(record)}"
    measured.publish("peers", {**record, "rows": [row._asdict() for row in rows]}, {"peers": table})
    print(markdown(rows))


if __name__ == "__main__":
    main()
