"""What contributors are told of what became of theirs."""
