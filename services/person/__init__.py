"""The person service."""
