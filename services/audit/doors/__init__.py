"""Where events, records and questions come in."""
