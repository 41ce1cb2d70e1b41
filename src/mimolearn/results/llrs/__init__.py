"""What recorded LLRs are worth: sign convention, calibration, best scale, bits to store them in."""
