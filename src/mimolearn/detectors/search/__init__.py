"""Detectors that search for the best symbol vector."""
