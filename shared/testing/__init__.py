"""The kit for tests, examples and the seed; nothing that runs needs it."""
