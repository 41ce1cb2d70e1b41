"""Fully connected networks, unfolded or plain."""
