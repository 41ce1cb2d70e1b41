"""Torch made safe to build on: modes, settings, shared and owned tensors, small algebra."""
