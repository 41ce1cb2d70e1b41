"""The simulated link: scenarios, channel models, random numbers and block codes."""
