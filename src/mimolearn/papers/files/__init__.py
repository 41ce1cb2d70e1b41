"""Papers as TOML files: what stands in them, how they are read, and what is checked at once."""
