"""Doors to plans of which only the person is known."""
