"""Running services and their committed contracts, held against each other."""
