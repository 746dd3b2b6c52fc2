"""What DAPB4022 asks for, as facts: its elements, and which declaration carries each of them."""
