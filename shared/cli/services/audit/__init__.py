"""`careplan audit`: searches and named questions, on the screen or in files with their proof."""
