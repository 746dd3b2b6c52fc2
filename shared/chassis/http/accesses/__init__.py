"""The HTTP door to accesses that were recorded."""
