"""The support plans service."""
