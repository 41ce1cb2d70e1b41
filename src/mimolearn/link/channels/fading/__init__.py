"""Channels that fade over the symbols and subcarriers of a resource grid."""
