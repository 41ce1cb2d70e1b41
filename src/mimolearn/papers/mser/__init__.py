"""Hybrid beamforming by minimum symbol-error rate (Shi et al.): its figures and tables."""
