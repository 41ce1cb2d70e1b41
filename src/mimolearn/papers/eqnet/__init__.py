"""Figures and tables of EQ-Net (Arvinte et al. 2022)."""
