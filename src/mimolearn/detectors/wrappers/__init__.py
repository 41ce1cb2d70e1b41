"""Detectors that improve another detector's answer."""
