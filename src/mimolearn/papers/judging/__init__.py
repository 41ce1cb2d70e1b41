"""Claims judged by what was measured: quantities, bounds, and the end that each claim earns."""
