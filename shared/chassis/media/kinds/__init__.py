"""The kinds of files that may be stored, and how each is told from what it only seems to be."""
