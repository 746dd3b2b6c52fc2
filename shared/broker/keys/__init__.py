"""Passwords, certificates and keys by which users of the broker are known."""
