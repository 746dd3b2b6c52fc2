"""What was, on a page: versions, contributions, and what differs between two plans."""
