"""Compilation, 16-lane vectors, memory, mathematics and counter-based random numbers."""
