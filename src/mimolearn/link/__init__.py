"""What is simulated: the scenario, its channels, its randomness and its codes."""
