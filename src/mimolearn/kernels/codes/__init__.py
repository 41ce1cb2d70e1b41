"""Encoding, decoding, CRC and rate matching of block codes."""
