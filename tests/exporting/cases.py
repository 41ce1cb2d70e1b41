"""What is exported in tests: one of each family, small."""

from __future__ import annotations

import mimolearn as ml


def link(num_tx_ant: int, num_rx_ant: int, constellation: str) -> ml.Scenario:
    return ml.Scenario(
        num_tx_ant=num_tx_ant,
        num_rx_ant=num_rx_ant,
        constellation=constellation,
        channel_reuse=2,
        snr_definition="per_stream",
    )


# Small and, where that makes no other graph, untrained: complex products and a choice of levels,
# a factorisation and features of the channel, and a network behind sorted streams.
WRITTEN = {
    "lcgnet-v": ({"num_tx_ant": 2, "num_layers": 2}, link(2, 4, "16-qam"), 12.0),
    "tap-net": ({"num_layers": 1, "adaptive": True}, link(2, 3, "qpsk"), 6.0),
    "eq-net": ({"num_tx_ant": 2}, link(2, 2, "16-qam"), 14.0),
}
# The other families, traced and run as pairs of real numbers, which is where they differ;
# benchmarks/export_all.py writes all weights at full size.
STREAMS = {"num_tx_ant": 2, "num_layers": 2}
TRACED = {
    "lcgnet-s": ({"num_layers": 2}, link(2, 4, "qpsk")),
    "lcgnet-m": (STREAMS, link(2, 4, "bpsk")),
    "qlcgnet-v": (STREAMS, link(2, 3, "bpsk")),
    "qlcgnet-v-soft": (STREAMS, link(2, 3, "bpsk")),
    "detnet": (STREAMS, link(2, 4, "bpsk")),
    "wesnet": (STREAMS, link(2, 4, "bpsk")),
    "l-wesnet": (STREAMS, link(2, 4, "bpsk")),
    "r-wesnet": (STREAMS, link(2, 4, "bpsk")),
    "slim-wesnet": (STREAMS, link(2, 4, "bpsk")),
    "equi-net": ({"num_layers": 2}, link(2, 4, "qpsk")),
    "deep-cg": ({"num_layers": 3}, link(2, 6, "16-qam")),
    "nn-det": ({"num_tx_ant": 2}, link(2, 2, "qpsk")),
    "gepnet": ({"num_layers": 2, "width": 8}, link(2, 4, "16-qam")),
    "oamp-net2": ({"num_layers": 2, "variances": "streams"}, link(3, 4, "qpsk")),
    "eq-net": ({"num_tx_ant": 2, "cues": "ep", "num_iter": 2}, link(2, 2, "qpsk")),
    "oamp": ({"num_iter": 3, "damping": 0.2}, link(2, 4, "bpsk")),
}
# One of each way to store soft bits; the first two are written too.
STORED = (
    "max-mi-2x2-64qam-24",
    "eq-net-2x2-64qam-24",
    "deep-llr-2x2-64qam-36",
    "eq-net-published-2x2-64qam-36",
)
LMMSE = link(3, 6, "qpsk")
