"""The value types that fields of entries are made of; ``shared.ledger`` is where to import them.

They say their shape with the standard library alone.
"""
