"""The lists of codes that the standard names, with words for each code that is held here."""
