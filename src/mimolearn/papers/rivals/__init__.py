"""What the stored tables of others' detectors need beyond the verbs of a file."""
