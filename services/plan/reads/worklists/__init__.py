"""Reads across the plans of an organisation: what there is to do."""
