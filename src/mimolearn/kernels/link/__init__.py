"""Drawing channels, transmitting symbols, nearest points, counted errors."""
