"""Commands that run receivers and beamformers, and compare what came out."""
