"""Iterative detection: conjugate gradients, Gauss-Seidel, EP, OAMP and LAMA."""
