"""Figures and tables of the WeSNet paper."""
