"""The contingency plans service."""
