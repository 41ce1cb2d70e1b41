"""Fully connected networks, unfolded or plain, and networks behind classical detectors."""
