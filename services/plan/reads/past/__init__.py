"""A plan as it was: what counts of it by a version or by a clock, and what was said then."""
