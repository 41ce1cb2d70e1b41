"""Iterative detection: conjugate gradients, Gauss-Seidel, EP and OAMP."""
