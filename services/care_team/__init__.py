"""The care team service."""
