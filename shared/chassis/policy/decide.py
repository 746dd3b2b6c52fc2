"""Who may do what: the one place that decides, and the version of its rules."""

from typing import Final

POLICY_VERSION: Final = "2026-11-30"
"""Stored with every decision; it changes whenever a rule below does."""
