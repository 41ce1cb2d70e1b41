"""Ouameur and Massicotte 2021: Deep unfolded conjugate gradient-based detection."""
