"""Compiled CPU kernels. Nothing here is imported until a detector or a generator needs it."""
