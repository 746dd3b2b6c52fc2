"""Contributions from several organisations by both doors, and what came back."""
