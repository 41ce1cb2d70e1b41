"""Detectors that pass Gaussian messages."""
