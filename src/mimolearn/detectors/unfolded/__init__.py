"""Iterations unfolded into layers with learned numbers."""
