"""Which random stream a chunk draws from: decided by what it is, not by when or where it runs."""

from __future__ import annotations

import hashlib

from mimolearn.link.randomness import CounterGenerator


def chunk_seed(scenario_key: str, snr: str, chunk: int) -> int:
    """Seed of one chunk: the first 64 bits of SHA-256 over scenario key, canonical SNR and number.

    >>> chunk_seed("a", "10.000000", 0) == chunk_seed("a", "10.000000", 1)
    False
    """
    digest = hashlib.sha256(f"{scenario_key}|{snr}|{chunk}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def chunk_generator(scenario_key: str, snr: str, chunk: int) -> CounterGenerator:
    """The stream of one chunk."""
    return CounterGenerator(chunk_seed(scenario_key, snr, chunk))
