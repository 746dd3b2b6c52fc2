"""`careplan org` and `careplan sandbox`: organisations at the broker of a running stack."""
