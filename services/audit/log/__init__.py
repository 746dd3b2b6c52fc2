"""The log: the tree over all records, what it signs of itself, and the proofs it gives."""
