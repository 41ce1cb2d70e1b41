"""Beamformers with trained numbers."""
