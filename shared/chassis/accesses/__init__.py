"""Accesses: who was shown something of a plan, or was denied it, recorded before the answer."""
