"""The random stream of a chunk, which follows from what the chunk is and from nothing else."""

from __future__ import annotations

import hashlib

from mimolearn.link.randomness import CounterGenerator


def chunk_seed(scenario_key: str, snr: str, chunk: int) -> int:
    """Seed of one chunk: the first 64 bits of SHA-256 over its three arguments.

    Args:
        scenario_key: of the scenario.
        snr: canonical.
        chunk: its number.

    >>> chunk_seed("a", "10.000000", 0) == chunk_seed("a", "10.000000", 1)
    False
    """
    digest = hashlib.sha256(f"{scenario_key}|{snr}|{chunk}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def chunk_generator(scenario_key: str, snr: str, chunk: int) -> CounterGenerator:
    """The stream of one chunk.

    Args:
        scenario_key: of the scenario.
        snr: canonical.
        chunk: its number.
    """
    return CounterGenerator(chunk_seed(scenario_key, snr, chunk))
