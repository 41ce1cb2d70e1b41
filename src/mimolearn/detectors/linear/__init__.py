"""Linear detectors, exact and iterative."""
