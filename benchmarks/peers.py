"""What mimolearn has and its peers lack, and the other way round, as a Markdown table.

    python benchmarks/peers.py [--rounds 5] [--seconds 0.1]

Sionna is looked at as it is installed here, and raced on the same inputs (eagerly, one thread).
MATLAB cannot be run here: its column says what the manuals of its toolboxes document.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import platform
from collections.abc import Sequence
from typing import NamedTuple

import torch

from bench_detectors import CASES, SEARCH_CASES, Case, measure
from mimolearn import beamformer_names, detector_names, quantizer_names, zoo_names

_RACED = ("lmmse", "ep", "k-best", "ml")


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


def speed_rows(rounds: int, seconds: float) -> list[Row]:
    """Vectors per second of the same detector on the same inputs."""
    rows = []
    for case in (*CASES, *SEARCH_CASES):
        if case.detector in _RACED and case.target and case.channels > 1:
            found = measure(case, rounds, seconds)
            rows.append(
                Row(
                    f"{_case_name(case)}, vectors/s on one thread",
                    f"**{found.rate:,.0f}** ({found.ratio:.0f}×)",
                    f"{found.peer:,.0f}",
                    "not run",
                )
            )
    return rows


def _case_name(case: Case) -> str:
    name = f"`{case.detector}(k={case.k})`" if case.k else f"`{case.detector}`"
    shared = f", {case.vectors} vectors a channel" if case.vectors > 1 else ""
    return f"{name} {case.num_rx_ant}×{case.num_tx_ant} {case.constellation.upper()}{shared}"


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
    parser = argparse.ArgumentParser(description="mimolearn and its peers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.1, help="of one measurement, at least")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    # Some of Sionna's blocks would compile themselves for minutes before the first answer.
    torch.compiler.set_stance("force_eager")
    rows = [*capability_rows(), *speed_rows(arguments.rounds, arguments.seconds)]
    print(markdown(rows))
    print(f"\n{_machine()}, torch {torch.__version__}, one thread.")


def _machine() -> str:
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
