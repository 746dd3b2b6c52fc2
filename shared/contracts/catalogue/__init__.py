"""The contracts as pages for people: a static site, made from ``contracts/`` alone."""
