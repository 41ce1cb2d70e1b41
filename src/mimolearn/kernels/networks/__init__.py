"""Layers of unfolded and fully connected networks."""
