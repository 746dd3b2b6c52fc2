"""From the declarations of the sections to contracts, topics and checks."""
