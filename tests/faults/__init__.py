"""Faults while contributions come in, and a judge from outside who says whether any was lost."""
