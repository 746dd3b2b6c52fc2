"""The HTTP doors to what is counted of a plan."""
