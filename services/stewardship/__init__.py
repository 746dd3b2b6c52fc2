"""The stewardship service."""
