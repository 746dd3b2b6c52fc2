"""What an entry is, and what its section declares of it."""
