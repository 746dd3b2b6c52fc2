"""How much was contributed to a plan, by whom and when."""
