"""The stack itself: its folder and ports, its services, and the order in which they start."""
