"""Successive interference cancellation."""
