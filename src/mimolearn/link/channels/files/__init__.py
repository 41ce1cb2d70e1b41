"""Readers of channel files: each lists the variables of a file by name, shape and type."""
