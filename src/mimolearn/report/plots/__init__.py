"""Plots: static ones by matplotlib, interactive ones by plotly. Imported only when one is drawn."""
