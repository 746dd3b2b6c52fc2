"""Administration of the broker: topics."""
