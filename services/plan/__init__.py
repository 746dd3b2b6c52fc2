"""The plan service."""
