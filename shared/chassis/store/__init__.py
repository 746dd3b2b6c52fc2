"""Where the entries of a section are stored."""
