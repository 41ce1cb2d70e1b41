"""Which random stream a chunk draws from: decided by what it is, not by when or where it runs."""

from __future__ import annotations

import hashlib

from torch import Generator


def chunk_seed(scenario_key: str, snr: str, chunk: int) -> int:
    """Seed of one chunk: the first 63 bits of SHA-256 over scenario key, canonical SNR and number.

    >>> chunk_seed("a", "10.000000", 0) == chunk_seed("a", "10.000000", 1)
    False
    """
    digest = hashlib.sha256(f"{scenario_key}|{snr}|{chunk}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def chunk_generator(scenario_key: str, snr: str, chunk: int) -> Generator:
    """The stream of one chunk.

    torch's CPU generator keeps the low 32 bits of a seed, so that among n chunks of a point two
    are twins with probability n^2 / 2^33 (0.1 % at 3,000): one chunk then counts twice, which
    changes an interval by less than 1/n.
    """
    return Generator().manual_seed(chunk_seed(scenario_key, snr, chunk))
