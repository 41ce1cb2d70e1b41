"""What can be told without results: costs of detectors, what ships, what this machine has."""
