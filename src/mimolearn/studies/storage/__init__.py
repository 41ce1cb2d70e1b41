"""Results files: every finished chunk, and nothing that is not accounted for."""
