"""Tokens: what is signed, by which keys, and what each claim grants."""
