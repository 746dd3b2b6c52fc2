"""Five invented people, and the plans made with them, contribution by contribution."""
