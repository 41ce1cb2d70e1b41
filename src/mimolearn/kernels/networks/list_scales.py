"""Bounds and units of the numbers that ``list-net`` reads; cheap to import."""

MOST = 60.0
"""Of a difference of metrics and of a logarithm of masses: beyond, float32 has none."""
MOST_LLR = 20.0
"""Of an LLR, read or given: larger ones say no more, and do harm where the channel is not exact."""
LEAST_MASS = 1e-30
UNIT, RANGE = 4.0, 2.5
"""A compressed number is x / (UNIT + |x| / RANGE): below RANGE."""
SHARE_UNIT, MOST_SHARE = 5.0, 4.0
"""The logarithm of the tail's mass over the list's is divided by the first, then bounded."""
