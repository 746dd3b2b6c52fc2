"""What differs between two plans of one person, by entry, field and word."""
