"""The pages about what was: past plans, what differs between two, and how each came about."""
