"""The audit's doors of searches and named questions."""
