"""`careplan contract`: what there is, what has changed, and whether a file fits."""
