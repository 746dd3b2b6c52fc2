"""Where events and questions come in."""
