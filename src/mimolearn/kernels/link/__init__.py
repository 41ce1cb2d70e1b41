"""Drawing channels, sending symbols, deciding, counting errors, decoding."""
