"""Beamformers without trained numbers, and the starts that others use."""
