"""Helpers for torch: modes, settings, shared and kept tensors, linear algebra, small networks."""
